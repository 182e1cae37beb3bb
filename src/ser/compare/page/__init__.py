"""The page: one HTML file that needs no network."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ser.compare import formats
from ser.compare.comparison import Table
from ser.compare.page.curves import Curve, panel, style
from ser.compare.page.ranks import diagram
from ser.compare.rows import Row
from ser.runs.names import EPOCH, validation_column

_HERE = Path(__file__).parent
N_OPEN = 6  # confusion matrices that are unfolded at first
CURVES = {"uar": "validation UAR", "loss": "validation loss"}


def page(tables: Sequence[Table], left_out: str) -> str:
    """The comparison as HTML: tables that can be sorted, paired tests, learning curves, confusion matrices."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    # Only our own script may run, whatever a label or a file name says; and nothing may be fetched.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        sections=[_section(number, table) for number, table in enumerate(tables, start=1)],
        left_out=left_out,
        script=script,
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        digest=digest,
    )


def _section(number: int, table: Table) -> dict[str, Any]:
    """What the template shows of a table."""
    names = [table.name(index) for index in range(len(table.rows))]
    return {
        "number": number,
        "table": table,
        "header": formats.header(table),
        "rows": [_cells(table, index) for index in range(len(table.rows))],
        "explained": formats.explained(table),
        "primary": formats.PRIMARY.format(unit=table.unit),
        "names": names,
        "styles": [style(index) for index in range(len(table.rows))],
        "ranks": table.ranks
        and {
            "said": formats.ranked(table.ranks),
            "groups": formats.groups_line(table.ranks),
            "diagram": diagram(table.ranks, names),
        },
        "panels": [panel(title, list(_curves(table, score))) for score, title in CURVES.items()],
        "matrices": [_matrix(row) for row in table.rows],
        "n_open": N_OPEN,
    }


def _curves(table: Table, score: str) -> Iterator[Curve]:
    """A curve for each training: a score on the validation part over the epochs."""
    column = validation_column(score)
    for index, row in enumerate(table.rows):
        for training in row.trainings:
            points = [(int(epoch[EPOCH]), float(epoch[column])) for epoch in training.history]
            name = f"{index + 1}: {table.name(index)} (seed {training.seed}, fold {training.fold})"
            yield Curve(index, name, points, training.kept)


def _cells(table: Table, index: int) -> list[dict[str, Any]]:
    """A row's cells: their lines, and what they are sorted by."""
    row = table.rows[index]
    numbers = [len(row.trainings), row.validation.mean if row.validation else ""]
    numbers += [score.value for score in table.scores[index].values()]
    keys = [index + 1, *(values[index] for values in table.columns.values()), *numbers]
    return [{"lines": lines, "key": key} for lines, key in zip(formats.cells(table, index), keys, strict=True)]


def _matrix(row: Row) -> list[list[dict[str, Any]]]:
    """Pooled counts, and what part of the true emotion each is."""
    return [
        [{"count": int(count), "part": count / max(counts.sum(), 1), "total": int(counts.sum())} for count in counts]
        for counts in row.pooled
    ]
