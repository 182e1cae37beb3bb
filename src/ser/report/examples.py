"""Clips to hear and see: spectrograms with axes, and where the model listened."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser.page.drawing import ticks
from ser.runs.examples import Example, Relevance, read_examples
from ser.runs.names import EMOTION, EXAMPLES, PREDICTED
from ser.runs.predictions import Predictions, confidence

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 66, 10, 28, 50
MOST_BYTES = 6_000_000  # of sounds and pictures, before they are written as text
N_MISTAKES = 10
NEAREST = 0.1  # of the height: words of the frequency axis

Cell = tuple[float, float, float, float, float, str]
"""A rectangle: x, y, width, height, how opaque it is (0 to 1), and what it says."""


@dataclass(frozen=True)
class Shown:
    """A clip as the page shows it.

    Attributes:
        example: what it is.
        audio, spectrogram: as data: addresses.
        x_ticks, y_ticks: places and words.
        cells: where the model listened, if it was looked.
        most: what the strongest of them says, in nats.
    """

    example: Example
    audio: str
    spectrogram: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    cells: list[Cell]
    most: float


def shown_examples(folder: Path) -> Iterator[Shown]:
    """The clips of examples/, as many as MOST_BYTES have room for.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    room = MOST_BYTES
    for example in read_examples(folder):
        audio, picture = ((folder / EXAMPLES).with_name(name) for name in (example.audio, example.spectrogram))
        room -= audio.stat().st_size + picture.stat().st_size
        if room < 0:
            return
        yield _shown(example, _data(example.mime, audio), _data("image/png", picture))


def _shown(example: Example, audio: str, spectrogram: str) -> Shown:
    relevance = example.relevance
    seconds = [tick for tick in ticks(0, example.duration_s) if tick <= example.duration_s]
    return Shown(
        example,
        audio,
        spectrogram,
        [(_across(tick / example.duration_s), f"{tick:g}") for tick in seconds],
        [(_down(place), f"{hz:g}") for hz, place in _apart(example.mel_ticks)],
        list(_cells(relevance, example.duration_s)) if relevance else [],
        max(map(max, relevance.values)) if relevance else 0.0,
    )


def _apart(ticks: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Those whose words have room."""
    last = -1.0
    for hz, place in ticks:
        if place - last >= NEAREST:
            last = place
            yield hz, place


def _across(part: float) -> float:
    return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)


def _down(part: float) -> float:
    return round(TOP + (1 - part) * (HEIGHT - TOP - BOTTOM), 1)


def _cells(relevance: Relevance, duration_s: float) -> Iterator[Cell]:
    times, bands = relevance.times, relevance.bands
    most = max(map(max, relevance.values))
    xs = [_across(time / duration_s) for time in times]
    ys = [_down(number / (len(bands) - 1)) for number in range(len(bands))]  # of one height, as they are in mel
    for band, row in enumerate(relevance.values):
        for moment, value in enumerate(row):
            said = (
                f"{times[moment]:.2f} to {times[moment + 1]:.2f} s, {bands[band]:.0f} to {bands[band + 1]:.0f} Hz:"
                f" {value:+.2f}"
            )
            size = round(xs[moment + 1] - xs[moment], 1), round(ys[band] - ys[band + 1], 1)
            yield xs[moment], ys[band + 1], *size, round(max(value, 0) / most, 2) if most > 0 else 0.0, said


def _data(mime: str, path: Path) -> str:
    return f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"


def mistakes(predictions: Predictions) -> list[dict[str, str]]:
    """Rows of the wrong answers that the model was surest of, the surest first."""
    wrong = [row for row in predictions.rows if row[PREDICTED] != row[EMOTION]]
    return sorted(wrong, key=confidence, reverse=True)[:N_MISTAKES]
