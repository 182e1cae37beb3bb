"""The audit that looks for leaks between training and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser.corpora.base import Utterance
from ser.splits.base import Split


@dataclass(frozen=True)
class Audit:
    """What test shares with training and validation.

    Attributes:
        shared_speakers: who is known to be on both sides.
        n_unknown: clips that do not say who speaks.
        identical: pairs of utterance ids, one of each side, whose recordings are identical, or overlap.
        n_known: test clips that normalisation by speaker has heard beforehand, without their labels.
        known_emotion: the label by which these were picked; None: they were not.
        n_gone: recordings of training and validation that are no longer there: the test may have them too.
        n_namesakes: speakers of the test with the name of another corpus's in training, where one of the two corpora is
            somebody's own, so that the name does not say whether they are one person.
    """

    shared_speakers: list[str]
    n_unknown: int
    identical: list[tuple[str, str]]
    n_known: int = 0
    known_emotion: str | None = None
    n_gone: int = 0
    n_namesakes: int = 0

    @property
    def speaker_independent(self) -> bool | None:
        """None: nobody can say, for speakers are not known, or recordings of the training are not there."""
        if self.shared_speakers:
            return False
        return None if self.n_unknown or self.n_gone or self.n_namesakes else True

    @property
    def verdict(self) -> str:
        """`speaker_independent` in a word."""
        return {True: "yes", False: "no", None: "unknown"}[self.speaker_independent]

    @property
    def about_speakers(self) -> str:
        """What to beware of, in words; empty where no speaker is on both sides."""
        n_shared = len(self.shared_speakers)
        if n_shared:
            who = "1 speaker is" if n_shared == 1 else f"{n_shared} speakers are"
            return f"{who} in both training and test: expect less on new speakers"
        if self.n_unknown:
            return f"{self.n_unknown} clips do not say who speaks: they may be of one person in training and test"
        if self.n_namesakes:
            who = "1 speaker has" if self.n_namesakes == 1 else f"{self.n_namesakes} speakers have"
            return f"{who} the same name in training and test, and counted as somebody else: it may be one person"
        return self.about_gone

    @property
    def about_gone(self) -> str:
        """Why identical recordings may be more than those found; empty where none may."""
        gone = f"recordings of the training that are not where they were: {self.n_gone}"
        return f"{gone}; whether any of them is tested was not looked for" if self.n_gone else ""

    @property
    def about_known(self) -> str:
        """The same of what was heard beforehand; empty where nothing was."""
        if not self.n_known:
            return ""
        which = f"picked by their label {self.known_emotion}" if self.known_emotion else "without their labels"
        return (
            f"{self.n_known} of the test clips were heard beforehand, {which}, to know their speakers: on somebody"
            " never heard expect less"
        )


def audit(
    split: Split, digests: Mapping[str, str], known: Sequence[Utterance] = (), known_emotion: str | None = None
) -> Audit:
    """Look for leaks: speakers and recordings (by the digest of their samples) on both sides of the test.

    Args:
        split: a fold.
        digests: by utterance id.
        known: what normalisation by speaker hears beside the training part.
        known_emotion: the label by which that was picked, if it was.
    """
    seen = split.train + split.val
    speakers = [{utterance.speaker for utterance in side} for side in (seen, split.test)]
    shared = sorted(speaker for speaker in speakers[0] & speakers[1] if speaker is not None)
    by_digest: dict[str, list[str]] = {}
    for utterance in seen:
        by_digest.setdefault(digests[utterance.id], []).append(utterance.id)
    identical = [(other, test.id) for test in split.test for other in by_digest.get(digests[test.id], [])]
    n_unknown = sum(utterance.speaker is None for utterance in seen + split.test)
    n_known = len({utterance.id for utterance in split.test} & {utterance.id for utterance in known})
    return Audit(shared, n_unknown, sorted(identical), n_known, known_emotion if n_known else None)
