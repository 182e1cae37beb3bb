"""predictions.csv is written and read again."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser.corpora.base import Utterance
from ser.runs.predictions import Predictions, predictions_of, read_predictions

LABELS = ["neutral", "sad", "angry"]


def clip(name: str, emotion: str = "sad", speaker: str | None = "s", **attributes: str) -> Utterance:
    return Utterance(name, Path(f"{name}.wav"), emotion, speaker, "made", attributes)


def read_again(folder: Path, predictions: Predictions) -> Predictions:
    predictions.write(folder / "predictions.csv")
    return read_predictions(folder / "predictions.csv")


@pytest.mark.parametrize("seed", range(2))
def test_what_is_read_is_what_was_written(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(len(LABELS), size=30).tolist()
    clips = [clip(f'声, "{i}"', LABELS[label], f"話者{i % 3}", gender="f, m") for i, label in enumerate(truth)]
    probabilities = random.dirichlet(np.ones(len(LABELS)), 30).astype(np.float32)
    made = predictions_of(clips, LABELS, probabilities)
    assert read_again(tmp_path, made) == made
    assert (made.truth, made.predicted) == (truth, probabilities.argmax(axis=1).tolist())
    for row, utterance in zip(made.rows, clips, strict=True):
        assert (row["utterance"], row["path"]) == (utterance.id, str(utterance.path))
        assert (row["speaker"], row["emotion"], row["gender"]) == (utterance.speaker, utterance.emotion, "f, m")
        assert sum(float(row[f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-5)


def test_probabilities_are_exchanged_for_others() -> None:
    clips = [clip("a", gender="f"), clip("b", "angry")]
    made = predictions_of(clips, LABELS, np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]], np.float32))
    np.testing.assert_allclose(made.probabilities, [[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])
    others = made.with_probabilities(np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]))
    assert others == predictions_of(clips, LABELS, np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]], np.float32))
    assert (others.truth, others.predicted) == ([1, 2], [0, 2])


@pytest.mark.parametrize("word", ["", "nan", "x"])
def test_a_probability_that_is_no_number_is_refused(word: str) -> None:
    made = predictions_of([clip("a")], LABELS, np.ones((1, 3), np.float32))
    with pytest.raises(ValueError):
        _ = Predictions([{**made.rows[0], "p_sad": word}], LABELS).probabilities


def test_columns(tmp_path: Path) -> None:
    predictions_of([clip("a", gender="f")], LABELS, np.ones((1, 3), np.float32)).write(tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    fixed = ["utterance", "path", "speaker", "emotion", "predicted"]
    assert columns == [*fixed, *(f"p_{label}" for label in LABELS), "gender"]


def test_a_corpus_s_attributes_do_not_disturb_the_columns(tmp_path: Path) -> None:
    one = Utterance("a", Path("a.wav"), "sad", "s", "made", {"p_age": "33", "emotion": "furious", "fold": "x"})
    read = read_again(tmp_path, predictions_of([one], ["neutral", "sad"], np.array([[0.9, 0.1]], np.float32)))
    assert (read.labels, read.truth, read.predicted) == (["neutral", "sad"], [1], [0])


def test_attributes_and_speakers_that_some_clips_lack(tmp_path: Path) -> None:
    clips = [clip("a", speaker=None, age="33"), clip("b", place="x")]
    rows = read_again(tmp_path, predictions_of(clips, ["sad"], np.ones((2, 1), np.float32))).rows
    assert [(row["speaker"], row["age"], row["place"]) for row in rows] == [("", "33", ""), ("s", "", "x")]


def test_labels_in_any_script_survive(tmp_path: Path) -> None:
    labels = ["怒り", "喜び, 大", 'tri"ste"']
    clips = [clip(str(i), label) for i, label in enumerate(labels)]
    read = read_again(tmp_path, predictions_of(clips, labels, np.eye(3, dtype=np.float32)[[0, 2, 2]]))
    assert (read.labels, read.truth, read.predicted) == (labels, [0, 1, 2], [0, 2, 2])


def test_votes_stand_beside_the_answers(tmp_path: Path) -> None:
    rated = replace(clip("a", votes_by="x"), votes={"sad": 3, "angry": 1, "bored": 2})
    rows = read_again(tmp_path, predictions_of([rated, clip("b")], LABELS, np.full((2, 3), 1 / 3, np.float32)))
    assert [rows.rows[0][f"votes_{label}"] for label in LABELS] == ["0", "3", "1"] and rows.rows[1]["votes_sad"] == ""
    np.testing.assert_array_equal(rows.votes, [[0, 0.75, 0.25], [np.nan] * 3])
    assert rows.rows[0]["attribute_votes_by"] == "x" and rows.labels == LABELS
    plain = predictions_of([clip("b")], LABELS, np.full((1, 3), 1 / 3, np.float32))
    assert not any(column.startswith("votes_") for column in plain.rows[0]) and np.isnan(plain.votes).all()
