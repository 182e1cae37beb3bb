"""A run's predictions as tables: a row a test utterance, with the probability of every class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser import metrics
from ser.corpora.base import Utterance
from ser.files import read_csv, write_csv

PREDICTIONS, TTA_PREDICTIONS = "predictions.csv", "predictions_tta.csv"
RESERVED_COLUMNS = ("utterance", "path", "speaker", "emotion", "predicted", "fold")


@dataclass(frozen=True)
class Predictions:
    """What predictions.csv says: rows as they stand, the class order, and class numbers (n_test,)."""

    rows: list[dict[str, str]]
    labels: list[str]
    truth: list[int]
    predicted: list[int]

    @property
    def confusion(self) -> metrics.Counts:
        return metrics.confusion_matrix(self.truth, self.predicted, len(self.labels))


def write_predictions(
    path: Path, utterances: Sequence[Utterance], labels: Sequence[str], probabilities: npt.NDArray[np.float32]
) -> None:
    """Write predictions: one row a test utterance, with `probabilities` of shape (n_test, n_classes)."""
    attributes = dict.fromkeys(name for utterance in utterances for name in utterance.attributes)
    # An attribute must not pass for one of our own columns.
    columns = {name: f"attribute_{name}" if _is_reserved(name) else name for name in attributes}
    rows = []
    for utterance, row in zip(utterances, probabilities, strict=True):
        rows.append(
            {
                "utterance": utterance.id,
                "path": str(utterance.path),
                "speaker": utterance.speaker or "",
                "emotion": utterance.emotion,
                "predicted": labels[int(row.argmax())],
                **{f"p_{label}": f"{value:.6f}" for label, value in zip(labels, row, strict=True)},
                **{column: utterance.attributes.get(name, "") for name, column in columns.items()},
            }
        )
    write_csv(path, rows)


def pool_predictions(folder: Path, folds: Mapping[int, Path]) -> None:
    """Write the predictions of all folds into `folder`, with a column `fold`."""
    for name in (PREDICTIONS, TTA_PREDICTIONS):
        rows: list[dict[str, str]] = []
        for fold, fold_folder in folds.items():
            if (fold_folder / name).exists():
                rows += [{**row, "fold": str(fold)} for row in read_csv(fold_folder / name)]
        if rows:
            write_csv(folder / name, rows)


def read_predictions(path: Path) -> Predictions:
    """Read predictions; the classes are the `p_` columns, in their order."""
    rows = read_csv(path)
    labels = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")]
    number = {label: index for index, label in enumerate(labels)}
    truth = [number[row["emotion"]] for row in rows]
    predicted = [number[row["predicted"]] for row in rows]
    return Predictions(rows, labels, truth, predicted)


def _is_reserved(name: str) -> bool:
    return name in RESERVED_COLUMNS or name.startswith("p_")
