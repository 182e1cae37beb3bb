"""`ser explore`: a corpus looked at before any training."""

from pathlib import Path

import click

EXAMPLES = """\b
Examples:
  ser explore                                   # the demo corpus
  ser explore corpus=ravdess corpus.root=/data/ravdess
  ser explore corpus=table corpus.path=clips.csv labels=big4
  ser explore 'corpus=[ravdess,demo]' --out look

docs/explore.md explains the page."""


@click.command("explore", epilog=EXAMPLES)
@click.argument("overrides", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; else a new one in outputs/explore.")
def command(overrides: tuple[str, ...], out: Path | None) -> None:
    """Look at a corpus before training on it: a page, and tables.

    Counts, lengths, levels, noise and pitch by emotion; broken clips, copies, speakers recorded otherwise, clips to
    hear; and whether the labels can be told from the recording alone. Settings are those of ser train.
    """
    from ser.commands.exploring import explore  # it imports Hydra, which takes a while

    explore(overrides, out)
