"""The names that stand in the folder of a run of task=dimensions, beside those of `ser.runs.names`."""

from ser.runs.names import FOLD, PATH, SPEAKER, UTTERANCE

DIMENSIONS = "dimensions"  # the task, in metrics.json
SCATTER = "scatter.png"

# Scores by their keys in metrics.json, and the words for them; the first is the one that counts.
SCORES = {"ccc": "CCC", "pearson": "Pearson", "rmse": "RMSE"}
VALIDATION = ("loss", *SCORES)  # those of an epoch

_PREDICTED = "predicted_"


def predicted_column(dimension: str) -> str:
    """The column of predictions.csv with what was told of a dimension; the truth stands in one of its own name.

    >>> predicted_column("arousal")
    'predicted_arousal'
    """
    return _PREDICTED + dimension


def dimension_of(column: str) -> str | None:
    """The dimension of such a column; None for any other."""
    return column.removeprefix(_PREDICTED) if column.startswith(_PREDICTED) else None


def is_reserved(column: str) -> bool:
    """Whether a column of predictions.csv is one of our own, whatever the dimensions."""
    return column in (UTTERANCE, PATH, SPEAKER, FOLD) or dimension_of(column) is not None
