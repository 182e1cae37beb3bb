"""The names that stand in a run folder: files, columns, scores. Spelled here alone, and cheap to import."""

import re
from pathlib import Path

# Files, by their place in the run folder; `docs/runs.md` says what each is.
METRICS = "metrics.json"
REPORT = "report.txt"
SPLIT = "split.csv"
PREDICTIONS = "predictions.csv"
TTA_PREDICTIONS = "predictions_tta.csv"
VALIDATION_PREDICTIONS = "validation.csv"
HISTORY = "history.csv"
STATUS = "status.json"
CONFUSION = "confusion.png"
CURVES = "curves.png"
CALIBRATION = "calibration.png"
PAGE = "report.html"
ROBUSTNESS = "robustness.csv"
ROBUSTNESS_FIGURE = "robustness.png"
BROKEN = "broken.csv"
EMBEDDINGS = "embeddings.npz"
EXAMPLES = "examples/examples.json"  # beside it lie the files that it names
LOG = "train.log"
BEST = "checkpoints/best.ckpt"  # the epoch kept
LAST = "checkpoints/last.ckpt"  # to go on from
CONFIG = ".hydra/config.yaml"
HYDRA = ".hydra/hydra.yaml"
OVERRIDES = ".hydra/overrides.yaml"
ENVIRONMENT = "environment.json"
PATCH = "uncommitted.patch"
RUN_LOCK = Path(".hydra", "run.lock")  # taken as long as a run is at work in the folder; it stays
FOLDS = "fold-*"  # folders, of the folds of split.fold=all

# Scores of a test, by their keys in metrics.json, and the words for them.
SCORES = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro-F1", "weighted_f1": "weighted F1"}
MAIN_SCORES = ("uar", "accuracy", "macro_f1")  # those in tables of several runs; on validation too
VALIDATION = ("loss", *MAIN_SCORES)  # those of an epoch

# Columns of split.csv, predictions.csv and broken.csv, which clips stand in.
UTTERANCE = "utterance"
PATH = "path"
SPEAKER = "speaker"
EMOTION = "emotion"
PART = "part"
PREDICTED = "predicted"
FOLD = "fold"
PROBLEM = "problem"
RESERVED_COLUMNS = (UTTERANCE, PATH, SPEAKER, EMOTION, PREDICTED, FOLD)  # no attribute of a corpus may take them
_PROBABILITY = "p_"  # and the emotion
_VOTES = "votes_"  # and the emotion

# Columns of history.csv, beside those of validation_column.
EPOCH = "epoch"
TRAIN_LOSS = "train_loss"
LEARNING_RATE = "lr"


def probability_column(emotion: str) -> str:
    """The column of predictions.csv with an emotion's probability."""
    return _PROBABILITY + emotion


def emotion_of(column: str) -> str | None:
    """The emotion whose probability a column of predictions.csv holds; None for any other column.

    >>> emotion_of("p_sad"), emotion_of("path")
    ('sad', None)
    """
    return column.removeprefix(_PROBABILITY) if column.startswith(_PROBABILITY) else None


def votes_column(emotion: str) -> str:
    """The column of predictions.csv with an emotion's votes, where several raters judged."""
    return _VOTES + emotion


def validation_column(score: str) -> str:
    """The column of a table, such as history.csv, with a score on the validation part.

    >>> validation_column("uar")
    'val_uar'
    """
    return f"val_{score}"


def is_reserved(column: str) -> bool:
    """Whether a column of predictions.csv is one of our own."""
    return column in RESERVED_COLUMNS or column.startswith((_PROBABILITY, _VOTES))


def fold_folder(folder: Path, fold: int) -> Path:
    """Where the files of a fold lie in a run folder."""
    return folder / FOLDS.replace("*", str(fold))


def fold_folders(folder: Path) -> dict[int, Path]:
    """The folders of the folds in a run folder, by number, in order."""
    numbers = (re.fullmatch(FOLDS.replace("*", r"(\d+)"), path.name) for path in folder.glob(FOLDS))
    return {fold: fold_folder(folder, fold) for fold in sorted(int(match[1]) for match in numbers if match)}
