"""robustness.csv of a run folder: how its test comes out where something happens to the recordings."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ser.files import read_csv, write_csv
from ser.runs.names import ROBUSTNESS


@dataclass(frozen=True)
class Heard:
    """A row: the test under one condition.

    Attributes:
        condition: what happens to the recordings; the first row is `clean`, where nothing does.
        n: test clips.
        uar, uar_low, uar_high: 0 to 1, with the ends of its 95 % interval.
        accuracy: 0 to 1.
        change, change_low, change_high: of the UAR against `clean`, with the ends of its 95 % interval.
    """

    condition: str
    n: int
    uar: float
    uar_low: float
    uar_high: float
    accuracy: float
    change: float
    change_low: float
    change_high: float


def write_robustness(folder: Path, rows: Sequence[Heard]) -> None:
    """Write robustness.csv, with five digits after the point."""
    write_csv(
        folder / ROBUSTNESS,
        [{name: round(v, 5) if isinstance(v, float) else v for name, v in asdict(row).items()} for row in rows],
    )


def read_robustness(folder: Path) -> list[Heard]:
    """The rows of robustness.csv.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another version.
    """
    path = folder / ROBUSTNESS
    try:
        rows = [_row(row) for row in read_csv(path)]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not rows:
        raise ValueError(f"{path} is damaged: it is empty")
    return rows


def _row(row: dict[str, str]) -> Heard:
    read = {field.name: row[field.name] if field.type is str else float(row[field.name]) for field in fields(Heard)}
    return Heard(**{**read, "n": int(row["n"])})  # type: ignore[arg-type]
