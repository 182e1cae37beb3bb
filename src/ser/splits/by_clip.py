"""Protocols that mix speakers."""

from collections.abc import Mapping, Sequence

from sklearn.model_selection import StratifiedKFold

from ser.config.checks import check_range
from ser.corpora.base import Utterance
from ser.splits.base import Protocol
from ser.splits.stratification import check_class_sizes, distinct_recordings, stratified_part, with_copies


class Random(Protocol):
    """A stratified random part for test, speakers mixed: the assignments' protocol.

    Args:
        test_fraction: part of the clips for test.
        name, fold, seed, val_fraction: see `Protocol`; there is one fold.
    """

    def __init__(
        self,
        *,
        name: str,
        fold: int | str,
        seed: int,
        val_fraction: float,
        test_fraction: float,
    ) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        check_range("test_fraction", test_fraction, 0.01, 0.9)
        self.test_fraction = test_fraction

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        kept = distinct_recordings(utterances, digests)
        check_class_sizes(self.name, kept, 3)
        n_classes = len({utterance.emotion for utterance in kept})
        n_test = max(round(self.test_fraction * len(kept)), n_classes)
        return [stratified_part(utterances, digests, n_test, self.seed)]


class KFold(Protocol):
    """Stratified k-fold cross-validation, speakers mixed; with k = 5 each test part is a random fifth.

    Args:
        k: number of folds.
        name, fold, seed, val_fraction: see `Protocol`.
    """

    def __init__(self, *, name: str, fold: int | str, seed: int, val_fraction: float, k: int) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        check_range("k", k, 2, 1000)
        self.k = k

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        kept = distinct_recordings(utterances, digests)
        check_class_sizes(self.name, kept, max(self.k, 3))
        folds = StratifiedKFold(self.k, shuffle=True, random_state=self.seed)
        emotions = [utterance.emotion for utterance in kept]
        return [with_copies([kept[i] for i in test], utterances, digests) for _, test in folds.split(kept, emotions)]
