"""Protocols: who trains, who validates, who is tested; and the audit that looks for leaks between them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser.config.checks import check_range
from ser.corpora.base import Utterance
from ser.errors import ConfigError, SplitError
from ser.splits.stratification import distinct_recordings, speaker_folds, stratified_part

PARTS = ("train", "val", "test")
ALL_FOLDS = "all"


@dataclass(frozen=True)
class Split:
    """One fold of a protocol.

    Attributes:
        name: the protocol.
        fold, n_folds: which of how many, from 1.
        by_speaker: whether the protocol promises that nobody is both in training and in test.
        train, val, test: the utterances.
        is_mapped: whether the corpus's labels were mapped; then the hash is of the labels too.
    """

    name: str
    fold: int
    n_folds: int
    by_speaker: bool
    train: list[Utterance]
    val: list[Utterance]
    test: list[Utterance]
    is_mapped: bool = False

    def rows(self) -> list[tuple[Utterance, str]]:
        """Every utterance with its part, sorted by utterance id."""
        rows = [(utterance, part) for part in PARTS for utterance in getattr(self, part)]
        return sorted(rows, key=lambda row: row[0].id)

    @property
    def hash(self) -> str:
        """Of the exact assignment: equal hashes mean the same clips in the same parts."""
        label = "\t{}" if self.is_mapped else ""
        lines = "\n".join(f"{one.id}\t{part}{label.format(one.emotion)}" for one, part in self.rows())
        return hashlib.sha256(lines.encode()).hexdigest()[:16]


class Protocol(ABC):
    """A way to split a corpus into folds.

    Validation is cut out of training in the same manner as test: `val_fraction` of the clips, or of the speakers
    where the protocol is by speaker. Nothing is random but what `seed` decides.

    Args:
        name: the word by which it is chosen.
        fold: which fold is wanted, from 1; or all.
        seed: of all that is drawn.
        val_fraction: part of what is not for test that is for validation.
    """

    by_speaker = False
    by: str | None = None
    """An attribute of which no value is on both sides."""
    own_folds: Sequence[Mapping[str, str]] | None = None
    """What `Corpus.folds` gives, for the protocol that uses it."""

    def __init__(self, *, name: str, fold: int | str, seed: int, val_fraction: float) -> None:
        check_range("val_fraction", val_fraction, 0.01, 0.5)
        check_range("seed", seed, 0, 2**32 - 1)
        self.name, self.fold, self.seed, self.val_fraction = name, fold, seed, val_fraction

    @abstractmethod
    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        """The ids of each fold's test utterances."""

    def folds(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[Split]:
        """The folds that were asked for: one, or every one for `split.fold=all`.

        Args:
            utterances: the corpus.
            digests: of each utterance's recording, by id; identical recordings stay in one part.

        Raises:
            SplitError: the protocol cannot be applied to this corpus.
            ConfigError: there is no such fold.
        """
        if self.by_speaker:
            self._check_speakers(utterances)
        tests = self.tests(utterances, digests)
        numbers = range(1, len(tests) + 1)
        if self.fold != ALL_FOLDS and self.fold not in numbers:
            raise ConfigError(f"split.fold must be 1 to {len(tests)}, or {ALL_FOLDS}; got {self.fold!r}")
        wanted = numbers if self.fold == ALL_FOLDS else [int(self.fold)]
        return [self._assign(fold, tests, utterances, digests) for fold in wanted]

    def _assign(
        self, fold: int, tests: list[set[str]], utterances: Sequence[Utterance], digests: Mapping[str, str]
    ) -> Split:
        members = self._members(fold, utterances)
        test = [utterance for utterance in members if utterance.id in tests[fold - 1]]
        rest = [utterance for utterance in members if utterance.id not in tests[fold - 1]]
        validation = self._validation(rest, test, digests)
        train = [utterance for utterance in rest if utterance.id not in validation]
        untrained = {utterance.emotion for utterance in utterances} - {utterance.emotion for utterance in train}
        if untrained:
            mapped = f"{{{', '.join(f'{emotion}: null' for emotion in sorted(untrained))}}}"
            left_out = f"'labels.map={mapped}'" if mapped.isascii() else f"\"labels.map='{mapped}'\""
            raise SplitError(
                f"split={self.name}, fold {fold}: no clip of {', '.join(sorted(untrained))} is left for training;"
                f" add clips of it (by other speakers), or leave it out: {left_out}"
            )
        val = [utterance for utterance in rest if utterance.id in validation]
        return Split(self.name, fold, len(tests), self.by_speaker, train, val, test)

    def _members(self, fold: int, utterances: Sequence[Utterance]) -> Sequence[Utterance]:
        """What has a part in a fold: everything, where a corpus's own folds leave nothing out."""
        return utterances

    def _validation(self, rest: Sequence[Utterance], test: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
        """The ids of what is cut out of `rest` for validation."""
        return self._speakers_for_validation(rest) if self.by_speaker else self._clips_for_validation(rest, digests)

    def _validation_by_test(
        self, rest: Sequence[Utterance], test: Sequence[Utterance], digests: Mapping[str, str]
    ) -> set[str]:
        """The ids of some speakers where all are known, none is in test and two are left at least; else of clips."""
        left, tested = ({utterance.speaker for utterance in side} for side in (rest, test))
        if None not in left | tested and not left & tested and len(left) > 1:
            return self._speakers_for_validation(rest)
        return self._clips_for_validation(rest, digests)

    def _speakers_for_validation(self, rest: Sequence[Utterance]) -> set[str]:
        n_speakers = len({utterance.speaker for utterance in rest})
        if n_speakers < 2:
            raise SplitError(
                f"split={self.name}: only one speaker is left for training and validation, two are needed;"
                " ask for more folds, or use split=random or kfold"
            )
        tenths = speaker_folds(rest, min(10, n_speakers), self.seed)
        n_tenths = min(max(round(self.val_fraction * len(tenths)), 1), len(tenths) - 1)
        return set().union(*tenths[:n_tenths])

    def _clips_for_validation(self, rest: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
        kept = distinct_recordings(rest, digests)
        n_classes = len({utterance.emotion for utterance in kept})
        n_val = max(round(self.val_fraction * len(kept)), n_classes)
        return stratified_part(rest, digests, n_val, self.seed)

    def _check_speakers(self, utterances: Sequence[Utterance]) -> None:
        nameless = sum(utterance.speaker is None for utterance in utterances)
        if nameless:
            raise SplitError(
                f"split={self.name} keeps speakers apart, but {nameless} of {len(utterances)} clips do not say who"
                " speaks; use split=random or kfold, or name the speakers: corpus=table with a column speaker"
            )
