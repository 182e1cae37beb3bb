"""`ser report`: the pages of runs made again."""

import sys
import time
from pathlib import Path

import click

from ser.compare.reading import find_runs
from ser.errors import ReportError, SerError
from ser.report.page import write_page
from ser.runs.names import METRICS
from ser.runs.tested import rewrite

EXAMPLES = """\b
Examples:
  ser report outputs/first
  ser report outputs/seeds       # a page for each run of a sweep

docs/report.md explains the page."""


@click.command("report", epilog=EXAMPLES)
@click.argument("places", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(places: tuple[Path, ...]) -> int:
    """Make report.html, report.txt, metrics.json and the figures of runs again.

    RUN is a run folder, that of a fold, a sweep folder, or a folder above them. All is made from what lies in the
    folder: no model, corpus or GPU is needed. A run that was trained by an earlier version gets what it lacks.
    """
    failed = False
    for folder in find_runs(places):
        started = time.monotonic()
        try:
            page = _make(folder)
        except SerError as error:
            print(error, file=sys.stderr)
            failed = True
        except Exception as error:  # an odd run must not cost the others their pages
            print(f"{folder}: no page can be made ({type(error).__name__}: {error})", file=sys.stderr)
            failed = True
        else:
            print(f"{page}  {page.stat().st_size / 1e6:.1f} MB in {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


def _make(folder: Path) -> Path:
    """Raises: ReportError."""
    if not (folder / METRICS).exists():
        raise ReportError(f"{folder}: the run has not come to a result; go on with it by resume=true")
    try:
        rewrite(folder)
        return write_page(folder)
    except OSError as error:
        raise ReportError(f"{folder}: {error.strerror or error} ({error.filename})") from None
