"""Protocols that keep speakers apart."""

from collections.abc import Mapping, Sequence

from ser.config.checks import check_range
from ser.corpora.base import Utterance
from ser.errors import SplitError
from ser.splits.base import Protocol
from ser.splits.cutting import speaker_folds, speaker_names


class SpeakerKFold(Protocol):
    """Speaker-independent k-fold cross-validation, stratified by emotion, and by gender where the corpus names it."""

    by_speaker = True

    def __init__(
        self, name: str = "speaker", fold: int | str = 1, seed: int = 0, val_fraction: float = 0.1, k: int = 5
    ) -> None:
        super().__init__(name, fold, seed, val_fraction)
        check_range("split.k", k, 2, 1000)
        self.k = k

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        n_speakers = len(speaker_names(self.name, utterances))
        if self.k > n_speakers:
            raise SplitError(
                f"split.k={self.k}: more folds than speakers ({n_speakers}); set split.k to {n_speakers} at most"
            )
        return speaker_folds(utterances, self.k, self.seed)


class LeaveOneSpeakerOut(Protocol):
    """One fold for each speaker, in the order of their names."""

    by_speaker = True

    def __init__(self, name: str = "loso", fold: int | str = 1, seed: int = 0, val_fraction: float = 0.1) -> None:
        super().__init__(name, fold, seed, val_fraction)

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
        name: str,
        test_speakers: list[list[str]],
        fold: int | str = 1,
        seed: int = 0,
        val_fraction: float = 0.1,
    ) -> None:
        super().__init__(name, fold, seed, val_fraction)
        self.test_speakers = test_speakers

    def tests(self, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[set[str]]:
        published = {who for fold in self.test_speakers for who in fold}
        found = {str(utterance.speaker) for utterance in utterances}
        if found != published:
            lines = [
                f"{what}: {', '.join(sorted(speakers))}"
                for what, speakers in (("missing", published - found), ("not among them", found - published))
                if speakers
            ]
            raise SplitError(
                f"split={self.name} is published for the speakers {', '.join(sorted(published))};"
                f" in this corpus {'; '.join(lines)}; use split=speaker for other speakers"
            )
        return [{u.id for u in utterances if u.speaker in fold} for fold in self.test_speakers]
