"""sweep.csv: one row a run, made from the run folders alone, so that it is right however a sweep ended."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from ser.files import replacing, write_csv
from ser.runs.dimensions.names import SCORES
from ser.runs.dimensions.results import DimensionResults, read_any_results
from ser.runs.folder import is_finished
from ser.runs.names import MAIN_SCORES, RUN_LOCK, validation_column
from ser.runs.results import Results
from ser.runs.status import FINISHED, INTERRUPTED, NOT_BEGUN, UNFINISHED, read_status

TABLE = "sweep.csv"

_PLANNED = Path(".hydra", "planned.json")
_LOCK = Path(".hydra", "table.lock")


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep, begun or not.

    Attributes:
        number: from 0.
        overrides: as they would stand on the command line without -m.
        folder: its run folder.
    """

    number: int
    overrides: list[str]
    folder: Path


def write_planned(folder: Path, planned: Sequence[PlannedRun]) -> None:
    """Note which runs a sweep is to have."""
    noted = [{"overrides": run.overrides, "folder": str(run.folder.relative_to(folder))} for run in planned]
    with replacing(folder / _PLANNED) as beside:
        beside.write_text(json.dumps(noted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_planned(folder: Path) -> list[PlannedRun]:
    """The runs of the sweep in this folder; none where it holds no grid, or what was noted of it is damaged."""
    try:
        noted = json.loads((folder / _PLANNED).read_text(encoding="utf-8"))
        return [PlannedRun(number, run["overrides"], folder / run["folder"]) for number, run in enumerate(noted)]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return []


def state(folder: Path) -> str:
    """What became of a run: a state of status.json, or `unfinished` (at work, or killed), or `not begun`."""
    status = read_status(folder)
    if status is not None:
        return status.state
    if is_finished(folder):  # killed just before it could say so
        return FINISHED
    return UNFINISHED if (folder / RUN_LOCK).exists() else NOT_BEGUN


def varying(planned: Sequence[PlannedRun]) -> list[str]:
    """The overridden keys that are not the same in all runs."""
    pairs = [dict(word.split("=", 1) for word in run.overrides) for run in planned]
    return [key for key in pairs[0] if len({values.get(key) for values in pairs}) > 1]


def rows(folder: Path) -> list[dict[str, Any]]:
    """sweep.csv, made anew: what each run of the sweep in this folder was, and what became of it."""
    planned = read_planned(folder)
    return [_row(folder, run, varying(planned)) for run in planned]


def _row(folder: Path, run: PlannedRun, keys: Sequence[str]) -> dict[str, Any]:
    values = dict(word.split("=", 1) for word in run.overrides)
    status, now = read_status(run.folder), state(run.folder)
    results = None
    if now in (FINISHED, INTERRUPTED):
        with suppress(FileNotFoundError, ValueError):  # ValueError: damaged
            results = read_any_results(run.folder)
    check = results.facts.check if results else None
    return {
        "number": run.number,
        **{key: values[key] for key in keys},
        "state": now,
        **_scores(results),
        "seconds": status.seconds if status else "",
        "message": check.said if check else status.message if status else "",
        "folder": str(run.folder.relative_to(folder)),
    }


def _scores(results: Results | DimensionResults | None) -> dict[str, float | str]:
    """Columns with the scores on validation and of the test, the main one first; empty without a result."""
    if isinstance(results, DimensionResults):
        names, validation, test = tuple(SCORES), results.validation, results.whole
        return {**_columns(validation, names, validation_column), **_columns(test, names, "test_{}".format)}
    names = MAIN_SCORES
    told = (results.facts.validation, results.scores) if results else (None, None)
    return {**_columns(told[0], names, validation_column), **_columns(told[1], names, "test_{}".format)}


def _columns(scores: Any, names: Sequence[str], column: Callable[[str], str]) -> dict[str, float | str]:
    return {column(name): "" if scores is None else round(getattr(scores, name), 5) for name in names}


def update(folder: Path) -> list[dict[str, Any]]:
    """Write sweep.csv anew; its rows, none where the folder holds no grid. Several processes may do so at once."""
    made: list[dict[str, Any]] = []
    if read_planned(folder):
        lock = FileLock(folder / _LOCK)  # who reads last shall write last
        with suppress(OSError):  # a file system that gives no locks
            lock.acquire()
        try:
            made = rows(folder)
            write_csv(folder / TABLE, made)
        finally:
            lock.release()
    return made


def is_complete(folder: Path) -> bool:
    """Whether every run of the grid in this folder is finished."""
    planned = read_planned(folder)
    return bool(planned) and all(state(run.folder) == FINISHED for run in planned)


def show(made: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Print the rows of sweep.csv, the best on validation first, with the keys that vary."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    main = "ccc" if any("val_ccc" in row for row in made) else "uar"
    validation, test = validation_column(main), f"test_{main}"
    names = ["number", *keys, validation, test, "state"]
    for name in names:
        table.add_column(name.replace("number", "run"), justify="right" if main in name else "left", overflow="fold")
    for row in sorted(made, key=lambda row: -float(row.get(validation) or -1)):
        cells = [f"{row[name]:.3f}" if isinstance(row.get(name), float) else str(row.get(name, "")) for name in names]
        table.add_row(*cells)
    console = Console(soft_wrap=False, highlight=False, markup=False)
    console.print(table)


def counts(made: Sequence[dict[str, Any]]) -> str:
    """Such as "4 runs: 3 finished, 1 failed"."""
    states = Counter(row["state"] for row in made)
    runs = "1 run" if len(made) == 1 else f"{len(made)} runs"
    return f"{runs}: " + ", ".join(f"{n} {name}" for name, n in states.most_common())
