"""The fundamental frequency, by autocorrelation (Boersma 1993, Proc. Inst. Phonetic Sci. Amsterdam 17, 97-110).

The autocorrelation of a windowed frame is divided by that of the window; its highest peak is the period. There is no
path through the frames: medians over a clip need none.
"""

from functools import cache

import numpy as np

from ser.audio.reading import Waveform
from ser.metrics import Floats

RATE_HZ = 8000
LOWEST_HZ, HIGHEST_HZ = 75.0, 600.0
FRAME, HOP, N_FFT = 400, 160, 1024  # samples: 50 and 20 ms
FINER = 4  # times: places of the autocorrelation between two samples, where a short period may end
VOICED = 0.5  # of the autocorrelation at 0: what has a lower peak is noise
WITHIN_DB = 25.0  # of the loudest frame: what is softer is no speech
OCTAVE_COST = 0.01  # by which a period twice as long must be better


def pitches(waveform: Waveform) -> Floats:
    """Of the voiced frames of a waveform (samples,) at `RATE_HZ`, in Hz; perhaps none."""
    padded = np.pad(waveform, (0, max(FRAME - len(waveform), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    power = np.square(frames).mean(axis=1)
    frames = frames[power >= max(power.max() * 10 ** (-WITHIN_DB / 10), 1e-10)]
    centred = frames - frames.mean(axis=1, keepdims=True)
    correlation = _autocorrelation(centred * np.hanning(FRAME)) / _of_the_window()
    correlation /= np.maximum(correlation[:, :1], 1e-12)
    lags = np.arange(int(FINER * RATE_HZ / HIGHEST_HZ), int(FINER * RATE_HZ / LOWEST_HZ) + 1)
    before, at, after = (correlation[:, lags + step] for step in (-1, 0, 1))
    is_peak = (at > before) & (at >= after) & (at > VOICED)
    strength = np.where(is_peak, at - OCTAVE_COST * np.log2(lags), -np.inf)
    best = strength.argmax(axis=1, keepdims=True)
    voiced = np.isfinite(np.take_along_axis(strength, best, axis=1))[:, 0]
    left, middle, right = (np.take_along_axis(part, best, axis=1)[voiced, 0] for part in (before, at, after))
    lag = lags[best[voiced, 0]] + (left - right) / (2 * (left - 2 * middle + right) - 1e-12)  # of the parabola
    found: Floats = FINER * RATE_HZ / lag
    return found


def _autocorrelation(frames: Floats) -> Floats:
    power = np.abs(np.fft.rfft(frames, N_FFT)) ** 2
    lags: Floats = np.fft.irfft(power, FINER * N_FFT)[..., : FINER * FRAME // 2]
    return lags


@cache
def _of_the_window() -> Floats:
    window = _autocorrelation(np.hanning(FRAME))
    scaled: Floats = window / window[0]
    return scaled
