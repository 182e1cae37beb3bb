"""The names that stand in the folder of a run of task=dimensions, beside those of `ser.runs.names`."""

from collections.abc import Sequence

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


def number(value: float, decimals: int = 3) -> str:
    """A number of any scale: with so many decimals, or as many as show three digits.

    >>> number(3.25), number(1, 2), number(0.00123456), number(0)
    ('3.250', '1.00', '0.00123', '0.000')
    """
    return f"{value:.{decimals}f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"


def score_text(score: str, value: float) -> str:
    """A score in digits; that in the corpus's scale in as many as it takes."""
    return number(value) if score == "rmse" else f"{value:.3f}"


def interval_text(score: str, interval: Sequence[float] | None, form: str) -> str:
    """The ends of a score's interval, in a form such as `{} to {}`; a dash where there is none."""
    low, high = interval or (0, 0)
    return "–" if low == high else form.format(score_text(score, low), score_text(score, high))


def is_reserved(column: str) -> bool:
    """Whether a column of predictions.csv is one of our own, whatever the dimensions."""
    return column in (UTTERANCE, PATH, SPEAKER, FOLD) or dimension_of(column) is not None
