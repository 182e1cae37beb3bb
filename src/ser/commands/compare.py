"""`ser compare`: runs laid side by side."""

import sys
from pathlib import Path

import click

from ser.compare import formats
from ser.compare.comparison import compare
from ser.compare.reading import LeftOut, Run, find_runs, read_run
from ser.errors import CompareError
from ser.files import replacing

EXAMPLES = """\b
Examples:
  ser compare outputs
  ser compare outputs/seeds outputs/first --html comparison.html
  ser compare outputs/seeds --format latex --output table.tex
  ser compare outputs/seeds --paper appendix

docs/comparing.md explains the table and the tests."""

FILE = click.Path(path_type=Path)


@click.command("compare", epilog=EXAMPLES)
@click.argument("places", metavar="RUN_OR_SWEEP...", nargs=-1, required=True, type=FILE)
@click.option(
    *("--format", "form"), type=click.Choice(["text", "csv", "markdown", "latex"]), default="text", help="Of the table."
)
@click.option("--output", type=FILE, metavar="FILE", help="Write the table there, instead of printing it.")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with tables, curves and confusions.")
@click.option("--paper", type=FILE, metavar="FOLDER", help="Write tables, figures and methods of a paper there.")
def command(places: tuple[Path, ...], form: str, output: Path | None, html: Path | None, paper: Path | None) -> None:
    """Lay runs side by side: a table sorted by validation UAR, intervals, paired tests.

    RUN_OR_SWEEP is a run folder, a sweep folder, or a folder above them.
    """
    read = [read_run(folder) for folder in find_runs(places)]
    tables, repeated = compare(one for one in read if isinstance(one, Run))
    left_out = formats.left_out_line([*(one for one in read if isinstance(one, LeftOut)), *repeated], len(read))
    if not tables:
        raise CompareError(f"no finished run to compare; {left_out}")
    if html:
        from ser.compare.page import page

        _write(html, page(tables, left_out, html.parent))
    if paper:
        from ser.compare.paper import write_paper

        written = write_paper(paper, tables)
        print(f"written to {paper}: {', '.join(written)}", file=sys.stderr)
    if form == "csv":
        said = formats.comma_separated(tables)
        apart = [f"table {number}: {table.apart}" for number, table in enumerate(tables, start=1) if table.apart]
        for line in filter(None, [*apart, left_out]):
            print(formats.printable(line), file=sys.stderr)
    else:
        said = {"text": formats.text, "markdown": formats.markdown, "latex": formats.latex}[form](tables, left_out)
    if output:
        _write(output, said)
    else:
        sys.stdout.write(said)


def _write(path: Path, content: str) -> None:
    try:
        with replacing(path) as beside:
            beside.write_bytes(content.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise CompareError(f"cannot write {path} ({error.strerror or error}); name another file") from None
