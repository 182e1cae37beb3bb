"""`ser push`: a trained model onto the Hugging Face hub."""

import tempfile
from pathlib import Path

import click

EXAMPLES = """\b
Examples:
  ser push outputs/my-run user/name
  ser push outputs/my-run user/name --fold 1 --private
  ser push my-model user/name --yes   # of ser export

Log in first: hf auth login. Then anybody: ser predict hf:user/name my.wav"""


@click.command("push", epilog=EXAMPLES)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("name", metavar="USER/NAME")
@click.option("--fold", type=int, help="Of a run over all folds; else the mean of all.")
@click.option("--private", is_flag=True, help="For your eyes alone.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="A package whose classes the model may name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(run: Path, name: str, fold: int | None, private: bool, trust: tuple[str, ...], yes: bool) -> None:
    """Put a trained model onto the Hugging Face hub, with its model card.

    RUN is the folder of a finished run, or one that ser export has written.
    """
    from ser.errors import ModelError, TaskError
    from ser.export.folder import CARD, export, files_of, is_exported  # it imports torch, which takes seconds
    from ser.export.origin import licence_of
    from ser.export.sharing import check_login, push
    from ser.runs.dimensions.results import tells_numbers

    if tells_numbers(run):
        raise TaskError(f"{run}: a run of task=dimensions, and ser push is of emotions alone; docs/dimensions.md")
    check_login(name)  # before an export of minutes
    with tempfile.TemporaryDirectory() as place:
        folder = run
        if is_exported(run):
            if fold is not None:
                raise ModelError(f"--fold {fold}: {run} is an exported model; leave it out")
        else:
            folder = Path(place, name.rpartition("/")[2] or "model")
            export(run, folder, "safetensors", fold=fold, trusted=trust)
        print(f"{'Seen by you alone' if private else 'Public'} at {name} on the Hugging Face hub:")
        for file in files_of(folder):
            print(f"  {file.relative_to(folder)}  {file.stat().st_size / 1e6:.1f} MB")
        print(f"Licence on its card, from the data: {licence_of(folder / CARD)}. An encoder has its owner's.")
        if not yes:
            click.confirm("Upload it?", abort=True)
        print(push(folder, name, private=private))
