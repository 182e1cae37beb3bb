"""Clips that hold the same: identical ones, overlapping segments, and the same take at another level or in another format.

The last are found by their fingerprints. The threshold: of RAVDESS's 1,036,080 pairs of clips, whose actors say each
sentence in each emotion twice, one reaches it, and that one is identical; the nearest others correlate by 0.94. Copies
at another level or rate correlate by 1.00, those with noise at 20 dB, or in MP3 or Ogg at ordinary bit rates, by 0.97
or more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ser.exploration.measuring import Clip
from ser.splits.overlaps import shared_content

SAME, NEAR = "identical, or overlapping", "the same take"
THRESHOLD = 0.95  # of the correlation of two fingerprints
APART, APART_S = 0.05, 0.1  # by which the lengths of their speech may differ: a part, or seconds
_AT_ONCE = 512  # rows of a matrix of correlations; bounds the memory


@dataclass(frozen=True)
class Copies:
    """Clips that hold the same.

    Attributes:
        kind: `SAME` or `NEAR`.
        clips: two at least.
        correlation: least of those by which they were found; 1 where they are identical.
    """

    kind: str
    clips: list[Clip]
    correlation: float

    @property
    def disagree(self) -> bool:
        """Whether they have more than one label."""
        return len({clip.utterance.emotion for clip in self.clips}) > 1


def find_copies(clips: Sequence[Clip]) -> list[Copies]:
    """All groups: the identical ones, then those of one take, of each group of identical ones the first."""
    content = shared_content(
        [clip.utterance for clip in clips],
        {clip.utterance.id: clip.samples for clip in clips},
        {clip.utterance.id: str(clip.utterance.path) for clip in clips},
    )
    same: dict[str, list[Clip]] = {}
    for clip in clips:
        same.setdefault(content[clip.utterance.id], []).append(clip)
    distinct = [group[0] for group in same.values()]
    identical = [Copies(SAME, group, 1.0) for group in same.values() if len(group) > 1]
    return identical + _groups(distinct, list(_pairs(distinct)))


def _pairs(clips: Sequence[Clip]) -> Iterator[tuple[int, int, float]]:
    """Pairs whose fingerprints correlate by `THRESHOLD`; only clips whose speech lasts about as long are compared."""
    order = sorted(range(len(clips)), key=lambda place: clips[place].print.speech_s)
    lengths = np.array([clips[place].print.speech_s for place in order])
    for start in range(0, len(order), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(order)))
        longest = lengths[rows[-1]]
        end = int(np.searchsorted(lengths, longest + max(APART_S, APART * longest), side="right"))
        ours = np.stack([clips[order[row]].print.vector for row in rows])
        for begin in range(start, end, _AT_ONCE):
            columns = range(begin, min(begin + _AT_ONCE, end))
            theirs = np.stack([clips[order[column]].print.vector for column in columns])
            near = ours @ theirs.T
            apart = lengths[columns] - lengths[rows][:, None]
            near[(apart > np.maximum(APART_S, APART * lengths[rows][:, None])) | (near < THRESHOLD)] = 0
            for row, column in zip(*np.nonzero(near), strict=True):
                if rows[row] < columns[column]:
                    yield order[rows[row]], order[columns[column]], float(near[row, column])


def _groups(clips: Sequence[Clip], pairs: Sequence[tuple[int, int, float]]) -> list[Copies]:
    """Clips that are joined by pairs, directly or through others."""
    leader = list(range(len(clips)))

    def lead(place: int) -> int:
        while leader[place] != place:
            leader[place] = place = leader[leader[place]]
        return place

    for one, other, _ in pairs:
        leader[max(lead(one), lead(other))] = min(lead(one), lead(other))
    least: dict[int, float] = {}
    members: dict[int, set[int]] = {}
    for one, other, correlation in pairs:
        first = lead(one)
        least[first] = min(correlation, least.get(first, 1.0))
        members.setdefault(first, set()).update((one, other))
    return [Copies(NEAR, [clips[place] for place in sorted(members[first])], least[first]) for first in sorted(members)]
