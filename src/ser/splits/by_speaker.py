"""Protocols that keep speakers apart."""

from collections.abc import Mapping, Sequence

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
