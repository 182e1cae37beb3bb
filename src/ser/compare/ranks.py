"""How rows rank over the speakers, and which cannot be told apart: pure functions on arrays.

After Demšar (2006), JMLR 7, 1-30, with speakers in the place of his data sets. His test after Nemenyi, one critical
difference for all pairs, is not taken: whether it tells two rows apart depends on the others that stand beside them,
and it sees only ranks. Benavoli, Corani and Mangili (2016), JMLR 17(5), 1-10, advise to test pair by pair.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ser import statistics
from ser.metrics import Floats, scores

Pair = tuple[int, int]  # indices of rows, the smaller first


@dataclass(frozen=True)
class Ranks:
    """The rows of a table, ranked.

    Attributes:
        mean: the mean rank of each row over the speakers; 1 is the best.
        n_speakers: over how many.
        chi2, p: Friedman's test of whether all rows are alike.
        p_holm: of each pair, by the paired permutation test over speakers, corrected for the number of pairs.
        groups: the largest sets of rows of whom no two can be told apart, each with the best rank first.
    """

    mean: list[float]
    n_speakers: int
    chi2: float
    p: float
    p_holm: dict[Pair, float]
    groups: list[list[int]]

    @property
    def order(self) -> list[int]:
        """The rows, that with the best mean rank first."""
        return sorted(range(len(self.mean)), key=lambda index: (self.mean[index], index))

    @property
    def columns(self) -> list[list[list[int]]]:
        """The groups in columns, for a picture: those of a column have no place in `order` in common."""
        place = {index: line for line, index in enumerate(self.order)}
        columns: list[list[list[int]]] = []
        for group in self.groups:
            free = (column for column in columns if place[column[-1][-1]] < place[group[0]])
            column = next(free, None)
            if column is None:
                columns.append([group])
            else:
                column.append(group)
        return columns


def rank(confusions: Sequence[Floats], level: float) -> Ranks | None:
    """Rank rows by the UAR of each speaker, and test all pairs.

    Args:
        confusions: of each row (n_speakers, n_classes, n_classes), what each speaker adds; all of the same clips.
        level: pairs with a smaller corrected p-value are told apart.

    Returns:
        None where no pair could be told apart whatever the scores: of fewer than three rows (there the paired test of
        the table says all), of too few speakers, or of so many pairs that random swaps give no p-value that is small
        enough.
    """
    pairs = list(combinations(range(len(confusions)), 2))
    if len(confusions) < 3 or len(pairs) >= level * statistics.N_RESAMPLES:
        return None
    if len(confusions[0]) < statistics.clusters_needed(level / len(pairs)):
        return None
    ranked = ranks_of(np.stack([scores(own)["uar"] for own in confusions], axis=1))
    chi2, p = friedman(ranked)
    corrected = statistics.holm([statistics.permutation_p(confusions[i], confusions[j]) for i, j in pairs])
    p_holm = dict(zip(pairs, corrected, strict=True))
    mean = ranked.mean(axis=0).tolist()
    places = sorted(range(len(mean)), key=lambda index: (mean[index], index))
    alike = {index: {other for other in places if _is_alike(p_holm, index, other, level)} for index in places}
    groups = [sorted(group, key=places.index) for group in _cliques(set(), set(places), set(), alike) if len(group) > 1]
    groups.sort(key=lambda group: [places.index(index) for index in group])
    return Ranks(mean, len(ranked), chi2, p, p_holm, groups)


def ranks_of(values: Floats) -> Floats:
    """Ranks (n_blocks, n_rows) of the rows in each block: 1 is the highest value, equal ones share their mean rank.

    >>> ranks_of(np.array([[0.9, 0.5, 0.7], [0.6, 0.8, 0.6]])).tolist()
    [[1.0, 3.0, 2.0], [2.5, 1.0, 2.5]]
    """
    values = values.round(9)  # what differs by less differs by rounding
    own, other = values[:, :, None], values[:, None, :]
    ranked: Floats = (other > own).sum(axis=2) + ((other == own).sum(axis=2) + 1) / 2
    return ranked


def friedman(ranked: Floats) -> tuple[float, float]:
    """Friedman's test (1937, Journal of the American Statistical Association 32, 675-701), ties accounted for.

    Args:
        ranked: (n_blocks, n_rows), as `ranks_of` gives them.

    Returns:
        chi-square, with n_rows - 1 degrees of freedom, and its p-value.
    """
    from scipy.special import chdtrc  # slow to import

    middle = (ranked.shape[1] + 1) / 2
    spread = ((ranked - middle) ** 2).sum()
    if not spread:
        return 0.0, 1.0
    freedom = ranked.shape[1] - 1
    chi2 = freedom * float(((ranked.sum(axis=0) - len(ranked) * middle) ** 2).sum() / spread)
    return chi2, float(chdtrc(freedom, chi2))


def _is_alike(p_holm: Mapping[Pair, float], index: int, other: int, level: float) -> bool:
    return index != other and p_holm[min(index, other), max(index, other)] >= level


def _cliques(chosen: set[int], open_: set[int], done: set[int], alike: Mapping[int, set[int]]) -> Iterator[set[int]]:
    """The largest sets of whom all are alike (Bron and Kerbosch 1973, Communications of the ACM 16, 575-577)."""
    if not open_ and not done:
        yield chosen
        return
    pivot = max(open_ | done, key=lambda index: len(alike[index] & open_))
    for index in sorted(open_ - alike[pivot]):
        yield from _cliques(chosen | {index}, open_ & alike[index], done & alike[index], alike)
        open_, done = open_ - {index}, done | {index}
