"""A picture of a timeline: what each speaker feels when, and how likely every emotion is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator
from rich.cells import cell_len

from ser.colors import colors_of
from ser.inference.formats import segments_of
from ser.inference.prediction import SILENCE, Prediction, Segment
from ser.metrics import Floats
from ser.runs.figures import save, shortened

ROWS_S = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)  # lengths of a row, in seconds
MOST_ROWS, MOST_LANES = 12, 36  # the latter over all rows; unless the longest rows need more
STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)  # between ticks
MOST_TICKS = 11
INCHES_A_SECOND = 0.25  # of a row that is shorter than the widest
NARROWEST, WIDEST = 5.0, 8.0  # of a row, in inches
MARGIN, LANE = 1.3, 0.75  # inches, of the lanes' names and of a lane's height
BAR, STACK = (0.06, 0.36), (0.40, 0.96)  # from where to where in a lane, from its top
CELL = 0.078  # inches of a character of a segment's name


def plot(
    path: Path,
    prediction: Prediction,
    *,
    title: str,
    labels: Sequence[str],
    waveform_envelope: Floats | None = None,
) -> None:
    """Draw a timeline, in rows of some minutes.

    Each speaker has a lane: a bar in the colour of the likeliest emotion, and below it the probabilities of all
    emotions, stacked from 0 to 1. Silence is blank.

    Args:
        path: of the picture to write.
        labels: the emotions, in class order.
        waveform_envelope: peaks (n,) of the waveform's magnitude, evenly over the recording, drawn above; None: not.
    """
    segments = segments_of(prediction)
    lanes = list(dict.fromkeys(one.speaker for one in segments if one.emotion != SILENCE)) or [None]
    n_lanes = len(lanes) + (waveform_envelope is not None)
    row_s = _row_s(prediction.duration_s, n_lanes)
    n_rows = max(math.ceil(prediction.duration_s / row_s - 1e-9), 1)
    width = min(max(row_s * INCHES_A_SECOND, NARROWEST), WIDEST)
    figure = Figure(figsize=(width + MARGIN, n_rows * (LANE * n_lanes + 0.35) + 1.0), layout="constrained")
    colors = colors_of(labels)
    rows = figure.subplots(n_rows, squeeze=False)[:, 0]
    for number, axes in enumerate(rows):
        begin_s, end_s = number * row_s, (number + 1) * row_s
        shown = list(_between(segments, begin_s, end_s))
        for place, speaker in enumerate(lanes):
            own = [one for one in shown if one.speaker == speaker and one.emotion != SILENCE]
            _lane(axes, place, own, colors, width / row_s)
        if waveform_envelope is not None:
            _waveform(axes, waveform_envelope, prediction.duration_s)
        _label(axes, lanes, waveform_envelope is not None)
        _time_axis(axes, begin_s, end_s, prediction.duration_s)
    rows[-1].set_xlabel(f"time ({_unit(prediction.duration_s)})")
    handles = [Patch(color=color, label=shortened(label)) for label, color in colors.items()]
    n_columns = max(int((width + MARGIN) / (0.45 + CELL * max(cell_len(shortened(label)) for label in labels))), 1)
    n_columns = math.ceil(len(labels) / math.ceil(len(labels) / n_columns))  # lines of the same length
    figure.legend(handles=handles, loc="outside upper center", ncols=n_columns, frameon=False, fontsize=10)
    rows[0].set_title(title, fontsize=10, wrap=True)
    save(figure, path)


def _row_s(duration_s: float, n_lanes: int) -> float:
    """How long a row is, in seconds; a recording of one row fills it."""
    if duration_s <= 1.5 * ROWS_S[0]:
        return max(duration_s, 0.1)
    most = min(MOST_ROWS, MOST_LANES // n_lanes)
    row_s = min(next((row_s for row_s in ROWS_S if duration_s / row_s <= most), ROWS_S[-1]), duration_s)
    n_whole = duration_s // row_s
    return row_s if duration_s - n_whole * row_s > 0.05 * row_s else duration_s / n_whole  # no row for a moment


def _between(segments: Sequence[Segment], begin_s: float, end_s: float) -> Iterator[Segment]:
    """What of some segments lies in a row."""
    for one in segments:
        start_s, stop_s = max(one.start_s, begin_s), min(one.end_s, end_s)
        if start_s < stop_s:
            yield replace(one, start_s=start_s, end_s=stop_s)


def _lane(
    axes: Axes, place: int, segments: Sequence[Segment], colors: Mapping[str, str], inches_a_second: float
) -> None:
    top, bottom = place + BAR[0], place + BAR[1]
    boxes = [_box(one, top, bottom) for one in segments]
    _fill(axes, boxes, [colors[one.emotion] for one in segments])
    for one in segments:
        if cell_len(one.emotion) * CELL < one.duration_s * inches_a_second:
            middle = (one.start_s + one.end_s) / 2, (top + bottom) / 2
            axes.text(*middle, one.emotion, ha="center", va="center", fontsize=8, color=_ink(colors[one.emotion]))
    stacked: list[Floats] = []
    for one in segments:
        heights = np.array([one.probabilities.get(label, 0.0) for label in colors])
        edges = place + STACK[1] - (STACK[1] - STACK[0]) * np.cumsum([0.0, *heights])
        stacked += [_box(one, high, low) for low, high in pairwise(edges)]
    _fill(axes, stacked, list(colors.values()) * len(segments))


def _box(segment: Segment, top: float, bottom: float) -> Floats:
    start, end = segment.start_s, segment.end_s
    return np.array([(start, top), (end, top), (end, bottom), (start, bottom)])


def _fill(axes: Axes, boxes: Sequence[Floats], colors: Sequence[str]) -> None:
    # Without antialiasing no seam shines between neighbours
    axes.add_collection(PolyCollection(boxes, facecolors=colors, linewidths=0, antialiaseds=False))


def _ink(color: str) -> str:
    """What is legible on a colour."""
    red, green, blue = to_rgb(color)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _waveform(axes: Axes, envelope: Floats, duration_s: float) -> None:
    times = np.linspace(0, duration_s, len(envelope))
    height = 0.45 * envelope / max(float(envelope.max(initial=0)), 1e-9)
    axes.fill_between(times, -0.5 - height, -0.5 + height, color="#666666", linewidth=0)


def _label(axes: Axes, lanes: Sequence[str | None], has_waveform: bool) -> None:
    """Name the lanes, and part them."""
    names = [(place + sum(BAR) / 2, shortened(speaker or "emotion")) for place, speaker in enumerate(lanes)]
    names += [(place + sum(STACK) / 2, "probability (0–1)") for place in range(len(lanes))]
    names += [(-0.5, "waveform")] if has_waveform else []
    axes.set_yticks(*zip(*names, strict=True), fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lanes), -1 if has_waveform else 0)
    for edge in range(0 if has_waveform else 1, len(lanes)):
        axes.axhline(edge, color="#BBBBBB", linewidth=0.6)


def _time_axis(axes: Axes, begin_s: float, end_s: float, duration_s: float) -> None:
    step = next((step for step in STEPS_S if (end_s - begin_s) / step <= MOST_TICKS), STEPS_S[-1])
    axes.set_xlim(begin_s, end_s)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds, duration_s)))
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    if end_s > duration_s:  # the last row goes on after the recording
        axes.axvspan(duration_s, end_s, color="#EEEEEE", zorder=0)


def _unit(duration_s: float) -> str:
    return "s" if duration_s < 60 else "min:s" if duration_s <= 3600 else "h:min:s"


def _clock(seconds: float, duration_s: float) -> str:
    """A time as `_unit` says.

    >>> _clock(2.5, 30), _clock(90, 600), _clock(3690, 7200)
    ('2.5', '1:30', '1:01:30')
    """
    if duration_s < 60:
        return f"{seconds:g}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60) if duration_s > 3600 else (0, minutes)
    return f"{hours}:{minutes:02}:{rest:02}" if duration_s > 3600 else f"{minutes}:{rest:02}"
