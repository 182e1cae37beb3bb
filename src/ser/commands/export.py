"""`ser export`: a trained model for other programs."""

from pathlib import Path

import click

EXAMPLES = """\b
Examples:
  ser export outputs/my-run my-model               # for ser.load and ser push
  ser export outputs/my-run my-model --to onnx     # for onnxruntime
  ser export outputs/my-run my-model --to onnx --int8
  ser export outputs/my-run my-model --to torch --fold 1

docs/export.md tells what each holds, and what cannot be exported."""


@click.command("export", epilog=EXAMPLES)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["safetensors", "onnx", "torch"]),
    default="safetensors",
    show_default=True,
    help="What other programs shall read.",
)
@click.option("--fold", type=int, help="Of a run over all folds; else the mean of all.")
@click.option("--int8", is_flag=True, help="With --to onnx: compute in 8 bits, where the score holds.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="A package whose classes the model may name.")
def command(run: Path, folder: Path, to: str, fold: int | None, int8: bool, trust: tuple[str, ...]) -> None:
    """Write a trained model into FOLDER, with all that it needs and a model card.

    RUN is the folder of a finished run, of one training, of all folds, or of an ensemble; or a checkpoint. FOLDER must
    not exist yet.
    """
    if int8 and to != "onnx":
        raise click.UsageError("--int8 goes with --to onnx.")
    from ser.export.folder import export  # it imports torch, which takes seconds

    for note in export(run, folder, to, fold=fold, int8=int8, trusted=trust):
        print(note)
    n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder} holds the model, {n_bytes / 1e6:.1f} MB; README.md in it tells how to use it")
