"""Verdicts of checks."""

from pathlib import Path

import numpy as np
import pytest

from ser.corpora.base import Utterance
from ser.runs.check import OVERFIT, SHUFFLED, SILENCE, judge
from ser.runs.predictions import Predictions, predictions_of

LABELS = ["neutral", "sad", "angry", "happy"]


def predictions(skill: float, *, n_speakers: int = 20, n_each: int = 40, n_present: int = 4) -> Predictions:
    """Guesses, and so large a part of right answers; of the labels the first `n_present` are in the truth."""
    random = np.random.default_rng(0)
    truth = np.arange(n_speakers * n_each) % n_present
    known = random.random(len(truth)) < skill
    answers = np.where(known, truth, random.integers(len(LABELS), size=len(truth)))
    clips = [
        Utterance(f"{place}", Path(f"{place}.wav"), LABELS[label], f"s{place // n_each}", "made")
        for place, label in enumerate(truth)
    ]
    return predictions_of(clips, LABELS, np.eye(len(LABELS), dtype=np.float32)[answers])


@pytest.mark.parametrize("name", [SHUFFLED, SILENCE])
def test_a_guess_is_chance_and_a_little_knowledge_is_not(name: str) -> None:
    guessed, known = judge(name, predictions(0.0)), judge(name, predictions(0.15))
    assert guessed.passed and guessed.said.startswith(f"check={name} passed: UAR 0.2")
    assert "over 20 speakers, chance 0.250" in guessed.said and "say little" not in guessed.said
    assert not known.passed and known.said.startswith(f"check={name} FAILED: UAR 0.3")


def test_chance_is_of_the_emotions_in_the_test_whatever_their_rates() -> None:
    assert "chance 0.500" in judge(SHUFFLED, predictions(0.0, n_present=2)).said
    rare = predictions(0.0)
    rows = [row for place, row in enumerate(rare.rows) if row["emotion"] != "sad" or place % 8 == 1]
    constant = [{**row, "predicted": "neutral"} for row in rows]
    found = judge(SHUFFLED, Predictions(constant, LABELS))
    assert found.passed and "UAR 0.250 [0.250, 0.250]" in found.said


def test_below_chance_is_well_and_explained() -> None:
    told = predictions(0.0)
    wrong = {label: LABELS[(place + 1) % 4] for place, label in enumerate(LABELS)}
    rows = [{**row, "predicted": wrong[row["emotion"]]} for row in told.rows]
    found = judge(SHUFFLED, Predictions(rows, LABELS))
    assert found.passed and "used up" in found.said


def test_few_clips_say_little() -> None:
    found = judge(SHUFFLED, predictions(0.0, n_speakers=2, n_each=20))
    assert found.passed and "over 40 clips" in found.said and "So few clips (40) say little" in found.said


def test_what_was_not_learnt_by_heart_is_counted() -> None:
    assert judge(OVERFIT, predictions(1.0, n_speakers=1)).said == (
        "check=overfit passed: all 40 clips were learnt by heart"
    )
    rows = predictions(1.0, n_speakers=1).rows
    missed = [{**row, "predicted": "sad"} if place < 3 else row for place, row in enumerate(rows)]
    found = judge(OVERFIT, Predictions(missed, LABELS))
    assert not found.passed and "2 of 40 clips were not learnt by heart (1 neutral, 1 angry)" in found.said
