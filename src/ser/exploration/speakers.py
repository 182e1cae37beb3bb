"""Speakers whose recordings differ from those of the others in level, noise or room."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser.exploration.measuring import Clip
from ser.metrics import Floats
from ser.statistics import MIN_SPEAKERS

OUTLYING = 3.5  # of a modified z-score (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers)
LEAST_CLIPS = 5  # fewer say little of a speaker
LEAST_DB = 6.0  # twice the amplitude: less is no other recording
TO_DEVIATION = 1.4826  # of a normal distribution: its deviation by its median absolute deviation

MEASURES = {
    "level_db": "level of the speech",
    "noise_db": "noise",
    "snr_db": "speech above noise",
    "room_db": "spectrum of the quiet parts",
}


@dataclass(frozen=True)
class Voice:
    """A speaker's recordings.

    Attributes:
        speaker: who.
        n: clips.
        medians: of level_db, noise_db and snr_db over the clips; room_db is how far, in dB (root mean square over the
            octaves), the spectrum of the quiet parts is from the median speaker's, whatever its level.
        differs: of these the names that are far from the other speakers'.
    """

    speaker: str
    n: int
    medians: dict[str, float]
    differs: list[str]


def compare_speakers(clips: Sequence[Clip]) -> list[Voice]:
    """The speakers by name; who differs is only said of `MIN_SPEAKERS`, of one with `LEAST_CLIPS`."""
    own: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.utterance.speaker:
            own.setdefault(clip.utterance.speaker, []).append(clip)
    names = sorted(own)
    if not names:
        return []
    values = {
        name: np.array([np.median([getattr(clip, name) for clip in own[speaker]]) for speaker in names])
        for name in ("level_db", "noise_db", "snr_db")
    }
    values["room_db"] = _rooms([own[speaker] for speaker in names])

    def is_known(speaker: str) -> bool:
        return len(names) >= MIN_SPEAKERS and len(own[speaker]) >= LEAST_CLIPS

    far = {name: _outlying(column) for name, column in values.items()}
    return [
        Voice(
            speaker,
            len(own[speaker]),
            {name: float(column[place]) for name, column in values.items()},
            [name for name in MEASURES if far[name][place] and is_known(speaker)],
        )
        for place, speaker in enumerate(names)
    ]


def _rooms(own: Sequence[Sequence[Clip]]) -> Floats:
    """See `Voice`."""
    heard = np.array([np.median([clip.room_db for clip in clips], axis=0) for clips in own])  # (speakers, bands)
    heard = heard[:, np.isfinite(heard).all(axis=0)]  # bands that all have
    if heard.shape[1] == 0:
        return np.zeros(len(own))
    shapes = heard - heard.mean(axis=1, keepdims=True)
    distances: Floats = np.sqrt(np.square(shapes - np.median(shapes, axis=0)).mean(axis=1))
    return distances


def _outlying(values: Floats) -> Floats:
    away = np.abs(values - np.median(values))
    spread = TO_DEVIATION * np.median(away)
    far: Floats = (away >= LEAST_DB) & (away > OUTLYING * spread)
    return far
