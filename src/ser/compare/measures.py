"""How rows are scored and tested against each other: by confusions of emotions, or by how far numbers agree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log2

import numpy as np

from ser import concordance, metrics, statistics
from ser.metrics import Floats
from ser.runs.dimensions.names import SCORES as OF_DIMENSIONS
from ser.runs.names import MAIN_SCORES, SCORES

_AT_ONCE = 200  # resamples; bounds the memory
_EQUAL = 1e-9


@dataclass(frozen=True)
class Measure:
    """What scores are made of, and how. Counts are what each cluster of clips adds (n_clusters, ...): confusions, sums.

    Attributes:
        words: the scores by name; the first is the one that counts.
        scores: of counts that were added up (..., those of a cluster): each (...).
        bootstrap: of counts: the scores, each (n_resamples,).
        difference: of two counts: the main score's differences (n_resamples,).
        p: of two counts: two-sided p-value of the main score's difference, paired by cluster.
    """

    words: Mapping[str, str]
    scores: Callable[[Floats], dict[str, Floats]]
    bootstrap: Callable[[Floats], dict[str, Floats]]
    difference: Callable[[Floats, Floats], Floats]
    p: Callable[[Floats, Floats], float]

    @property
    def main(self) -> str:
        """The name of the score that counts."""
        return next(iter(self.words))


def _agreement(sums: Floats) -> dict[str, Floats]:
    return concordance.means(concordance.scores(sums))


def _bootstrap(sums: Floats) -> dict[str, Floats]:
    drawn = statistics.resampled(sums, n_resamples=statistics.N_RESAMPLES, seed=0)
    batches = [_agreement(one) for one in drawn]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _difference(ours: Floats, theirs: Floats) -> Floats:
    ccc = _bootstrap(np.stack([ours, theirs], axis=1))["ccc"]
    differences: Floats = (ccc[:, 0] - ccc[:, 1]).round(12) + 0.0
    return differences


def _p(ours: Floats, theirs: Floats) -> float:
    """The randomisation test of `ser.statistics.permutation_p`, for the mean CCC, which no cluster adds a part to."""
    n = len(ours)
    exact = n <= log2(statistics.N_RESAMPLES)
    n_swaps = 2**n if exact else statistics.N_RESAMPLES
    random = np.random.default_rng(0)
    flat = [side.reshape(n, -1) for side in (ours, theirs)]
    as_far, observed = 0, _apart(ours.sum(axis=0), theirs.sum(axis=0))
    for start in range(0, n_swaps, _AT_ONCE):
        numbers = np.arange(start, min(start + _AT_ONCE, n_swaps))
        kept = (numbers[:, None] >> np.arange(n)) & 1 if exact else random.integers(2, size=(len(numbers), n))
        one = kept @ flat[0] + (1 - kept) @ flat[1]
        other = flat[0].sum(axis=0) + flat[1].sum(axis=0) - one
        apart = _apart(*(sums.reshape(-1, *ours.shape[1:]) for sums in (one, other)))
        as_far += int((abs(apart) >= abs(observed) - _EQUAL).sum())
    return as_far / n_swaps if exact else (as_far + 1) / (n_swaps + 1)


def _apart(ours: Floats, theirs: Floats) -> Floats:
    return np.asarray(_agreement(ours)["ccc"] - _agreement(theirs)["ccc"])


EMOTIONS = Measure(
    {name: SCORES[name] for name in MAIN_SCORES},
    metrics.scores,
    statistics.bootstrap,
    statistics.bootstrap_difference,
    statistics.permutation_p,
)
NUMBERS = Measure(OF_DIMENSIONS, _agreement, _bootstrap, _difference, _p)
