"""Scores from a confusion matrix: pure functions on counts (truth, prediction)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def confusion_matrix(truth: Sequence[int], predicted: Sequence[int], n_classes: int) -> Counts:
    """Count each pair of true and predicted class.

    Returns:
        (n_classes, n_classes), truth along the rows.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(truth, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def accuracy(confusion: Counts) -> float:
    """Part of the predictions that are right."""
    return float(np.trace(confusion) / confusion.sum())


def uar(confusion: Counts) -> float:
    """Unweighted average recall: the mean recall over the classes that are present in the truth.

    >>> uar(np.array([[8, 2, 0], [1, 1, 0], [0, 0, 0]]))
    0.65
    """
    support = confusion.sum(axis=1)
    present = support > 0
    return float(np.mean(np.diag(confusion)[present] / support[present]))


def per_class(confusion: Counts) -> dict[str, npt.NDArray[np.float64]]:
    """Precision, recall, F1 (each 0 where it would be 0 / 0) and support of every class, as arrays (n_classes,)."""
    right = np.diag(confusion).astype(float)
    support, predicted = confusion.sum(axis=1).astype(float), confusion.sum(axis=0).astype(float)
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, support),
        "f1": _ratio(2 * right, support + predicted),
        "support": support,
    }


def seen(confusion: Counts) -> npt.NDArray[np.bool_]:
    """Which classes (n_classes,) are present in the truth or among the predictions: those that macro means are over."""
    present: npt.NDArray[np.bool_] = (confusion.sum(axis=1) + confusion.sum(axis=0)) > 0
    return present


def macro_f1(confusion: Counts) -> float:
    """Mean F1 over the classes that are present in the truth or among the predictions."""
    return float(per_class(confusion)["f1"][seen(confusion)].mean())


def weighted_f1(confusion: Counts) -> float:
    """Mean F1 over the classes, weighted by how often each is true."""
    scores = per_class(confusion)
    return float(np.average(scores["f1"], weights=scores["support"]))


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
