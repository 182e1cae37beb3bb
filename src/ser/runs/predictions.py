"""A run's predictions as tables: a row a test utterance, with the probability of every class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
)


@dataclass(frozen=True)
class Predictions:
    """What predictions.csv says: rows as they stand there, and the class order."""

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

    def write(self, path: Path) -> None:
        """Write predictions.csv, or predictions_tta.csv."""
        write_csv(path, self.rows)

    def _numbers(self, column: str) -> list[int]:
        number = {label: index for index, label in enumerate(self.labels)}
        return [number[row[column]] for row in self.rows]


def predictions_of(
    utterances: Sequence[Utterance], labels: Sequence[str], probabilities: npt.NDArray[np.float32]
) -> Predictions:
    """A row for each test utterance; `probabilities` are (n_test, n_classes)."""
    attributes = dict.fromkeys(name for utterance in utterances for name in utterance.attributes)
    # An attribute must not pass for one of our own columns.
    columns = {name: f"attribute_{name}" if is_reserved(name) else name for name in attributes}
    rows = []
    for utterance, row in zip(utterances, probabilities, strict=True):
        rows.append(
            {
                UTTERANCE: utterance.id,
                PATH: str(utterance.path),
                SPEAKER: utterance.speaker or "",
                EMOTION: utterance.emotion,
                PREDICTED: labels[int(row.argmax())],
                **{probability_column(label): f"{value:.6f}" for label, value in zip(labels, row, strict=True)},
                **{column: utterance.attributes.get(name, "") for name, column in columns.items()},
            }
        )
    return Predictions(rows, list(labels))


def pooled(folds: Mapping[int, Predictions]) -> Predictions:
    """The predictions of all folds, with a column `fold`."""
    rows = [{**row, FOLD: str(fold)} for fold, predictions in folds.items() for row in predictions.rows]
    return Predictions(rows, next(iter(folds.values())).labels)


def read_predictions(path: Path) -> Predictions:
    """Read predictions.csv, or predictions_tta.csv.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    rows = read_csv(path)
    labels = [emotion for column in (rows[0] if rows else ()) if (emotion := emotion_of(column)) is not None]
    if not rows or not {row.get(column) for row in rows for column in (EMOTION, PREDICTED)} <= set(labels):
        raise ValueError(f"{path} is damaged: it is empty, or names an emotion without a column of its own")
    return Predictions(rows, labels)
