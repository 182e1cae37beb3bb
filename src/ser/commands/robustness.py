"""`ser robustness`: a run's test under noise, over a telephone, in a room."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
    under each condition. The table goes to robustness.csv in that folder, the picture to robustness.png.
    """
    from ser.errors import RobustnessError
    from ser.robustness import figure  # they import torch
    from ser.robustness.conditions import CONDITIONS, available
    from ser.robustness.tested import read_tested
    from ser.runs.names import ROBUSTNESS_FIGURE

    if plot and len(runs) > figure.MOST_RUNS:
        raise RobustnessError(f"--plot: {len(runs)} runs in one picture cannot be told apart; name {figure.MOST_RUNS}")
    conditions = available()
    if len(conditions) < len(CONDITIONS):
        print("without MP3: libsndfile was built without it here; pip install soundfile brings one", file=sys.stderr)
    tests = {run.name if len({one.name for one in runs}) == len(runs) else str(run): run for run in runs}
    found: dict[str, list[Heard]] = {}
    labels = 0
    try:
        for name, tested in [(name, read_tested(run, root)) for name, run in tests.items()]:
            found[name] = _rows(tested, conditions, again, trust)
            labels = len(tested.table.labels)
            figure.plot(tested.folder / ROBUSTNESS_FIGURE, {name: found[name]}, labels)
        if plot:
            figure.plot(plot, found, labels)
    except OSError as error:
        raise RobustnessError(f"{error.filename}: cannot be written ({error.strerror}); free space") from None
