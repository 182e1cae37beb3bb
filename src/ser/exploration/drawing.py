"""Pictures of the page: how a measure is spread over the clips of each emotion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ser.colors import colors_of
from ser.exploration.exploring import Explored
from ser.exploration.measuring import Clip
from ser.metrics import Floats
from ser.page.drawing import ticks

WIDTH, ROW = 560, 30
LEFT, RIGHT, TOP, BOTTOM = 124, 20, 6, 50
PARTS = (0.05, 0.25, 0.5, 0.75, 0.95)
LONGEST = 12  # signs of a label beside a box

Of = Callable[[Clip], float]

# By the title of a picture: its axis, what it shows, and whether that is against the speaker's own median.
MEASURES: Mapping[str, tuple[str, Of, bool]] = {
    "Length": ("of the clip in s", lambda clip: clip.duration_s, False),
    "Level of the speech": ("in dB, against the speaker's median", lambda clip: clip.level_db, True),
    "Pitch": (
        "in semitones, against the speaker's median",
        lambda clip: 12 * float(np.log2(clip.pitch_hz)),
        True,
    ),
    "Range of the pitch": ("10th to 90th percentile in semitones", lambda clip: clip.pitch_range, False),
    "Silence before the speech": ("in s", lambda clip: clip.leading_s, False),
    "Silence after the speech": ("in s", lambda clip: clip.trailing_s, False),
    "Noise": ("quietest tenth of a clip in dBFS", lambda clip: clip.noise_db, False),
    "Speech above noise": ("in dB", lambda clip: clip.snr_db, False),
}


@dataclass(frozen=True)
class Box:
    """The clips of an emotion.

    Attributes:
        label, brief: the emotion; cut to have room.
        y: of its middle.
        xs: where 5, 25, 50, 75 and 95 % of the clips lie below.
        color: of its emotion.
        said: the same in words.
    """

    label: str
    brief: str
    y: float
    xs: Sequence[float]
    color: str
    said: str


@dataclass(frozen=True)
class Boxes:
    """A picture: rows of boxes over an axis."""

    title: str
    axis: str
    height: int
    boxes: list[Box]
    ticks: list[tuple[float, str]]


def pictures(explored: Explored) -> list[Boxes]:
    """One of each measure that is not the same for all clips."""
    drawn = []
    for title, (axis, of, is_own) in MEASURES.items():
        if is_own and not explored.voices:
            is_own, axis = False, axis.replace("the speaker's median", "that of all clips")
        values = explored.against_speaker(of) if "against" in axis else np.array([of(clip) for clip in explored.clips])
        if picture := _picture(title, axis, explored, values):
            drawn.append(picture)
    return drawn


def _picture(title: str, axis: str, explored: Explored, values: Floats) -> Boxes | None:
    emotions = np.array(explored.emotions)
    known = {label: values[(emotions == label) & np.isfinite(values)] for label in explored.labels}
    spread = {label: np.quantile(own, PARTS) for label, own in known.items() if len(own)}
    if not spread:
        return None
    low, high = (float(reduce(list(spread.values()))) for reduce in (np.min, np.max))
    if low == high:
        return None
    places = ticks(low, high)
    height = TOP + ROW * len(spread) + BOTTOM

    def place(value: float) -> float:
        return round(LEFT + (value - places[0]) / (places[-1] - places[0]) * (WIDTH - LEFT - RIGHT), 1)

    colors = colors_of(explored.labels)
    boxes = [
        Box(
            label,
            label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…",
            TOP + ROW * (number + 0.5),
            [place(float(value)) for value in quantiles],
            colors[label],
            f"{label}: median {quantiles[2]:.3g}; half of {len(known[label])} clips from {quantiles[1]:.3g} to"
            f" {quantiles[3]:.3g}, nine tenths from {quantiles[0]:.3g} to {quantiles[4]:.3g}",
        )
        for number, (label, quantiles) in enumerate(spread.items())
    ]
    return Boxes(title, axis, height, boxes, [(place(tick), f"{tick:g}") for tick in places])
