"""The audit that looks for leaks between training and test."""

from collections.abc import Mapping
from dataclasses import dataclass

from ser.splits.base import Split


@dataclass(frozen=True)
class Audit:
    """What test shares with training and validation.

    Attributes:
        shared_speakers: who is on both sides; None where the corpus does not name its speakers.
        identical: pairs of utterance ids, one of each side, whose recordings are identical.
    """

    shared_speakers: list[str] | None
    identical: list[tuple[str, str]]

    @property
    def speaker_independent(self) -> bool:
        return self.shared_speakers == []


def audit(split: Split, digests: Mapping[str, str]) -> Audit:
    """Look for leaks: speakers and recordings (by the digest of their samples) on both sides of the test."""
    seen = split.train + split.val
    speakers = [{utterance.speaker for utterance in side} for side in (seen, split.test)]
    known = None not in speakers[0] | speakers[1]
    shared = sorted(str(speaker) for speaker in speakers[0] & speakers[1]) if known else None
    by_digest: dict[str, list[str]] = {}
    for utterance in seen:
        by_digest.setdefault(digests[utterance.id], []).append(utterance.id)
    identical = [(other, test.id) for test in split.test for other in by_digest.get(digests[test.id], [])]
    return Audit(shared, sorted(identical))
