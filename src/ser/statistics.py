"""Intervals and tests for scores on the very same clips: pure functions on arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, comb, log2
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.metrics import Floats, mean_ratio, scores

N_RESAMPLES = 10_000
CONFIDENCE = 0.95
MIN_SPEAKERS = 5  # fewer can be drawn in too few ways for an interval
_AT_ONCE = 500  # resamples; bounds the memory
_EQUAL = 1e-9  # UARs that differ by less differ by rounding only


def clusters_of(speakers: Sequence[str | None]) -> tuple[npt.NDArray[np.int64], str]:
    """What is resampled: the cluster (n_clips,) of each clip, numbered from 0, and `speakers` or `clips`.

    Clips of one speaker resemble each other, so that a speaker is drawn with all clips; each clip is a cluster of its
    own where a speaker is not known, or where there are fewer than MIN_SPEAKERS.

    Args:
        speakers: of each clip; empty or None where nobody is named.

    >>> clusters_of(["b", "a", "c", "d", "e", "a"])
    (array([1, 0, 2, 3, 4, 0]), 'speakers')
    >>> clusters_of(["a", "a", "b"])
    (array([0, 1, 2]), 'clips')
    """
    names = [speaker or "" for speaker in speakers]
    if all(names) and len(set(names)) >= MIN_SPEAKERS:
        return np.unique(names, return_inverse=True)[1], "speakers"
    return np.arange(len(names)), "clips"


def bootstrap(confusions: Floats, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> dict[str, Floats]:
    """Scores on clusters drawn with replacement, as many as there are.

    The cluster bootstrap: a drawn speaker comes with all clips (Field and Welsh 2007, J. R. Stat. Soc. B 69, 369-390).

    Args:
        confusions: (n_clusters, n_classes, n_classes), what each cluster adds to the confusion.

    Returns:
        the scores of `ser.metrics.scores`, each (n_resamples,).
    """
    batches = [scores(sums) for sums in resampled(confusions, n_resamples=n_resamples, seed=seed)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def bootstrap_difference(ours: Floats, theirs: Floats, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Floats:
    """UAR differences (n_resamples,) of two recognisers, both on the same clusters drawn as in `bootstrap`.

    Args:
        ours, theirs: (n_clusters, n_classes, n_classes), what each cluster adds to the confusion; of the same clips.
    """
    counts = np.stack(_gain_and_support(ours, theirs), axis=1)
    batches = resampled(counts, n_resamples=n_resamples, seed=seed)
    differences = np.concatenate([mean_ratio(sums[:, 0], sums[:, 1]) for sums in batches])
    return differences.round(12) + 0.0  # parts of clips do not add up exactly; what is equal differs by 0, not by -0


def _gain_and_support(ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    """Each (n_clusters, n_classes): how many more clips `ours` named rightly, and how many clips there are."""
    return np.diagonal(ours - theirs, axis1=1, axis2=2), ours.sum(axis=2)


def resampled(counts: Floats, *, n_resamples: int, seed: int) -> Iterator[Floats]:
    """Sums (n, ...) over drawn clusters, n_resamples in all, of what each cluster adds: `counts` (n_clusters, ...)."""
    # Clusters that are alike are drawn as one kind, as often as there are of it: clips have few kinds. Kinds keep the
    # order of the clusters, so that speakers, who are seldom alike, are drawn alike for all counts of a corpus.
    flat = counts.reshape(len(counts), -1)
    _, first, sizes = np.unique(flat, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    kinds, sizes = flat[first[order]], sizes[order]
    generator = np.random.default_rng(seed)
    for start in range(0, n_resamples, _AT_ONCE):
        n = min(_AT_ONCE, n_resamples - start)
        drawn = generator.multinomial(len(counts), sizes / len(counts), n).astype(float)
        yield (drawn @ kinds).reshape(n, *counts.shape[1:])


def percentile_interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of bootstrap values (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13)."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def permutation_p(ours: Floats, theirs: Floats, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> float:
    """Two-sided p-value of the UAR difference of two recognisers, paired by cluster.

    The randomisation test (Fisher 1935, The Design of Experiments, sec. 21; for scores of recognisers Yeh 2000,
    COLING, 947-953): were the two alike, the results of any cluster might as well be swapped. The p-value is the part
    of the swaps whose difference is at least as far from 0. Where there are at most `n_resamples` swaps, all are
    tried, and it is exact; else so many random ones, and the one that happened is counted too, so that it is valid
    and never 0 (Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39).

    Args:
        ours, theirs: (n_clusters, n_classes, n_classes), what each cluster adds to the confusion; of the same clips.
    """
    gain, support = _gain_and_support(ours, theirs)
    # Swaps leave the support as it is: each cluster adds its part to the difference, and swapped takes it away.
    parts = mean_ratio(gain, np.broadcast_to(support.sum(axis=0), gain.shape))
    parts = parts[abs(parts) > _EQUAL]
    if len(parts) <= log2(n_resamples):
        swapped, extra = np.array(list(product((1, -1), repeat=len(parts)))) @ parts, 0
    else:
        # Parts of one size are swapped together, so many of them at a time: clips have few sizes.
        sizes, n = np.unique(abs(parts), return_counts=True)
        drawn = np.random.default_rng(seed).binomial(n, 0.5, (n_resamples, len(n)))
        swapped, extra = (2 * drawn - n) @ sizes, 1
    as_far = int((abs(swapped) >= abs(parts.sum()) - _EQUAL).sum())
    return (as_far + extra) / (len(swapped) + extra)


@dataclass(frozen=True)
class Gap:
    """How far one group of clips is told better than another: `difference` with its 95 % interval, and p-value.

    Attributes:
        smallest_p: below which no difference could come, with so few clusters.
        paired: whether all clusters (speakers) are in both groups.
    """

    difference: float
    low: float
    high: float
    p: float
    smallest_p: float
    paired: bool


def gap(ours: Floats, theirs: Floats, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Gap:
    """The gap between two groups of clips of one recogniser: the mean recall of the one less that of the other.

    The mean is over the classes that both groups have. The permutation test swaps the groups within clusters that
    have clips of both (speakers, and sentences that each has said), and deals the others (men and women) out to two
    groups of the same sizes anew. The interval draws the clusters of each kind among themselves, with all their clips.
    The p-value is that of random permutations, the one that happened counted too (Phipson and Smyth 2010), two-sided.

    Args:
        ours, theirs: (n_clusters, n_classes, n_classes), what each cluster adds to the confusion of each group.
    """
    present = (ours + theirs).sum(axis=(1, 2)) > 0
    sides = [
        np.stack([np.diagonal(side, axis1=1, axis2=2), side.sum(axis=2)], axis=1) for side in (ours, theirs)
    ]  # (n_clusters, 2, n_classes): how many are right, and how many there are
    ours, theirs = (side[present] for side in sides)
    is_ours, is_theirs = (side[:, 1].sum(axis=1) > 0 for side in (ours, theirs))
    in_both, alone = is_ours & is_theirs, ~(is_ours & is_theirs)
    kinds = [kind for kind in (in_both, alone & is_ours, alone & is_theirs) if kind.any()]
    generator = np.random.default_rng(seed)
    drawn, permuted = [], []
    for start in range(0, n_resamples, _AT_ONCE):
        shape = (min(_AT_ONCE, n_resamples - start), len(ours))
        times = sum((_drawn(generator, kind, shape) for kind in kinds), np.zeros(shape))
        kept = np.empty(shape, dtype=bool)
        kept[:, in_both] = generator.integers(2, size=(shape[0], in_both.sum())) > 0
        dealt = generator.permuted(np.broadcast_to(is_ours[alone], (shape[0], alone.sum())), axis=1)
        kept[:, alone] = dealt == is_ours[alone]
        drawn.append(_difference(_sum(times, ours), _sum(times, theirs)))
        permuted.append(
            _difference(_sum(kept, ours) + _sum(~kept, theirs), _sum(kept, theirs) + _sum(~kept, ours)),
        )
    difference = float(_difference(ours.sum(axis=0), theirs.sum(axis=0)))
    as_far = int((abs(np.concatenate(permuted)) >= abs(difference) - _EQUAL).sum())
    n_ours, n_theirs = int((alone & is_ours).sum()), int((alone & is_theirs).sum())
    ways = 2 ** int(in_both.sum()) * comb(n_ours + n_theirs, n_ours)
    return Gap(
        difference,
        *percentile_interval(np.concatenate(drawn)),
        p=(as_far + 1) / (n_resamples + 1),
        smallest_p=(2 if n_ours == n_theirs else 1) / ways,  # of like numbers, the mirror image is as far
        paired=bool(in_both.all()),
    )


def _drawn(generator: np.random.Generator, among: npt.NDArray[np.bool_], shape: tuple[int, int]) -> Floats:
    """How often each of some clusters is drawn: (n, n_clusters), as many in all as there are of them."""
    return generator.multinomial(among.sum(), among / among.sum(), shape[0]).astype(float)


def _sum(times: npt.NDArray[np.bool_] | Floats, counts: Floats) -> Floats:
    """Sums (n, ...) of what each cluster adds, `counts` (n_clusters, ...), each so many times (n, n_clusters)."""
    summed: Floats = np.tensordot(times.astype(float), counts, axes=1)
    return summed


def _difference(ours: Floats, theirs: Floats) -> Floats:
    """Mean difference (...) of the recalls, each group's (..., 2, n_classes), over the classes that both have."""
    right, support = ours[..., 0, :], ours[..., 1, :]
    other_right, other_support = theirs[..., 0, :], theirs[..., 1, :]
    difference = mean_ratio(right * other_support - other_right * support, support * other_support)
    return np.asarray(difference).round(12) + 0.0


