"""Clips that hold the same: identical ones, overlapping segments, and a take at another level or in another format.

The last are looked for in two steps. Clips whose fingerprints are alike, and whose speech is about as long and as high,
may be copies; then their waveforms are laid over each other. Two takes of one sentence do not fit, even by a machine:
of RAVDESS's 1,036,080 pairs of clips, seven that are no copies come to the second step, and correlate by 0.26 at
most. Copies at another level or rate, cut otherwise, clipped, or with noise at 20 dB correlate by 0.97 or more, in MP3
at the lowest bit rate by 0.78.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import next_fast_len

from ser import audio
from ser.audio import Waveform
from ser.errors import AudioError
from ser.exploration.fingerprint import RATE_HZ
from ser.exploration.measuring import Clip
from ser.splits.overlaps import shared_content

SAME, NEAR = "identical, or overlapping", "the same take"
ALIKE = 0.9  # from this correlation of two fingerprints on, the waveforms are compared
APART, APART_S = 0.05, 0.1  # by which the lengths of their speech may differ: a part, or seconds
APART_SEMITONES = 2.0  # by which their pitch may differ
FITTING = 0.7  # from this correlation of two waveforms on, they are copies
LONGEST_S = 20.0  # of a longer clip, so much is compared
MOST_PAIRS = 20_000  # of more, those that are most alike are compared
_KEPT = 256  # waveforms; bounds the memory
_AT_ONCE = 512  # rows of a matrix of correlations; bounds the memory


@dataclass(frozen=True)
class Copies:
    """Clips that hold the same.

    Attributes:
        kind: `SAME` or `NEAR`.
        clips: two at least.
        correlation: of the waveforms, the least by which they were found; 1 where they are identical.
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
    likely = sorted(_pairs(distinct), key=lambda pair: -pair[2])[:MOST_PAIRS]
    return identical + _groups(distinct, list(_fitting(distinct, sorted(likely))))


def _fitting(clips: Sequence[Clip], pairs: Sequence[tuple[int, int, float]]) -> Iterator[tuple[int, int, float]]:
    """The pairs whose waveforms fit, with their correlation."""

    @lru_cache(_KEPT)
    def waveform(place: int) -> Waveform | None:
        clip = clips[place].utterance
        try:
            samples, rate, _ = audio.read(clip.path, clip.segment)
        except AudioError:  # it has gone since
            return None
        return audio.resample(samples[: round(LONGEST_S * rate)], rate, RATE_HZ)

    for one, other, _ in pairs:
        ours, theirs = waveform(one), waveform(other)
        if ours is not None and theirs is not None and (fit := correlation(ours, theirs)) >= FITTING:
            yield one, other, fit


def correlation(ours: Waveform, theirs: Waveform) -> float:
    """The highest of two waveforms (samples,) over all shifts, 0 to 1; a copy that is upside down is one too."""
    n = next_fast_len(len(ours) + len(theirs), real=True)
    product = np.fft.rfft(ours, n) * np.conj(np.fft.rfft(theirs, n))
    energy = float(np.square(ours, dtype=np.float64).sum() * np.square(theirs, dtype=np.float64).sum())
    return float(np.abs(np.fft.irfft(product, n)).max() / max(energy**0.5, 1e-12))


def _pairs(clips: Sequence[Clip]) -> Iterator[tuple[int, int, float]]:
    """Pairs that are alike, with the correlation of their fingerprints."""
    with np.errstate(invalid="ignore"):
        height = np.array([12 * np.log2(clip.pitch_hz) for clip in clips])  # in semitones; NaN: no voice
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
            near[(apart > np.maximum(APART_S, APART * lengths[rows][:, None])) | (near < ALIKE)] = 0
            for row, column in zip(*np.nonzero(near), strict=True):
                one, other = order[rows[row]], order[columns[column]]
                if rows[row] < columns[column] and not abs(height[one] - height[other]) > APART_SEMITONES:
                    yield one, other, float(near[row, column])


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
