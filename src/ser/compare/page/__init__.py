"""The page: one HTML file that needs no network."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from ser.compare import formats
from ser.compare.comparison import Table
from ser.compare.measures import EMOTIONS
from ser.compare.page.ranks import diagram
from ser.compare.rows import shortened
from ser.page.drawing import Curve, confusion, over_epochs, style
from ser.page.rendering import render
from ser.runs.names import EPOCH, PAGE, validation_column

T = TypeVar("T")

_HERE = Path(__file__).parent
N_OPEN = 6  # confusion matrices that are unfolded at first


def page(tables: Sequence[Table], left_out: str, beside: Path) -> str:
    """The comparison as HTML: tables that can be sorted, paired tests, learning curves, confusion matrices.

    Args:
        tables, left_out: what is shown.
        beside: the folder that the page will lie in; from there it links the pages of its runs.
    """
    return render(
        _HERE / "page.html",
        sections=[_section(number, table, beside) for number, table in enumerate(tables, start=1)],
        left_out=left_out,
    )


def _section(number: int, table: Table, beside: Path) -> dict[str, Any]:
    """What the template shows of a table."""
    names = [table.name(index) for index in range(len(table.rows))]
    measure = table.rows[0].measure
    curves = {measure.main: formats.main_word(table), "loss": "loss"}
    return {
        "number": number,
        "table": table,
        "header": _scores_first(table, formats.header(table)),
        "rows": [_cells(table, index) for index in range(len(table.rows))],
        "explained": formats.explained(table),
        "primary": formats.primary(table),
        "names": names,
        "labels": table.labels,
        "styles": [style(index) for index in range(len(table.rows))],
        "ranks": table.ranks
        and {
            "said": formats.ranked(table.ranks),
            "groups": formats.groups_line(table.ranks),
            "diagram": diagram(
                table.ranks, [" ".join(values) for values in zip(*table.telling.values(), strict=True)], names
            ),
            "labelled": ", ".join(table.telling),
        },
        "sorted_by": f"validation {formats.main_word(table)}",
        "panels": [
            over_epochs(f"validation {word}", list(_curves(table, name)), word) for name, word in curves.items()
        ],
        "matrices": [confusion(row.pooled) for row in table.rows] if measure is EMOTIONS else [],
        "folders": [[(run.folder, _link(run.folder, beside)) for run in row.runs] for row in table.rows],
        "n_open": N_OPEN,
    }


def _curves(table: Table, score: str) -> Iterator[Curve]:
    """A curve for each training: a score on the validation part over the epochs."""
    column = validation_column(score)
    for index, row in enumerate(table.rows):
        for training in row.trainings:
            points = [(int(epoch[EPOCH]), float(epoch[column])) for epoch in training.history]
            name = f"{index + 1}: {table.name(index)} (seed {training.seed}, fold {training.fold})"
            yield Curve(index, name, points, () if training.kept is None else (training.kept,))


def _cells(table: Table, index: int) -> list[dict[str, Any]]:
    """A row's cells: their lines, and what they are sorted by."""
    row = table.rows[index]
    numbers = [len(row.trainings), row.validation.mean if row.validation else ""]
    numbers += [score.value for score in table.scores[index].values()]
    settings = [values[index] for values in table.columns.values()]
    keys = [index + 1, *settings, *numbers]
    cells = [{"lines": lines, "key": key} for lines, key in zip(formats.cells(table, index), keys, strict=True)]
    for cell, values in zip(cells[1:], table.columns.values(), strict=False):
        brief = shortened(values)[index]
        if brief != values[index]:
            cell |= {"lines": [brief], "title": values[index]}
    return _scores_first(table, cells)


def _scores_first(table: Table, cells: list[T]) -> list[T]:
    """A line of `formats` with what a reader looks for before the settings, which are many."""
    first = 1 + len(table.columns)
    runs, *scores = cells[first:]
    return [cells[0], *scores, runs, *cells[1:first]]


def _link(folder: Path, beside: Path) -> str | None:
    """From a page in the folder `beside` to the page of a run; None where it has none, or lies on another drive."""
    page = folder / PAGE
    if not page.exists():
        return None
    try:
        return quote(Path(os.path.relpath(page.resolve(), beside.resolve())).as_posix())
    except ValueError:
        return None
