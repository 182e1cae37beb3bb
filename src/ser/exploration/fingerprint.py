"""What a recording has in common with its copies: under another name, in another format, at another level or rate.

A small picture of its speech: log-mel bands over time, from the first to the last loud frame, drawn to one width. Each
band is without its mean, so that level and microphone do not count. Copies correlate near 1; so do a few others, such
as sentences that a machine says with several voices.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ser.audio.reading import Waveform
from ser.metrics import Floats

RATE_HZ = 8000  # copies may be of the telephone's rate
N_FFT, HOP = 256, 80  # samples: 32 and 10 ms
N_BANDS, LOWEST_HZ, HIGHEST_HZ = 16, 150.0, 3600.0
N_COLUMNS = 64
EDGE_DB = 15.0  # below the loudest frame: where the speech begins and ends
DEPTH_DB = 50.0  # below the loudest point: what is softer, such as other noise, does not count

Vector = npt.NDArray[np.float32]


class Fingerprint(NamedTuple):
    """Of a recording: a vector (1024,) of length 1, and how long its speech lasts in seconds."""

    vector: Vector
    speech_s: float


def fingerprint(waveform: Waveform) -> Fingerprint:
    """Of a waveform (samples,) at `RATE_HZ`."""
    padded = np.pad(waveform, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP] * np.hanning(N_FFT).astype(np.float32)
    power = np.abs(np.fft.rfft(frames)) ** 2 @ _bank()  # (frames, bands)
    level = 10 * np.log10(power.sum(axis=1) + 1e-12)
    loud = np.flatnonzero(level >= level.max() - EDGE_DB)
    speech = 10 * np.log10(power[loud[0] : loud[-1] + 1] + 1e-12)
    speech = np.maximum(speech, speech.max() - DEPTH_DB)
    columns = _drawn(speech, N_COLUMNS)
    columns -= columns.mean(axis=0)
    vector = columns.ravel() / max(float(np.linalg.norm(columns)), 1e-9)
    return Fingerprint(vector.astype(np.float32), len(speech) * HOP / RATE_HZ)


def _drawn(speech: Floats, n_columns: int) -> Floats:
    """Rows (frames, bands), drawn to `n_columns`."""
    places = np.linspace(0, len(speech) - 1, n_columns)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, len(speech) - 1)
    share = (places - before)[:, None]
    drawn: Floats = (1 - share) * speech[before] + share * speech[after]
    return drawn


@cache
def _bank() -> Floats:
    """Triangles (bins, bands), evenly on the mel scale."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mels = np.linspace(lowest, highest, N_BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE_HZ)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank: Floats = np.maximum(0, np.minimum(rise, fall))
    return bank
