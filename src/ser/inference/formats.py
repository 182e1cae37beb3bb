"""A prediction as other programs read it: Audacity, Praat, ELAN, and JSON.

All of them but JSON leave silence out. Times are whole microseconds: what touches in the timeline does so in the file.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ser.files import printable
from ser.inference.prediction import SILENCE, Prediction, Segment

TIER = "emotion"  # where it is not known who speaks


class Label(NamedTuple):
    """What is said of a stretch of time, its ends in microseconds."""

    start: int
    end: int
    emotion: str


def segments_of(prediction: Prediction) -> list[Segment]:
    """The timeline; of a recording that was heard as a whole, one segment over its whole length."""
    whole = Segment(0.0, prediction.duration_s, prediction.emotion, prediction.probabilities)
    return list(prediction.timeline) or [whole]


def audacity(prediction: Prediction) -> str:
    """A label track for Audacity's File > Import > Labels.

    A line is start and end in seconds and the label, between tabs, in the order of time. Where it is known who speaks,
    the name stands before the emotion.
    https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    labels = [
        (label.start, label.end, label.emotion if name == TIER else f"{name}: {label.emotion}")
        for name, tier in _tiers(prediction).items()
        for label in tier
    ]
    return "".join(f"{_seconds(start)}\t{_seconds(end)}\t{text}\n" for start, end, text in sorted(labels))


def textgrid(prediction: Prediction) -> str:
    """A Praat TextGrid in the long text format, to be written in UTF-8.

    A speaker has an interval tier of their own; where nobody is named there is one, `TIER`. The intervals of a tier
    cover the recording, without text where nobody speaks.
    https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
    """
    end, tiers = _microseconds(prediction.duration_s), _tiers(prediction)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(end)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, labels) in enumerate(tiers.items(), start=1):
        intervals = list(_covering(labels, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {_seconds(end)}", f"        intervals: size = {len(intervals)}"]
        for place, interval in enumerate(intervals, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {_seconds(interval.start)}"]
            lines += [f"            xmax = {_seconds(interval.end)}", f"            text = {_quoted(interval.emotion)}"]
    return "\n".join(lines) + "\n"


def elan(prediction: Prediction) -> str:
    """Text for ELAN's File > Import > CSV / Tab-delimited Text File: a row an annotation, after a header.

    The columns, between tabs: tier (the speaker, or `TIER`), begin and end in seconds, annotation. No annotations of a
    tier overlap, as ELAN wants it; nothing is quoted.
    https://www.mpi.nl/corpus/html/elan/ch01s04s02.html
    """
    rows = [
        (label.start, name, label.end, label.emotion) for name, tier in _tiers(prediction).items() for label in tier
    ]
    lines = [f"{name}\t{_seconds(start)}\t{_seconds(end)}\t{emotion}" for start, name, end, emotion in sorted(rows)]
    return "\n".join(["tier\tbegin\tend\tannotation", *lines]) + "\n"


def as_json(path: str | Path, prediction: Prediction, *, numbers: bool = False) -> dict[str, Any]:
    """What `json.dumps` takes: path, emotion, probabilities, duration_s, timeline and remarks.

    A part of the timeline has start_s, end_s, emotion, probabilities and, where it is known, speaker. Where dimensions
    are told, `numbers` stand in place of emotion and probabilities; of silence there are none.
    """
    return {
        "path": printable(str(path)),
        **_said(prediction, numbers),
        "duration_s": round(prediction.duration_s, 6),
        "timeline": [_segment(one, numbers) for one in segments_of(prediction)],
        "remarks": list(prediction.remarks),
    }


def _segment(segment: Segment, numbers: bool) -> dict[str, Any]:
    return {
        "start_s": round(segment.start_s, 6),
        "end_s": round(segment.end_s, 6),
        **_said(segment, numbers),
        **({} if segment.speaker is None else {"speaker": segment.speaker}),
    }


def _said(one: Prediction | Segment, numbers: bool) -> dict[str, Any]:
    if numbers:
        return {"numbers": dict(one.probabilities)}
    return {"emotion": one.emotion, "probabilities": dict(one.probabilities)}


def _tiers(prediction: Prediction) -> dict[str, list[Label]]:
    """What is said of each speaker, in the order in which they speak; at least one tier.

    In a tier nothing overlaps: should somebody's turns do so, the later one begins where the earlier one ends.
    """
    duration = _microseconds(prediction.duration_s)
    tiers: dict[str, list[Label]] = {}
    for segment in sorted(segments_of(prediction), key=lambda one: one.start_s):
        if segment.emotion == SILENCE:
            continue
        tier = tiers.setdefault(_line(segment.speaker or "") or TIER, [])
        start, end = _microseconds(segment.start_s), min(_microseconds(segment.end_s), duration)
        if tier and start <= tier[-1].end + 1:  # one more: the same time, computed in two ways, may be rounded so
            start = tier[-1].end
        if start < end:
            tier.append(Label(start, end, _line(segment.emotion)))
    return tiers or {TIER: []}


def _covering(labels: list[Label], duration: int) -> Iterator[Label]:
    """The labels, and empty ones before, between and after them."""
    end = 0
    for label in labels:
        if label.start > end:
            yield Label(end, label.start, "")
        yield label
        end = label.end
    if duration > end:
        yield Label(end, duration, "")


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)


def _seconds(microseconds: int) -> str:
    """
    >>> _seconds(83_000_001)
    '83.000001'
    """
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"


def _line(text: str) -> str:
    """A name without what would end a field or a line: control characters, and blanks but single ones.

    >>> _line(' A.\\tB.\\n')
    'A. B.'
    """
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


def _quoted(text: str) -> str:
    """As Praat quotes: double quotes are doubled."""
    return '"' + text.replace('"', '""') + '"'
