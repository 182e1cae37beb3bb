"""The command: `ser-compare` or `python scripts/compare.py`."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ser.compare import formats
from ser.compare.comparison import compare
from ser.compare.reading import LeftOut, Run, find_runs, read_run
from ser.errors import CompareError, SerError
from ser.files import replacing

EXAMPLES = """\
examples:
  ser-compare outputs
  ser-compare outputs/seeds outputs/first --html comparison.html
  ser-compare outputs/seeds --format latex --output table.tex

docs/comparing.md explains the table and the tests."""


def main(words: Sequence[str] | None = None) -> int:
    """Compare runs as the command line says."""
    parser = argparse.ArgumentParser(
        prog="ser-compare",
        description="Lay runs side by side: a table sorted by validation UAR, intervals, paired tests.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="RUN_OR_SWEEP", help="run folder, sweep folder, or a folder above them"
    )
    parser.add_argument("--format", choices=["text", "csv", "markdown", "latex"], default="text", help="of the table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table there, instead of printing it")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with tables, curves and confusions")
    given = parser.parse_args(words)
    for stream in (sys.stdout, sys.stderr):  # names that the terminal cannot show shall not end the program
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(given)
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whom it was told to has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace) -> int:
    read = [read_run(folder) for folder in find_runs(given.places)]
    tables, repeated = compare(one for one in read if isinstance(one, Run))
    left_out = formats.left_out_line([*(one for one in read if isinstance(one, LeftOut)), *repeated], len(read))
    if not tables:
        raise CompareError(f"no finished run to compare; {left_out}")
    if given.html:
        from ser.compare.page import page

        _write(given.html, page(tables, left_out))
    if given.format == "csv":
        said = formats.comma_separated(tables)
        apart = [f"table {number}: {table.apart}" for number, table in enumerate(tables, start=1) if table.apart]
        for line in filter(None, [*apart, left_out]):
            print(formats.printable(line), file=sys.stderr)
    else:
        said = {"text": formats.text, "markdown": formats.markdown, "latex": formats.latex}[given.format](
            tables, left_out
        )
    if given.output:
        _write(given.output, said)
    else:
        sys.stdout.write(said)
        sys.stdout.flush()
    return 0


def _write(path: Path, content: str) -> None:
    try:
        with replacing(path) as beside:
            beside.write_bytes(content.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise CompareError(f"cannot write {path} ({error.strerror or error}); name another file") from None


if __name__ == "__main__":
    sys.exit(main())
