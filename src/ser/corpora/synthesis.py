"""The voices and sentences of the demo corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser import audio
from ser.corpora import espeak
from ser.corpora.ravdess import INTENSITIES, RAVDESS_EMOTIONS

Samples = npt.NDArray[np.float64]

SAMPLE_RATE = 16_000  # Hz
TEXTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
STRONG = 1.5  # strong intensity has the cues of normal intensity, times this
RATE_WPM = 185.0  # of neutral speech, as all that follow
SPAN = 0.36  # from the lowest to the highest pitch, as a part of the pitch
LEVEL_DB = -32.0  # re full scale
FLOOR_DB = -66.0  # the noise of the room, re full scale
PEAK = 0.95  # the highest a sample may be

# How an emotion changes a speaker's neutral voice. Neighbours overlap on purpose: the task is not to be trivial.
# pitch, rise over the sentence, tremor: semitones. range, rate, tract (of the formants): octaves, 1 is twice as much.
# level: dB. tilt: dB an octave, positive is brighter. breath, rasp: parts of 1. gap between words: seconds.
CUES: dict[str, dict[str, float]] = {
    "neutral": {},
    "calm": {"pitch": -0.8, "range": -0.2, "rate": -0.15, "level": -2.0, "tilt": -0.7, "breath": 0.12},
    "happy": {"pitch": 3.5, "range": 0.5, "rate": 0.06, "level": 3.0, "tilt": 0.6, "tract": 0.05},
    "sad": {"pitch": -0.5, "range": -0.5, "rate": -0.25, "level": -3.5, "tilt": -1.2, "breath": 0.2, "tremor": 0.2}
    | {"rise": -0.5, "gap": 0.02},
    "angry": {"pitch": 2.5, "range": 0.3, "rate": 0.1, "level": 5.0, "tilt": 0.9, "rasp": 0.3, "rise": -0.3},
    "fearful": {"pitch": 3.5, "range": -0.1, "rate": 0.22, "level": 0.0, "tilt": 0.0, "breath": 0.2, "tremor": 0.6},
    "disgust": {"pitch": -1.2, "range": 0.2, "rate": -0.2, "level": 0.5, "rasp": 0.3, "tract": -0.05, "gap": 0.02},
    "surprised": {"pitch": 5.0, "range": 0.8, "rate": -0.08, "level": 2.0, "tilt": 0.2, "breath": 0.05, "rise": 1.5},
}

# Standard deviations in the same units: from take to take, and of a speaker's habits whatever the emotion.
TAKE = {"pitch": 1.0, "range": 0.2, "rate": 0.08, "level": 1.5, "tilt": 0.4, "breath": 0.06, "rasp": 0.1} | {
    "tremor": 0.1, "tract": 0.015, "rise": 0.4, "gap": 0.01
}  # fmt: skip
HABIT = {"range": 0.15, "rate": 0.1, "level": 2.0, "tilt": 0.6, "breath": 0.05, "rasp": 0.06, "gap": 0.005}
MANNER = 0.5  # a speaker's own way to do an emotion deviates by this part of what takes deviate


@dataclass(frozen=True)
class Speaker:
    """Who speaks: pitch in Hz, factor on the formants, and what is added to the cues of every and of each emotion."""

    pitch_hz: float
    formants: float
    habits: dict[str, float]
    manners: dict[str, dict[str, float]]

    @classmethod
    def of(cls, actor: str) -> "Speaker":
        """The speaker of this number: odd ones are men, even ones women."""
        rng = np.random.default_rng(int(actor))
        man = int(actor) % 2 == 1
        return cls(
            pitch_hz=(115 if man else 200) * 2 ** rng.uniform(-0.25, 0.25),
            formants=(0.98 if man else 1.14) * 2 ** rng.uniform(-0.08, 0.08),
            habits=_deviations(HABIT, rng),
            manners={emotion: _deviations(TAKE, rng, MANNER) for emotion in CUES},
        )


def _deviations(spread: dict[str, float], rng: np.random.Generator, scale: float = 1.0) -> dict[str, float]:
    return {cue: rng.normal(0, scale * deviation) for cue, deviation in spread.items()}


def make_clip(engine: espeak.Espeak, speaker: Speaker, name: str) -> Samples:
    """Samples (samples,) in [-1, 1] at `SAMPLE_RATE` of the clip that a file name of RAVDESS describes."""
    codes = Path(name).stem.split("-")
    emotion, strength = RAVDESS_EMOTIONS[codes[2]], STRONG if INTENSITIES[codes[3]] == "strong" else 1.0
    rng = np.random.default_rng([int(code) for code in codes])
    take = _deviations(TAKE, rng)
    cue = {
        key: strength * CUES[emotion].get(key, 0.0)
        + speaker.manners[emotion][key]
        + speaker.habits.get(key, 0.0)
        + take[key]
        for key in TAKE
    }
    pitch_hz, span = speaker.pitch_hz * 2 ** (cue["pitch"] / 12), SPAN * 2 ** cue["range"]
    voice = espeak.Voice(
        low_hz=pitch_hz * (1 - 0.4 * span),
        high_hz=pitch_hz * (1 + 0.6 * span),
        formants=speaker.formants * 2 ** cue["tract"],
        breath=float(np.clip(cue["breath"], 0, 1)),
        rate_wpm=RATE_WPM * 2 ** cue["rate"],
        word_gap_s=max(0.0, cue["gap"]),
    )
    spoken = engine.speak(TEXTS[codes[4]], voice, seed=int(rng.integers(2**31)))
    bent = _bend(spoken, engine.sample_rate, cue["rise"], max(0.0, cue["tremor"]), rng)
    speech = audio.resample(bent.astype(np.float32), engine.sample_rate, SAMPLE_RATE).astype(np.float64)
    speech = _roughen(_tilt(speech, cue["tilt"]), max(0.0, cue["rasp"]), rng)
    speech *= _amplitude(LEVEL_DB + cue["level"]) / speech.std()
    lead, tail = rng.uniform(0.25, 0.5, 2)
    clip = np.pad(speech, (int(lead * SAMPLE_RATE), int(tail * SAMPLE_RATE)))
    clip += rng.normal(0, _amplitude(FLOOR_DB), len(clip))
    clip *= min(1.0, PEAK / np.abs(clip).max())
    return clip


def _amplitude(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _bend(samples: audio.Waveform, sample_rate: int, rise: float, tremor: float, rng: np.random.Generator) -> Samples:
    """Bend the pitch by reading faster and slower: a rise over the whole, a tremor of 5 to 7 Hz (both semitones)."""
    time_s = np.arange(len(samples)) / sample_rate
    wave = np.sin(2 * np.pi * (rng.uniform(5, 7) * time_s + rng.uniform()))
    semitones = rise * (time_s / time_s[-1] - 0.5) + tremor * wave
    position = np.cumsum(2 ** (semitones / 12))
    bent: Samples = np.interp(position[position < len(samples)], np.arange(len(samples)), samples)
    return bent


def _filter(samples: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Apply a gain to each frequency in Hz, without a delay."""
    size = 1 << len(samples).bit_length()  # a power of two: Fourier transforms of most other lengths are slow
    frequency_hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float64)
    spectrum = np.fft.rfft(samples, size) * gain(frequency_hz)
    return np.fft.irfft(spectrum)[: len(samples)]


def _tilt(samples: Samples, db_per_octave: float) -> Samples:
    """Make the voice brighter or duller around 500 Hz, from 125 Hz to 4 kHz."""
    return _filter(samples, lambda hz: 10 ** (db_per_octave * np.log2(np.clip(hz, 125, 4000) / 500) / 20))


def _roughen(samples: Samples, rasp: float, rng: np.random.Generator) -> Samples:
    """Make the voice rough: its loudness flickers at 30 to 90 Hz, and its peaks saturate."""
    flicker = _filter(rng.normal(size=len(samples)), lambda hz: ((hz > 30) & (hz < 90)).astype(np.float64))
    rough: Samples = samples / samples.std() * (1 + 0.5 * rasp * flicker / flicker.std())
    if rasp > 0:
        rough = np.tanh(rasp * rough) / rasp
    return rough
