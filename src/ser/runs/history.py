"""history.csv of a run folder: a row for each finished epoch."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ser.files import read_csv
from ser.runs.facts import Validation
from ser.runs.names import EPOCH, HISTORY, VALIDATION, validation_column

History = Sequence[Mapping[str, Any]]
"""Its rows, by column; values are numbers, or words that can be read as such."""


def read_history(folder: Path) -> History:
    """The rows of history.csv; none where no epoch was finished."""
    path = folder / HISTORY
    return read_csv(path) if path.exists() else []


def validation_of(history: History, epoch: int) -> Validation | None:
    """Scores on the validation part after an epoch; None where it was not finished, or nothing was validated."""
    scores = row_of(history, epoch, VALIDATION)
    return Validation(epoch=epoch, **scores) if scores else None


def row_of(history: History, epoch: int, names: Sequence[str]) -> dict[str, float] | None:
    """Some scores on validation after an epoch, by name; None where it was not finished, or nothing was validated."""
    for row in history:
        scores = {name: float(row[validation_column(name)]) for name in names}
        if int(row[EPOCH]) == epoch and all(map(math.isfinite, scores.values())):
            return scores
    return None
