"""history.csv of a run folder: a row for each finished epoch."""

from pathlib import Path

from ser.files import read_csv

HISTORY = "history.csv"
VALIDATION = ("loss", "uar", "accuracy", "macro_f1")  # columns val_loss and so on


def validation_scores(folder: Path, epoch: int) -> dict[str, float] | None:
    """What history.csv says of an epoch: `epoch`, and validation `loss`, `uar`, `accuracy`, `macro_f1`.

    None where training was stopped before that epoch was finished.
    """
    path = folder / HISTORY
    for row in read_csv(path) if path.exists() else []:
        if int(row["epoch"]) == epoch:
            return {"epoch": epoch, **{name: float(row[f"val_{name}"]) for name in VALIDATION}}
    return None
