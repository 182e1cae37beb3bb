"""Clips to hear and see: spectrograms with axes, and where the model listened."""

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser.page.drawing import ticks
from ser.runs.names import EMOTION, EXAMPLES, PREDICTED, SPEAKER, UTTERANCE
from ser.runs.predictions import Predictions

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 66, 10, 28, 50
MOST_BYTES = 6_000_000  # of sounds and pictures, before they are written as text
N_MISTAKES = 10

Cell = tuple[float, float, float, float, float, str]
"""A rectangle: x, y, width, height, how opaque it is (0 to 1), and what it says."""


@dataclass(frozen=True)
class Example:
    """A clip.

    Attributes:
        kind: mistake or listened.
        audio, spectrogram: as data: addresses.
        x_ticks, y_ticks: places and words.
        cells: where the model listened, if it was looked.
        levels: what dark and bright are, in words.
    """

    kind: str
    utterance: str
    true: str
    predicted: str
    probability: float
    duration_s: float
    audio: str
    spectrogram: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    cells: list[Cell]
    levels: str


def read_examples(folder: Path) -> Iterator[Example]:
    """The clips of examples/, as many as MOST_BYTES have room for.

    Raises:
        OSError, ValueError, KeyError: a file is missing or damaged.
    """
    path = folder / EXAMPLES
    if not path.exists():
        return
    room = MOST_BYTES
    for told in json.loads(path.read_text(encoding="utf-8")):
        audio, picture = (path.parent / Path(told[name]).name for name in ("audio", "spectrogram"))
        room -= audio.stat().st_size + picture.stat().st_size
        if room < 0:
            return
        yield _example(told, _data(told["mime"], audio), _data("image/png", picture))


def _example(told: Mapping[str, Any], audio: str, spectrogram: str) -> Example:
    duration_s = float(told["duration_s"])
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    seconds = [tick for tick in ticks(0, duration_s) if tick <= duration_s]
    relevance, levels = told.get("relevance"), told.get("levels_db")
    return Example(
        kind=told["kind"],
        utterance=told["utterance"],
        true=told["true"],
        predicted=told["predicted"],
        probability=float(told["probability"]),
        duration_s=duration_s,
        audio=audio,
        spectrogram=spectrogram,
        x_ticks=[(round(LEFT + tick / duration_s * across, 1), f"{tick:g}") for tick in seconds],
        y_ticks=[(round(TOP + (1 - place) * down, 1), f"{hz:g}") for hz, place in told["mel_ticks"]],
        cells=list(_cells(relevance, duration_s, float(told["top_hz"]))) if relevance else [],
        levels=f"level from {levels[0]:g} dB (dark) to {levels[1]:g} dB (bright)"
        if levels
        else "level in dB, louder is brighter",
    )


def _cells(relevance: Mapping[str, Any], duration_s: float, top_hz: float) -> Iterator[Cell]:
    times, bands, values = relevance["times"], relevance["bands"], relevance["values"]
    most = max(max(row) for row in values)
    xs = [LEFT + time / duration_s * (WIDTH - LEFT - RIGHT) for time in times]
    ys = [TOP + (1 - _mel(band) / _mel(top_hz)) * (HEIGHT - TOP - BOTTOM) for band in bands]
    for band, row in enumerate(values):
        for moment, value in enumerate(row):
            said = (
                f"{times[moment]:.2f} to {times[moment + 1]:.2f} s, {bands[band]:.0f} to {bands[band + 1]:.0f} Hz:"
                f" {value:+.3f} nats"
            )
            yield (
                *(round(xs[moment], 1), round(ys[band + 1], 1)),
                *(round(xs[moment + 1] - xs[moment], 1), round(ys[band] - ys[band + 1], 1)),
                *(round(max(value, 0) / most, 2) if most > 0 else 0.0, said),
            )


def _mel(hz: float) -> float:
    """On the mel scale as HTK has it, on which the pictures are."""
    return 2595 * math.log10(1 + hz / 700)


def _data(mime: str, path: Path) -> str:
    return f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"


def mistakes(predictions: Predictions) -> list[dict[str, Any]]:
    """The wrong answers that the model was surest of, the surest first."""
    wrong = [
        (float(row[f"p_{row[PREDICTED]}"] or 0), row) for row in predictions.rows if row[PREDICTED] != row[EMOTION]
    ]
    wrong.sort(key=lambda pair: pair[0], reverse=True)
    names: Sequence[str] = (UTTERANCE, SPEAKER, EMOTION, PREDICTED)
    return [{"probability": p, **{name: row[name] for name in names}} for p, row in wrong[:N_MISTAKES]]
