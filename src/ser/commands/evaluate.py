"""`ser evaluate`: a trained run tested on another corpus."""

import logging
import shlex
from datetime import datetime
from pathlib import Path

import click

from ser.config.choices import value

EXAMPLES = """\b
Examples:
  ser evaluate outputs/<run> corpus=cremad corpus.root=/data/crema-d
  ser evaluate outputs/<run> corpus=table corpus.path=own.csv labels=big4
  ser evaluate outputs/<run>/fold-1 corpus=demo --out outputs/on-demo

docs/evaluate.md explains what is tested, and the matrix of several corpora."""

PATH = click.Path(path_type=Path)
TAKEN = ("corpus", "labels", "paths")  # settings; all else is the run's


@click.command("evaluate", epilog=EXAMPLES)
@click.argument("run", metavar="RUN", type=PATH)
@click.argument("words", metavar="NAME=VALUE...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--out", type=PATH, metavar="FOLDER", help="Folder to write to; else a new one in outputs.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="Whose code the model may use beside that of ser.")
def command(run: Path, words: tuple[str, ...], out: Path | None, trust: tuple[str, ...]) -> None:
    """Test a trained run on another corpus.

    RUN is the folder of a finished run, or a checkpoint in it. The corpus is named as for ser train; its labels become
    those of the run, unless labels=... says how. The result lies in a folder like that of a run.
    """
    from ser.commands.composing import composed
    from ser.config.dotted import is_below
    from ser.errors import EvaluateError
    from ser.evaluation.testing import Target, evaluate
    from ser.evaluation.trained import read_trained
    from ser.report.page import write_page
    from ser.runs.folder import holds_a_run
    from ser.runs.report import render

    names = [word.lstrip("+").split("=")[0] for word in words]
    for name, word in zip(names, words, strict=True):
        if "=" not in word or not is_below(name, TAKEN):
            raise EvaluateError(
                f"{word}: a test takes corpus=..., labels=... and paths.store=...; the rest is the run's"
            )
    if "corpus" not in names:
        raise EvaluateError("corpus: name what to test on, such as corpus=cremad corpus.root=<folder>")
    folder = out or Path(value("paths.outputs"), f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}-evaluate")
    if holds_a_run(folder):
        raise EvaluateError(f"--out: {folder} holds an earlier run, which would be lost; name another folder")
    config = composed(words)
    has_labels = any(is_below(name, ["labels"]) for name in names)
    choice = next(word for word in words if word.startswith("corpus=")).partition("=")[2]
    target = Target(
        corpus=config.corpus,
        labels=config.labels if has_labels else None,
        choice=choice,
        store=Path(config.paths.store).expanduser(),
        command=shlex.join(["ser", "evaluate", str(run), *words]),
    )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        evaluation = evaluate(read_trained(run, trust), target, folder)
        page = write_page(folder)
    except OSError as error:
        raise EvaluateError(
            f"--out: cannot write to {folder} ({error.strerror or error}); free space, or name another folder"
        ) from None
    print(f"{render(evaluation.results)}\n\npage {page}\nrun folder {folder}")
