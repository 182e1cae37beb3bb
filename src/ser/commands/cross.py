"""`ser cross`: runs on several corpora, each tested on all of them."""

import logging
import sys
from datetime import datetime
from pathlib import Path

import click

from ser.config.choices import value

EXAMPLES = """\b
Examples:
  ser train -m experiment=cross_corpus corpus=ravdess,cremad,emodb \\
      hydra.sweep.dir=outputs/three
  ser cross outputs/three
  ser cross outputs/on-ravdess outputs/on-cremad --out outputs/both

Stopped, the same command goes on. docs/evaluate.md explains the matrix."""

PATH = click.Path(path_type=Path)


@click.command("cross", epilog=EXAMPLES)
@click.argument("places", metavar="RUN_OR_SWEEP...", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, metavar="FOLDER", help="Folder to write to; else cross in the sweep's folder.")
@click.option("--again", is_flag=True, help="Test again what has been tested.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="Whose code the models may use beside that of ser.")
def command(places: tuple[Path, ...], out: Path | None, again: bool, trust: tuple[str, ...]) -> int:
    """Test runs on each other's corpora: the matrix of training against test.

    RUN_OR_SWEEP is a run folder, a sweep folder, or a folder above them: a run for each corpus. Within a corpus stands
    the run's own test, across them one on all clips of the other. The table goes to cross.csv, the picture to
    cross.png, each test to a folder of its own.
    """
    from ser.errors import EvaluateError
    from ser.evaluation import figure
    from ser.evaluation.matrix import FIGURE, TABLE, cross, read_rows, text, write_table

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = read_rows(places)
    is_sweep = len(places) == 1 and places[0].resolve() not in [row.folder.resolve() for row in rows]
    dated = Path(value("paths.outputs"), f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}-cross")
    folder = out or (places[0] / "cross" if is_sweep else dated)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        cells = cross(rows, folder, again=again, trusted=trust, say=lambda line: print(line, file=sys.stderr))
        write_table(folder / TABLE, cells)
        figure.plot(folder / FIGURE, cells)
    except KeyboardInterrupt:
        print(f"interrupted; the same command with --out {folder} goes on", file=sys.stderr)
        raise
    except OSError as error:
        raise EvaluateError(
            f"--out: cannot write to {folder} ({error.strerror or error}); free space, or name another folder"
        ) from None
    print(f"{text(cells)}\n\n{folder / TABLE}\n{folder / FIGURE}")
    return 1 if any(cell.results is None for cell in cells) else 0
