"""How near the answers of a test come to its raters."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser import raters
from ser.runs.predictions import Predictions, predictions_of
from ser.runs.report import render, rewrite_report, write_report
from ser.runs.voting import vote_scores
from tests.facts import facts
from tests.runs.test_predictions import LABELS, clip

N_CLIPS = 60


def rated(seed: int = 0, *, near: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Votes of five raters, and answers that come as near to their odds."""
    random = np.random.default_rng(seed)
    odds = random.dirichlet(np.full(len(LABELS), 0.5), N_CLIPS)
    return random.multinomial(5, odds), near * odds + (1 - near) / len(LABELS)


def made(votes: np.ndarray, answers: np.ndarray) -> Predictions:
    """Of six speakers."""
    clips = []
    for i, own in enumerate(votes.tolist()):
        one = clip(f"{i:02}", LABELS[int(np.argmax(own))], f"s{i % 6}")
        clips.append(replace(one, votes=dict(zip(LABELS, own, strict=True))))
    return predictions_of(clips, LABELS, answers.astype(np.float32))


def test_scores_are_means_over_clips_with_intervals_over_speakers() -> None:
    votes, answers = rated()
    found, wanted = vote_scores(made(votes, answers)), votes / 5
    assert found is not None and found.n == N_CLIPS
    mean = np.tile(wanted.mean(axis=0), (N_CLIPS, 1))
    for one, measure in ((found.cross_entropy, raters.cross_entropy), (found.jensen_shannon, raters.jensen_shannon)):
        assert one.value == pytest.approx(measure(wanted, answers).mean(), abs=1e-4)
        assert one.of_the_mean == pytest.approx(measure(wanted, mean).mean(), abs=1e-5)
        assert one.least == pytest.approx(measure(wanted, wanted).mean(), abs=1e-4)
        low, high = one.interval
        assert one.least < low < one.value < high < one.of_the_mean
    farther = vote_scores(made(votes, rated(near=0.5)[1]))
    assert farther is not None and farther.jensen_shannon.value > found.jensen_shannon.value


def test_without_votes_or_numbers_there_are_none() -> None:
    votes, answers = rated()
    assert vote_scores(predictions_of([clip("a")], LABELS, answers[:1].astype(np.float32))) is None
    broken = made(votes, answers)
    broken.rows[0]["p_sad"] = "nan"
    assert vote_scores(broken) is None


@pytest.mark.usefixtures("no_figures")
def test_the_report_is_made_again_from_files_alone(tmp_path: Path) -> None:
    predictions = made(*rated())
    written = write_report(tmp_path, facts(corpus={"agreement": 0.5}), predictions)
    before = json.loads((tmp_path / "metrics.json").read_text())
    assert before["votes"]["n"] == N_CLIPS and before["corpus"]["agreement"] == 0.5
    assert "Jensen-Shannon divergence" in render(written.results) and "alpha 0.500" in render(written.results)
    assert rewrite_report(tmp_path).results == written.results
    assert json.loads((tmp_path / "metrics.json").read_text()) == before
