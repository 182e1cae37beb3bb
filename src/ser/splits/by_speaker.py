"""Protocols that keep speakers apart."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ser.config.checks import check_range
from ser.corpora.base import Utterance
from ser.corpora.keys import key
from ser.errors import SplitError
from ser.splits.base import Protocol
from ser.splits.stratification import speaker_folds, speaker_names


class SpeakerKFold(Protocol):
    """Speaker-independent k-fold cross-validation, stratified by emotion, and by gender where the corpus names it.

    Args:
        k: number of folds.
        name, fold, seed, val_fraction: see `Protocol`.
    """

    by_speaker = True

    def __init__(self, *, name: str, fold: int | str, seed: int, val_fraction: float, k: int) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        check_range("k", k, 2, 1000)
        self.k = k

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        n_speakers = len(speaker_names(self.name, utterances))
        if self.k > n_speakers:
            raise SplitError(
                f"split.k={self.k}: more folds than speakers ({n_speakers}); set split.k to {n_speakers} at most"
            )
        return speaker_folds(utterances, self.k, self.seed)


class LeaveOneSpeakerOut(Protocol):
    """One fold for each speaker, in the order of their names. Arguments as `Protocol`."""

    by_speaker = True

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        speakers = speaker_names(self.name, utterances)
        return [{utterance.id for utterance in utterances if utterance.speaker == who} for who in speakers]


class PublishedFolds(Protocol):
    """Speaker-independent folds as somebody published them, so that scores can be compared with theirs.

    Args:
        test_speakers: the test speakers of every fold; together all speakers of the corpus.
        name, fold, seed, val_fraction: see `Protocol`.
    """

    by_speaker = True

    def __init__(
        self,
        *,
        name: str,
        fold: int | str,
        seed: int,
        val_fraction: float,
        test_speakers: list[list[str]],
    ) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        self.test_speakers = test_speakers

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        published = {key(who): who for fold in self.test_speakers for who in fold}
        found = {key(str(utterance.speaker)): str(utterance.speaker) for utterance in utterances}
        if found.keys() != published.keys():
            missing = [published[one] for one in published.keys() - found.keys()]
            others = [found[one] for one in found.keys() - published.keys()]
            lines = [
                f"{what}: {', '.join(sorted(speakers))}"
                for what, speakers in (("missing", missing), ("not among them", others))
                if speakers
            ]
            raise SplitError(
                f"split={self.name} is published for the speakers {', '.join(sorted(published.values()))};"
                f" in this corpus {'; '.join(lines)}; use split=speaker for other speakers"
            )
        folds = [{key(who) for who in fold} for fold in self.test_speakers]
        return [{u.id for u in utterances if key(str(u.speaker)) in fold} for fold in folds]


class Speakers(Protocol):
    """One fold, whose test speakers are named, and it may be those of validation too.

    A speaker may be named by a number, or without the corpus where there are several: 1 means 01, Actor_01 or
    ravdess/01, where that is the only one it can mean.

    Args:
        test: the speakers for test.
        val: those for validation; None: `val_fraction` of the others, by seed.
        name, fold, seed, val_fraction: see `Protocol`; there is one fold.
    """

    by_speaker = True

    def __init__(
        self, *, name: str, fold: int | str, seed: int, val_fraction: float, test: list[Any], val: list[Any] | None
    ) -> None:
        super().__init__(name=name, fold=fold, seed=seed, val_fraction=val_fraction)
        self.test, self.val = test, val

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        test, val = (self._named(setting, utterances) for setting in ("test", "val"))
        if both := sorted(test & val):
            raise SplitError(f"split={self.name}: {', '.join(both)} cannot be both in split.test and in split.val")
        return [{utterance.id for utterance in utterances if utterance.speaker in test}]

    def _validation(self, rest: Sequence[Utterance], test: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
        if self.val is None:
            return self._speakers_for_validation(rest)
        val = self._named("val", [*rest, *test])
        return {utterance.id for utterance in rest if utterance.speaker in val}

    def _named(self, setting: str, utterances: Sequence[Utterance]) -> set[str]:
        """The speakers that `split.test` or `split.val` names."""
        there = sorted({str(utterance.speaker) for utterance in utterances})
        words = getattr(self, setting)
        if words is None:
            return set()
        if not words:
            raise SplitError(f"split.{setting} names nobody; set split.{setting}=[...] to some of {', '.join(there)}")
        named = set()
        for word in map(str, words):
            meant = meant_by(word, there)
            if len(meant) != 1:
                why = f"may mean {' or '.join(meant)}; write which" if meant else f"is none of {', '.join(there)}"
                raise SplitError(f"split.{setting}: the speaker {word} {why}")
            named.add(meant[0])
        return named


def meant_by(word: str, speakers: Sequence[str]) -> list[str]:
    """Whom a word can mean: those of this name, or else of this name within a corpus, or of this number.

    >>> meant_by("1", ["01", "02"]), meant_by("1", ["tess/F01", "tess/M01"]), meant_by("anna", ["a/Anna", "b/Bo"])
    (['01'], ['tess/F01', 'tess/M01'], ['a/Anna'])
    """
    place, slash, last = word.rpartition("/")
    wanted = key(last) or ""
    near = [name for name in speakers if not slash or name.rpartition("/")[0] == place]
    return (
        [name for name in speakers if key(name) == key(word)]
        or [name for name in near if key(name.rpartition("/")[2]) == wanted]
        or [name for name in near if _number(name.rpartition("/")[2]) == wanted]
    )


def _number(name: str) -> str | None:
    """The only number in a name, as `key` has it."""
    numbers = re.findall(r"\d+", name)
    return key(numbers[0]) if len(numbers) == 1 else None
