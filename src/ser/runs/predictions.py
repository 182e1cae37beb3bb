"""A run's predictions as tables: a row a test utterance, with the probability of every class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser import metrics
from ser.corpora.base import Utterance
from ser.files import read_csv, write_csv
from ser.runs.names import (
    EMOTION,
    FOLD,
    PATH,
    PREDICTED,
    SPEAKER,
    UTTERANCE,
    emotion_of,
    is_reserved,
    probability_column,
    votes_column,
)


@dataclass(frozen=True)
class Predictions:
    """What predictions.csv, or a table like it, says: rows as they stand there, and the class order."""

    rows: list[dict[str, str]]
    labels: list[str]

    @property
    def truth(self) -> list[int]:
        """Class numbers (n_test,)."""
        return self._numbers(EMOTION)

    @property
    def predicted(self) -> list[int]:
        """Class numbers (n_test,)."""
        return self._numbers(PREDICTED)

    @property
    def confusion(self) -> metrics.Counts:
        """Counts (n_classes, n_classes), truth along the rows."""
        return metrics.confusion_matrix(self.truth, self.predicted, len(self.labels))

    @property
    def probabilities(self) -> metrics.Floats:
        """(n_clips, n_classes), 0 to 1, with six digits.

        Raises:
            ValueError: one is missing, or no number.
        """
        columns = [probability_column(label) for label in self.labels]
        read = np.array([[float(row[column] or "nan") for column in columns] for row in self.rows])
        if not np.isfinite(read).all():
            raise ValueError("a probability is missing, or no number")
        return read

    @property
    def votes(self) -> metrics.Floats:
        """What part of the raters named each class, (n_clips, n_classes); nan where nobody did, or it is not known."""
        columns = [votes_column(label) for label in self.labels]
        counts = np.array([[float(row.get(column) or 0) for column in columns] for row in self.rows])
        n_votes = counts.sum(axis=1, keepdims=True)
        shares: metrics.Floats = np.divide(counts, n_votes, out=np.full_like(counts, np.nan), where=n_votes > 0)
        return shares

    def with_probabilities(self, probabilities: metrics.Floats) -> "Predictions":
        """The same clips with other probabilities (n_clips, n_classes), and what follows from them."""
        pairs = zip(self.rows, probabilities, strict=True)
        return Predictions([{**row, **_answer(self.labels, own)} for row, own in pairs], self.labels)

    def write(self, path: Path) -> None:
        """Write the table."""
        write_csv(path, self.rows)

    def _numbers(self, column: str) -> list[int]:
        number = {label: index for index, label in enumerate(self.labels)}
        return [number[row[column]] for row in self.rows]


def predictions_of(
    utterances: Sequence[Utterance], labels: Sequence[str], probabilities: npt.NDArray[np.float32]
) -> Predictions:
    """A row for each utterance; `probabilities` are (n_utterances, n_classes)."""
    attributes = dict.fromkeys(name for utterance in utterances for name in utterance.attributes)
    # An attribute must not pass for one of our own columns.
    rated = labels if any(utterance.votes for utterance in utterances) else ()
    columns = {name: f"attribute_{name}" if is_reserved(name) else name for name in attributes}
    rows = []
    for utterance, row in zip(utterances, probabilities, strict=True):
        rows.append(
            {
                UTTERANCE: utterance.id,
                PATH: str(utterance.path),
                SPEAKER: utterance.speaker or "",
                EMOTION: utterance.emotion,
                **_answer(labels, row),
                **{votes_column(label): _votes(utterance, label) for label in rated},
                **{column: utterance.attributes.get(name, "") for name, column in columns.items()},
            }
        )
    return Predictions(rows, list(labels))


def _answer(labels: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]) -> dict[str, str]:
    """What a row says of a clip by its probabilities (n_classes,)."""
    columns = {probability_column(label): f"{value:.6f}" for label, value in zip(labels, probabilities, strict=True)}
    return {PREDICTED: labels[int(probabilities.argmax())], **columns}


def _votes(utterance: Utterance, label: str) -> str:
    return f"{utterance.votes.get(label, 0):g}" if utterance.votes else ""


def confidence(row: Mapping[str, str]) -> float:
    """The probability of what was predicted, by a row."""
    return float(row[probability_column(row[PREDICTED])])


def pooled(folds: Mapping[int, Predictions]) -> Predictions:
    """The predictions of all folds, with a column `fold`."""
    rows = [{**row, FOLD: str(fold)} for fold, predictions in folds.items() for row in predictions.rows]
    return Predictions(rows, next(iter(folds.values())).labels)


def read_predictions(path: Path) -> Predictions:
    """Read predictions.csv, or a table like it.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    rows = read_csv(path)
    labels = [emotion for column in (rows[0] if rows else ()) if (emotion := emotion_of(column)) is not None]
    if not rows or not {row.get(column) for row in rows for column in (EMOTION, PREDICTED)} <= set(labels):
        raise ValueError(f"{path} is damaged: it is empty, or names an emotion without a column of its own")
    return Predictions(rows, labels)
