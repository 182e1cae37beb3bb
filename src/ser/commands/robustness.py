"""`ser robustness`: a run's test under noise, over a telephone, in a room."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ser.errors import ReportError, RobustnessError

if TYPE_CHECKING:  # they import torch
    from ser.robustness.conditions import Condition
    from ser.robustness.tested import Tested
    from ser.runs.robustness import Heard

EXAMPLES = """\b
Examples:
  ser robustness outputs/<run>
  ser robustness outputs/whisper outputs/resnet --plot robustness.png
  ser robustness outputs/<run> --root /data/ravdess   # the corpus has moved

docs/robustness.md says what each condition is."""

PATH = click.Path(path_type=Path)


@click.command("robustness", epilog=EXAMPLES)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--plot", type=PATH, metavar="FILE", help="All runs in one picture.")
@click.option("--root", type=PATH, metavar="FOLDER", help="Of the corpus, where it has moved since.")
@click.option("--again", is_flag=True, help="Hear runs again that have been heard.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="Whose code the model may use beside that of ser.")
def command(runs: tuple[Path, ...], plot: Path | None, root: Path | None, again: bool, trust: tuple[str, ...]) -> None:
    """Test a run under noise, over a telephone, in a room.

    RUN is the folder of a finished run. The clips of its test are heard again by its own checkpoints, as they are and
    under each condition. The table goes to robustness.csv in that folder and to its page, report.html; the picture to
    robustness.png.
    """
    from ser.robustness import figure
    from ser.robustness.conditions import CONDITIONS, available
    from ser.robustness.tested import read_tested
    from ser.runs.names import ROBUSTNESS, ROBUSTNESS_FIGURE

    conditions = available()
    if len(conditions) < len(CONDITIONS):
        print("MP3 is left out: the libsndfile here has none; that of pip install soundfile has", file=sys.stderr)
    tests = [read_tested(run, root) for run in dict.fromkeys(runs)]
    if plot:
        _check_together(tests, figure.MOST_RUNS)
    found: dict[str, list[Heard]] = {}
    for tested in tests:
        rows = found[_name(tested, tests)] = _rows(tested, conditions, again, trust)
        with _writing(tested.folder / ROBUSTNESS_FIGURE) as path:
            figure.plot(path, {_name(tested, tests): rows}, len(tested.table.labels))
        print(f"{_text(tested, rows)}\n")
        for written in (tested.folder / ROBUSTNESS, path, *_page(tested.folder)):
            print(written)
        print()
    if plot:
        with _writing(plot):
            figure.plot(plot, found, len(tests[0].table.labels))
        print(plot)


def _page(folder: Path) -> Iterator[Path]:
    """Make the run's page again, which shows the table; without it the table is whole."""
    from ser.report.page import write_page

    try:
        yield write_page(folder)
    except (ReportError, OSError) as error:
        print(f"robustness is measured, but not on the page of the run: {error}", file=sys.stderr)


def _check_together(tests: "Sequence[Tested]", most: int) -> None:
    """Refuse a picture that would mislead, before hours of hearing."""
    if len(tests) > most:
        raise RobustnessError(f"--plot: {len(tests)} runs in one picture cannot be told apart; name {most} at most")
    for other in tests[1:]:
        if other.clips != tests[0].clips:
            raise RobustnessError(
                f"--plot: {other.folder} was tested on other clips than {tests[0].folder}; name runs of one split, or"
                " leave --plot out"
            )


def _name(tested: "Tested", tests: "Sequence[Tested]") -> str:
    """Of a run in pictures: its folder's own name, where that tells it from the others."""
    names = [one.folder.resolve().name for one in tests]
    own = tested.folder.resolve().name
    return own if names.count(own) == 1 else str(tested.folder)


def _rows(tested: "Tested", conditions: "Sequence[Condition]", again: bool, trust: Sequence[str]) -> "list[Heard]":
    """Of a run: those that it has, or else its test is heard, and they are written."""
    from rich.console import Console
    from rich.progress import Progress

    from ser.metrics import uar
    from ser.robustness.measuring import measure
    from ser.runs.names import ROBUSTNESS
    from ser.runs.robustness import read_robustness, write_robustness

    if not again:
        try:
            rows = read_robustness(tested.folder)
        except (FileNotFoundError, ValueError):  # a damaged one is made again
            rows = []
        if [row.condition for row in rows] == [one.name for one in conditions]:
            print(f"{tested.folder}: has been heard; --again hears it once more", file=sys.stderr)
            return rows
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task(f"Hearing {tested.folder.resolve().name}", total=len(tested.table.rows))
        measured = measure(tested, conditions, trust, lambda n: progress.advance(bar, n))
    if measured.n_otherwise:
        print(
            f"{tested.folder}: as they are, the recordings give UAR {measured.rows[0].uar:.3f}, and its test gave"
            f" {uar(tested.table.confusion):.3f}; {measured.n_otherwise} of {len(tested.table.rows)} clips are named"
            " otherwise. Are recordings and model those of its test?",
            file=sys.stderr,
        )
    with _writing(tested.folder / ROBUSTNESS):
        write_robustness(tested.folder, measured.rows)
    return read_robustness(tested.folder)  # rounded, as another call will find them


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise RobustnessError(
            f"{path}: cannot be written ({error.strerror or error}); free space, or name another folder"
        ) from None


def _text(tested: "Tested", rows: "Sequence[Heard]") -> str:
    """The table for a person."""
    from ser.runs.names import SPEAKER
    from ser.statistics import clusters_of

    width = max(len(row.condition) for row in rows)
    clusters, unit = clusters_of([row[SPEAKER] for row in tested.table.rows])
    lines = [f"{tested.folder}: UAR with 95 % intervals over {clusters.max() + 1} {unit}, and its change", ""]
    for row in rows:
        line = f"  {row.condition:{width}}  {row.uar:.3f} [{row.uar_low:.3f}, {row.uar_high:.3f}]"
        if row is not rows[0]:
            line += f"  {row.change:+.3f} [{row.change_low:+.3f}, {row.change_high:+.3f}]"
        lines.append(line)
    return "\n".join(lines)
