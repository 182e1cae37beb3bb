"""Clips to hear: of each emotion some whose length is ordinary."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ser import audio
from ser.audio.writing import flac
from ser.errors import AudioError
from ser.exploration.exploring import Explored
from ser.exploration.measuring import Clip

OF_EACH = 2  # of an emotion, by different speakers
MOST = 24
LONGEST_S = 6.0  # of a longer clip, this much is heard


@dataclass(frozen=True)
class Heard:
    """A clip to hear, as a data: address; `is_whole`: to its end."""

    clip: Clip
    sound: str
    is_whole: bool


def examples(explored: Explored) -> list[Heard]:
    """By emotion, at most `MOST`."""
    chosen = [clip for label in explored.labels for clip in _ordinary(explored.clips, label)]
    return list(_heard(chosen[:MOST]))


def _ordinary(clips: Sequence[Clip], label: str) -> list[Clip]:
    """Those nearest to the median length, of different speakers."""
    own = [clip for clip in clips if clip.utterance.emotion == label]
    median = float(np.median([clip.duration_s for clip in own]))
    taken: dict[str | None, Clip] = {}
    for clip in sorted(own, key=lambda clip: abs(clip.duration_s - median)):
        taken.setdefault(clip.utterance.speaker or clip.utterance.id, clip)
    return list(taken.values())[:OF_EACH]


def _heard(clips: Sequence[Clip]) -> Iterator[Heard]:
    for clip in clips:
        try:
            samples, rate, _ = audio.read(clip.utterance.path, clip.utterance.segment)
        except AudioError:  # it has gone since
            continue
        part = samples[: round(LONGEST_S * rate)]
        sound = f"data:audio/flac;base64,{base64.b64encode(flac(part, rate)).decode()}"
        yield Heard(clip, sound, len(part) == len(samples))
