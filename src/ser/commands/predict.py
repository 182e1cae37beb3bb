"""`ser predict`: the emotions of recordings, by a trained model."""

import sys
from pathlib import Path

import click

from ser.commands.shards import read_shard

EXAMPLES = """\b
Examples:
  ser predict outputs/<run> my.wav folder/ --csv answers.csv
  ser predict outputs/<run> meeting.wav --window 3 --hop 1 --plot times.png
  ser predict outputs/<run> meeting.wav --speakers turns.rttm --labels who.txt
  ser predict outputs/<run> corpus/ --csv all.csv --shard 3/64
  ser predict --join all.csv

docs/predict.md explains the answers, long recordings, and many of them."""

FILE = click.Path(path_type=Path)


@click.command("predict", epilog=EXAMPLES)
@click.argument("model", required=False)
@click.argument("places", metavar="RECORDING...", nargs=-1)
@click.option("--fold", type=int, help="Of a run over all folds; else the mean of all.")
@click.option(
    "--window", "window_s", type=float, metavar="S", help="Hear windows of so many seconds, whatever the length."
)
@click.option("--hop", "hop_s", type=float, metavar="S", help="From one window to the next.")
@click.option("--speaker", help="Who speaks, of a model that knows speakers.")
@click.option("--know", multiple=True, metavar="PLACE", help="Clips of --speaker, to be heard first.")
@click.option("--speakers", type=FILE, metavar="FILE", help="When who speaks: CSV (start, end, speaker) or RTTM.")
@click.option("--csv", "table", type=FILE, metavar="FILE", help="A row a recording or, in windows, a segment.")
@click.option("--json", "as_json", type=FILE, metavar="FILE", help="All answers with their timelines.")
@click.option("--labels", type=FILE, metavar="FILE", help="Timeline as Audacity's labels.")
@click.option("--textgrid", type=FILE, metavar="FILE", help="Timeline for Praat.")
@click.option("--elan", type=FILE, metavar="FILE", help="Timeline for ELAN, as CSV.")
@click.option("--plot", type=FILE, metavar="FILE", help="Timeline as a picture.")
@click.option("--resume", is_flag=True, help="Go on with a --csv that was left unfinished.")
@click.option("--shard", metavar="K/N", help="Only the K-th of N parts of the list; --join puts them together.")
@click.option("--join", "joins", type=FILE, metavar="CSV", help="Put the shards of a table together; nothing else.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="Whose code the model may use beside that of ser.")
def command(
    model: str | None,
    places: tuple[str, ...],
    fold: int | None,
    window_s: float | None,
    hop_s: float | None,
    speaker: str | None,
    know: tuple[str, ...],
    speakers: Path | None,
    table: Path | None,
    as_json: Path | None,
    labels: Path | None,
    textgrid: Path | None,
    elan: Path | None,
    plot: Path | None,
    resume: bool,
    shard: str | None,
    joins: Path | None,
    trust: tuple[str, ...],
) -> int:
    """Name the emotions of recordings.

    MODEL is a run folder, a folder of ser export, a checkpoint, or hf:user/name on the Hugging Face hub. RECORDING is a
    file or a folder with some below it. Up to 30 s are heard as a whole; what is longer in windows over speech.
    """
    if joins:
        from ser.inference.table import join

        n_shards, n_files = join(joins)
        print(f"{joins}: {n_files} recordings of {n_shards} shards")
        return 0
    if model is None or not places:
        raise click.UsageError("Name a model, and recordings.")
    if (resume or shard) and not table:
        raise click.UsageError("--resume and --shard go with --csv.")
    if speaker and speakers:
        raise click.UsageError("--speaker says who speaks throughout, --speakers who speaks when: give one of them.")
    if know and not speaker:
        raise click.UsageError("--know goes with --speaker: the name to know them by.")
    from ser.commands.predicting import Outputs, predict  # they import torch
    from ser.inference.loading import load
    from ser.inference.predictor import How
    from ser.inference.recordings import find_recordings

    files = find_recordings(places)
    timelines = {"labels": labels, "textgrid": textgrid, "elan": elan, "plot": plot}
    outputs = Outputs(
        table, as_json, {form: path for form, path in timelines.items() if path}, resume, *read_shard(shard)
    )
    outputs.check(files)
    predictor = load(model, fold=fold, trust=trust)
    print(predictor.about, file=sys.stderr)
    if know:
        predictor.know(str(speaker), find_recordings(know))
    return predict(predictor, files, How(window_s, hop_s, speaker), outputs, speakers)
