"""Scores from a confusion matrix: pure functions on counts (truth, prediction)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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


def confusions_by_cluster(
    clusters: npt.NDArray[np.intp],
    truth: Sequence[int] | npt.NDArray[np.intp],
    predicted: Sequence[int] | npt.NDArray[np.intp],
    n_classes: int,
    n_clusters: int | None = None,
) -> Floats:
    """What each cluster, such as a speaker, adds to the confusion.

    Args:
        clusters: of each clip, from 0.
        truth, predicted: classes of each clip.
        n_clusters: None: as many as the highest number says.

    Returns:
        (n_clusters, n_classes, n_classes), truth along the rows.
    """
    n = int(clusters.max()) + 1 if n_clusters is None else n_clusters
    counts = np.zeros((n, n_classes, n_classes))
    np.add.at(counts, (clusters, np.asarray(truth, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def scores(confusion: Counts | Floats) -> dict[str, Floats]:
    """Accuracy, UAR and macro-F1 of many confusion matrices at once.

    Args:
        confusion: (..., n_classes, n_classes), truth along the rows, counts or parts of counts; none all zero.

    Returns:
        `accuracy`, `uar`, `macro_f1`, each (...).
    """
    counts: Floats = np.asarray(confusion, dtype=np.float64)
    right: Floats = np.diagonal(counts, axis1=-2, axis2=-1)
    support, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    return {
        "accuracy": right.sum(axis=-1) / support.sum(axis=-1),
        "uar": mean_ratio(right, support),
        "macro_f1": mean_ratio(2 * right, support + predicted),
    }


def mean_ratio(above: Floats, below: Floats) -> Floats:
    """Mean of above / below along the last axis, over where `below` is positive; 0 where it is nowhere."""
    known = below > 0
    mean: Floats = _ratio(above, below).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return mean


def accuracy(confusion: Counts) -> float:
    """Part of the predictions that are right."""
    return float(scores(confusion)["accuracy"])


def uar(confusion: Counts) -> float:
    """Unweighted average recall: the mean recall over the classes that are present in the truth.

    >>> uar(np.array([[8, 2, 0], [1, 1, 0], [0, 0, 0]]))
    0.65
    """
    return float(scores(confusion)["uar"])


def per_class(confusion: Counts) -> dict[str, Floats]:
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
    return float(scores(confusion)["macro_f1"])


def weighted_f1(confusion: Counts) -> float:
    """Mean F1 over the classes, weighted by how often each is true."""
    classes = per_class(confusion)
    return float(np.average(classes["f1"], weights=classes["support"]))


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