def luck_p(
    truth: npt.NDArray[np.signedinteger[Any]],
    answers: npt.NDArray[np.signedinteger[Any]],
    groups: npt.NDArray[Any],
    n_classes: int,
    *,
    n_permutations: int,
    units: npt.NDArray[Any] | None = None,
) -> float:
    """How often the UAR would be as high, were the true classes of each group dealt out anew, and the answers stay.

    One-sided; the one that happened is counted too (Phipson and Smyth 2010).

    Args:
        truth, answers: classes (clips,).
        groups: of each clip (clips,), such as its speaker.
        units: of each clip (clips,), what gets one class as a whole, such as a speaker who has no other; None: each
            clip its own.
    """
    generator = np.random.default_rng(0)
    right, support = np.zeros((2, n_permutations, n_classes))
    units = np.arange(len(truth)) if units is None else units
    for group in np.unique(groups):
        own = groups == group
        _, first, unit = np.unique(units[own], return_index=True, return_inverse=True)
        answered = np.zeros((len(first), n_classes), np.float32)
        np.add.at(answered, (unit, answers[own]), 1)
        classes = truth[own][first].astype(np.int16)
        dealt = generator.permuted(np.broadcast_to(classes, (n_permutations, len(classes))), axis=1)
        for label in range(n_classes):
            is_dealt = (dealt == label).astype(np.float32)
            right[:, label] += is_dealt @ answered[:, label]
            support[:, label] += is_dealt @ answered.sum(axis=1)
    reached = np.bincount(truth[truth == answers], minlength=n_classes)
    luck = mean_ratio(right, support)
    seen = mean_ratio(reached.astype(float), np.bincount(truth, minlength=n_classes).astype(float))
    return float(((luck >= seen - _EQUAL).sum() + 1) / (n_permutations + 1))


def sign_test(n_plus: int, n_minus: int) -> float:
    """Exact two-sided sign test; on the clips that one of two recognisers alone names rightly it is McNemar's test.

    >>> sign_test(0, 5), sign_test(3, 3), sign_test(0, 0)
    (0.0625, 1.0, 1.0)
    """
    from scipy.special import bdtr  # slow to import

    n = n_plus + n_minus
    return min(1.0, 2 * float(bdtr(min(n_plus, n_minus), n, 0.5))) if n else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def clusters_needed(level: float) -> int:
    """How many clusters at least a permutation test needs for a p-value below `level`: 2 / 2^n is its smallest.

    >>> clusters_needed(0.05)
    6
    """
    return ceil(1 - log2(level))
