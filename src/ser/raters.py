"""Several raters of the same clips: pure functions on their votes, arrays (n_clips, n_classes)."""

import numpy as np
import numpy.typing as npt

from ser.metrics import Floats

FLOOR = 1e-6  # least probability of an answer: predictions.csv has six digits, and nobody is infinitely wrong


def krippendorff_alpha(votes: npt.ArrayLike) -> float | None:
    """How far raters agree, for names without an order: 1 wholly, 0 as by lot, below 0 less than by lot.

    Clips may have any number of raters; those with fewer than two say nothing. (Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability, sec. C)

    Args:
        votes: how many raters named each class of each clip.

    Returns:
        None where there is nothing to agree on: no clip has two raters, or all of them name one class.

    >>> krippendorff_alpha([[2, 0], [0, 2], [1, 1]])
    0.4444444444444444
    """
    counts = np.asarray(votes, dtype=float)
    raters = counts.sum(axis=1)
    counts, raters = counts[raters > 1], raters[raters > 1]
    n, of_class = counts.sum(), counts.sum(axis=0)
    expected = n**2 - (of_class**2).sum()  # pairs of different names among all votes
    if not expected:
        return None
    observed = ((raters**2 - (counts**2).sum(axis=1)) / (raters - 1)).sum()
    return float(1 - (n - 1) * observed / expected)


def entropy(wanted: Floats) -> Floats:
    """Of each distribution (n_clips,), in bits: the cross-entropy that no answer comes below."""
    logs = np.log2(wanted, out=np.zeros_like(wanted), where=wanted > 0)
    bits: Floats = -(wanted * logs).sum(axis=1)
    return bits


def cross_entropy(wanted: Floats, answers: Floats) -> Floats:
    """Of each answer (n_clips,) where a distribution is wanted, in bits; probabilities below FLOOR count as that."""
    bits: Floats = -(wanted * np.log2(np.maximum(answers, FLOOR))).sum(axis=1)
    return bits


def jensen_shannon(wanted: Floats, answers: Floats) -> Floats:
    """Divergence of two distributions for each clip (n_clips,), in bits: 0 where they are the same, 1 at most.

    (Lin 1991, IEEE Transactions on Information Theory 37, 145-151)
    """
    middle = (wanted + answers) / 2
    bits: Floats = np.maximum(entropy(middle) - (entropy(wanted) + entropy(answers)) / 2, 0)
    return bits
