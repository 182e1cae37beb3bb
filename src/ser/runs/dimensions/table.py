"""What a run has told of dimensions, as a table: a row a clip, with the true number and that told of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.corpora.base import Utterance
from ser.corpora.dimensions import numbers_of
from ser.files import read_csv, write_csv
from ser.metrics import Floats
from ser.runs.dimensions.names import dimension_of, is_reserved, number, predicted_column
from ser.runs.names import FOLD, PATH, SPEAKER, UTTERANCE


@dataclass(frozen=True)
class Numbers:
    """What predictions.csv, or a table like it, says: rows as they stand there, and the dimensions."""

    rows: list[dict[str, str]]
    dimensions: list[str]

    @property
    def truth(self) -> Floats:
        """(n_clips, n_dimensions), in the corpus's scale."""
        return self._numbers(self.dimensions)

    @property
    def predicted(self) -> Floats:
        """(n_clips, n_dimensions), with six digits.

        Raises:
            ValueError: one is no number.
        """
        return self._numbers([predicted_column(name) for name in self.dimensions])

    @property
    def attributes(self) -> list[str]:
        """The columns by which clips can be told apart, beside the speaker."""
        told = {*self.dimensions, *map(predicted_column, self.dimensions)}
        return [name for name in self.rows[0] if name not in told and not is_reserved(name)]

    @property
    def constant(self) -> list[str]:
        """The dimensions whose truth is the same in all clips."""
        return [name for name, column in zip(self.dimensions, self.truth.T, strict=True) if np.ptp(column) == 0]

    @property
    def farthest(self) -> list[int]:
        """The places of all clips, those first that were told farthest from the truth, in deviations of that."""
        truth = self.truth
        apart = (self.predicted - truth) / np.maximum(truth.std(axis=0), 1e-12)
        return [int(place) for place in np.argsort(-(apart**2).mean(axis=1), kind="stable")]

    def caption(self, place: int) -> tuple[str, str]:
        """The true numbers of a clip, and those that were told, in words."""
        rows = (self.truth[place], self.predicted[place])
        true, told = (
            ", ".join(f"{n} {number(value, 2)}" for n, value in zip(self.dimensions, row, strict=True)) for row in rows
        )
        return true, told

    def write(self, path: Path) -> None:
        """Write the table."""
        write_csv(path, self.rows)

    def _numbers(self, columns: Sequence[str]) -> Floats:
        read = np.array([[float(row[column]) for column in columns] for row in self.rows])
        if not np.isfinite(read).all():
            raise ValueError("what was told of a clip is no number")
        return read


def numbers_table(
    utterances: Sequence[Utterance], dimensions: Sequence[str], predicted: npt.NDArray[np.floating[Any]]
) -> Numbers:
    """A row for each utterance; `predicted` are (n_utterances, n_dimensions), in the corpus's scale."""
    attributes = dict.fromkeys(name for utterance in utterances for name in utterance.attributes)
    columns = {
        name: f"attribute_{name}" if is_reserved(name) else name for name in attributes if name not in dimensions
    }
    rows = []
    for utterance, told in zip(utterances, predicted, strict=True):
        row = {UTTERANCE: utterance.id, PATH: str(utterance.path), SPEAKER: utterance.speaker or ""}
        truth = numbers_of(utterance, dimensions)
        for name, true, value in zip(dimensions, truth, told, strict=True):
            row |= {name: f"{true:.10g}", predicted_column(name): f"{value:.6g}"}
        rows.append(row | {column: utterance.attributes.get(name, "") for name, column in columns.items()})
    return Numbers(rows, list(dimensions))


def pooled(folds: Mapping[int, Numbers]) -> Numbers:
    """What was told in all folds, with a column `fold`."""
    rows = [{**row, FOLD: str(fold)} for fold, table in folds.items() for row in table.rows]
    return Numbers(rows, next(iter(folds.values())).dimensions)


def read_numbers(path: Path) -> Numbers:
    """Read predictions.csv, or a table like it.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    rows = read_csv(path)
    named = [name for column in (rows[0] if rows else ()) if (name := dimension_of(column)) is not None]
    if not named or any(name not in rows[0] for name in named):
        raise ValueError(f"{path} is damaged: it is empty, or has no number beside what was told")
    return Numbers(rows, named)
