"""What is said of a recording."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ser.metrics import Floats
from ser.runs.dimensions.names import number

TOUCHING_S = 1e-3  # less lies between segments by rounding alone
SILENCE = "silence"  # said in place of an emotion where nobody speaks


class Numbers(dict[str, float]):
    """Where dimensions are told, what stands in place of the probabilities: by name, in the corpus's scale."""

    @property
    def caption(self) -> str:
        """What stands in place of the emotion.

        >>> Numbers(arousal=3.25, valence=1).caption
        'arousal 3.25, valence 1.00'
        """
        return ", ".join(f"{name} {number(value, 2)}" for name, value in self.items())


@dataclass(frozen=True)
class Segment:
    """A part of a recording.

    Attributes:
        start_s, end_s: in seconds from the recording's beginning.
        emotion: the likeliest; `SILENCE` where nobody speaks.
        probabilities: of each emotion, 0 to 1, of sum 1; or `Numbers`; empty where nobody speaks.
        speaker: who speaks, where that is known.
    """

    start_s: float
    end_s: float
    emotion: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    speaker: str | None = None

    @property
    def duration_s(self) -> float:
        """In seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Prediction:
    """The answer for a recording.

    Attributes:
        emotion: the likeliest, of a timeline that of the mean of the probabilities, each part counting by its length;
            `SILENCE` where nobody speaks at all.
        probabilities: of each emotion, 0 to 1, of sum 1; or `Numbers`; empty where nobody speaks.
        duration_s: of the recording, in seconds.
        timeline: where it was heard in windows, its parts in order; else empty.
        remarks: what somebody should know of the file.
    """

    emotion: str
    probabilities: Mapping[str, float]
    duration_s: float
    timeline: Sequence[Segment] = ()
    remarks: Sequence[str] = ()

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks."""
        return self.emotion == SILENCE

    @classmethod
    def of(cls, segments: Sequence[Segment], duration_s: float, remarks: Sequence[str] = ()) -> "Prediction":
        """Of a recording that was heard in windows."""
        spoken = [segment for segment in segments if segment.probabilities]
        emotion, probabilities = _likeliest(spoken) if spoken else (SILENCE, {})
        return cls(emotion, probabilities, duration_s, segments, remarks)


def named(labels: Sequence[str], probabilities: Floats, *, numbers: bool = False) -> tuple[str, dict[str, float]]:
    """The likeliest emotion, and the probabilities (n_classes,) by emotion; or a caption, and numbers by dimension."""
    if numbers:
        told = Numbers(zip(labels, map(float, probabilities), strict=True))
        return told.caption, told
    by_name = {label: float(value) for label, value in zip(labels, probabilities, strict=True)}
    return max(by_name, key=by_name.__getitem__), by_name


def joined(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours that touch and agree, of the same speaker, as one segment; probabilities are their mean by length.

    >>> [one.end_s for one in joined([Segment(0, 1, "sad"), Segment(1, 3, "sad"), Segment(4, 5, "sad")])]
    [3, 5]
    >>> told = [Numbers(arousal=0.5001), Numbers(arousal=0.5002)]
    >>> len(joined(Segment(place, place + 1, one.caption, one) for place, one in enumerate(told)))
    2
    """
    groups: list[list[Segment]] = []
    for segment in segments:
        last = groups[-1][-1] if groups else None
        agree = last and _told(last) == _told(segment)
        if last and agree and segment.start_s - last.end_s < TOUCHING_S:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [
        replace(some[0], end_s=some[-1].end_s, probabilities=_likeliest(some)[1] if some[0].probabilities else {})
        for some in groups
    ]


def _told(segment: Segment) -> tuple[object, ...]:
    """By which neighbours agree; numbers to the last digit, for a caption rounds them."""
    numbers = segment.probabilities if isinstance(segment.probabilities, Numbers) else None
    return segment.emotion, segment.speaker, numbers


def _likeliest(segments: Sequence[Segment]) -> tuple[str, dict[str, float]]:
    labels = list(segments[0].probabilities)
    table = np.array([list(segment.probabilities.values()) for segment in segments])
    weights = np.array([max(segment.duration_s, 1e-9) for segment in segments])
    numbers = isinstance(segments[0].probabilities, Numbers)
    return named(labels, np.average(table, axis=0, weights=weights), numbers=numbers)
