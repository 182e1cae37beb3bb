"""`ser ensemble`: runs put together."""

from datetime import datetime
from pathlib import Path

import click

from ser.config.choices import value
from ser.ensemble.fusion import fuse
from ser.ensemble.members import EQUAL, VALIDATION, read_members
from ser.errors import EnsembleError
from ser.report.page import write_page
from ser.runs.folder import holds_a_run
from ser.runs.report import render

EXAMPLES = """\b
Examples:
  ser ensemble outputs/seeds/0 outputs/seeds/1 outputs/seeds/2
  ser ensemble outputs/resnet outputs/whisper --weights validation
  ser ensemble outputs/resnet outputs/whisper --out outputs/both

docs/ensembles.md explains the weights and what is refused."""

FOLDER = click.Path(path_type=Path)


@click.command("ensemble", epilog=EXAMPLES)
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=FOLDER)
@click.option(
    *("--weights", "weighting"),
    type=click.Choice([EQUAL, VALIDATION]),
    default=EQUAL,
    show_default=True,
    help="Of the mean; validation: chosen on the validation part.",
)
@click.option("--out", type=FOLDER, metavar="FOLDER", help="Folder to write to; else a new one in outputs.")
def command(runs: tuple[Path, ...], weighting: str, out: Path | None) -> None:
    """Put finished runs together: the mean of their probabilities for the same test clips.

    RUN is a run folder. All must be of the same corpus and split: of one fold, or over all folds. The result lies in a
    folder like that of a run.
    """
    members = read_members(runs, weighting)
    folder = out or Path(value("paths.outputs"), f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}-ensemble")
    if holds_a_run(folder):
        raise EnsembleError(f"--out: {folder} holds an earlier run, which would be lost; name another folder")
    try:
        evaluation = fuse(members, folder, weighting)
        page = write_page(folder)
    except OSError as error:
        raise EnsembleError(
            f"--out: cannot write to {folder} ({error.strerror or error}); free space, or name another folder"
        ) from None
    print(f"{render(evaluation.results)}\n\npage {page}\nrun folder {folder}")
