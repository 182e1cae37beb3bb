"""Every clip of a corpus measured, on its file as it is: nothing is trimmed or resampled beforehand."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser import audio
from ser.audio import decoding, levels
from ser.audio.reading import BLOCK_SAMPLES, Reading, Waveform
from ser.corpora.base import Utterance
from ser.errors import AudioError
from ser.exploration import fingerprint, pitch
from ser.exploration.fingerprint import Fingerprint
from ser.files import digest
from ser.metrics import Floats

AT_ONCE = 64  # files
QUIETEST = 0.1  # of the frames: what they hold is taken for the room
ABOVE_NOISE_DB = 10.0  # is speech, however loud the rest is: a loud voice is not earlier than a soft one
UNHEARD_DB = -80.0  # noise is taken to be so loud at least: digital silence would make a faint hiss speech
FULL_SCALE = 0.999  # samples from here on are at full scale
IN_A_ROW = 3  # samples at full scale: a wave is cut off there
BANDS_HZ = (125, 250, 500, 1000, 2000, 4000)  # centres of octaves in which the room is heard


@dataclass(frozen=True)
class Clip:
    """What was measured of a clip. Levels are in dBFS, see `ser.audio.levels`.

    Attributes:
        utterance: which.
        form, sample_rate, channels: of the file.
        duration_s: in seconds.
        level_db: of the speech, see `ser.audio.levels.active_power`.
        noise_db: of the quietest tenth of the frames.
        peak_db: of the highest sample.
        clipped: how many samples are in runs of `IN_A_ROW` at full scale, on any channel.
        leading_s, trailing_s: before the first and after the last frame that is `ABOVE_NOISE_DB` above the noise, or
            nearer, in dB, to the speech.
        pitch_hz: median over the voiced frames; NaN: there are none.
        pitch_range: from the 10th to the 90th percentile of these, in semitones; NaN likewise.
        room_db: of the quietest frames in the octaves round `BANDS_HZ`; NaN above the file's range.
        print: see `ser.exploration.fingerprint`.
        samples: a digest of what it sounds like.
        remarks: what somebody should know of the file, see `ser.audio.Reading`.
    """

    utterance: Utterance
    form: str
    sample_rate: int
    channels: int
    duration_s: float
    level_db: float
    noise_db: float
    peak_db: float
    clipped: int
    leading_s: float
    trailing_s: float
    pitch_hz: float
    pitch_range: float
    room_db: Floats
    print: Fingerprint
    samples: str
    remarks: Mapping[str, str]

    @property
    def snr_db(self) -> float:
        """How far the speech is above the quietest tenth of the clip: an estimate, and at most what there is."""
        return self.level_db - self.noise_db


def measure(
    utterances: Sequence[Utterance], advance: Callable[[int], None] = lambda n: None
) -> tuple[list[Clip], dict[str, str]]:
    """Measure clips; each file is read twice, and few files are in memory at a time.

    Args:
        utterances: of a corpus.
        advance: called with how many clips more are done.

    Returns:
        the clips, in their order, and by id why others cannot be used: for the reasons of `ser.audio.prepare`.
    """
    by_file: dict[Path, list[Utterance]] = {}
    for utterance in utterances:
        by_file.setdefault(utterance.path, []).append(utterance)
    clips: dict[str, Clip] = {}
    broken: dict[str, str] = {}
    files = list(by_file.values())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), AT_ONCE):  # not all at once, so that Ctrl-C ends it soon
            for of_one in pool.map(_measure_file, files[start : start + AT_ONCE]):
                for utterance, found in of_one:
                    if isinstance(found, Clip):
                        clips[utterance.id] = found
                    else:
                        broken[utterance.id] = str(found)
                advance(len(of_one))
    return [clips[one.id] for one in utterances if one.id in clips], broken


def _measure_file(utterances: Sequence[Utterance]) -> list[tuple[Utterance, Clip | AudioError]]:
    """All clips of a file."""
    path, segments = utterances[0].path, [utterance.segment for utterance in utterances]
    try:
        file = _look(path, segments)
        readings = audio.read_segments(path, segments)
    except AudioError as error:
        return [(utterance, error) for utterance in utterances]
    return [
        (utterance, _measure_clip(utterance, file, number, reading))
        for number, (utterance, reading) in enumerate(zip(utterances, readings, strict=True))
    ]


@dataclass(frozen=True)
class _File:
    """A file before it is mixed; `clipped` by segment."""

    form: str
    channels: int
    clipped: list[int]


def _look(path: Path, segments: Sequence[audio.Segment]) -> _File:
    """Raises: AudioError."""
    with decoding.opened(path) as decoder:
        rate, start = decoder.sample_rate, 0
        clipped = np.zeros(len(segments), int)
        for block in decoder.blocks(BLOCK_SAMPLES):
            is_full = np.abs(block) >= FULL_SCALE
            runs = is_full[2:] & is_full[1:-1] & is_full[:-2] if len(block) >= IN_A_ROW else is_full[:0]
            if runs.any():
                places = start + np.flatnonzero(runs.any(axis=1))
                for number, (start_s, end_s) in enumerate(segments):
                    inside = (places >= start_s * rate) & (places < (math.inf if end_s is None else end_s * rate))
                    clipped[number] += inside.sum()
            start += len(block)
        return _File(decoder.form, decoder.n_channels, clipped.tolist())


def _measure_clip(utterance: Utterance, file: _File, number: int, reading: Reading | AudioError) -> Clip | AudioError:
    if isinstance(reading, AudioError):
        return reading
    try:
        narrow = audio.prepare(str(utterance.path), reading, sample_rate=fingerprint.RATE_HZ)
    except AudioError as error:
        return error
    waveform, rate = reading.samples, reading.sample_rate
    powers = levels.frame_powers(waveform, rate)[:-1]  # the last frame is filled up
    by_level = np.argsort(powers, kind="stable")
    quiet = by_level[: max(round(QUIETEST * len(powers)), 1)]
    level, noise = (float(levels.decibels(power)) for power in (levels.active_of(powers), powers[quiet].mean()))
    edge = min((level + noise) / 2, max(noise, UNHEARD_DB) + ABOVE_NOISE_DB)
    loud = np.flatnonzero(levels.decibels(powers) > edge) if level > noise else np.arange(len(powers))
    voiced = pitch.pitches(narrow)
    low, median, high = np.quantile(voiced, [0.1, 0.5, 0.9]) if len(voiced) else [math.nan] * 3
    return Clip(
        utterance=utterance,
        form=file.form,
        sample_rate=rate,
        channels=file.channels,
        duration_s=len(waveform) / rate,
        level_db=level,
        noise_db=noise,
        peak_db=float(levels.decibels(np.square(np.abs(waveform).max()))),
        clipped=file.clipped[number],
        leading_s=float(loud[0] * levels.FRAME_S),
        trailing_s=float((len(powers) - 1 - loud[-1]) * levels.FRAME_S),
        pitch_hz=float(median),
        pitch_range=float(12 * np.log2(high / low)),
        room_db=_room(waveform, rate, quiet),
        print=fingerprint.fingerprint(narrow),
        samples=digest(waveform.tobytes() + str(rate).encode()),
        remarks=reading.remarks,
    )


def _room(waveform: Waveform, rate: int, quiet: np.ndarray) -> Floats:
    """Levels (bands,) of some frames."""
    size = round(levels.FRAME_S * rate)
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)[quiet]
    window = np.hanning(size)
    power = 2 * np.square(np.abs(np.fft.rfft(frames * window))).mean(axis=0) / (size * np.square(window).sum())
    hz = np.fft.rfftfreq(size, 1 / rate)
    bands = np.array(
        [
            power[(hz >= centre / 2**0.5) & (hz < centre * 2**0.5)].sum() if centre * 2**0.5 <= rate / 2 else math.nan
            for centre in BANDS_HZ
        ]
    )
    told: Floats = levels.decibels(bands)
    return told
