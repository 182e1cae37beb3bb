"""How loud a recording is, in dBFS: 0 dB is a mean power of 1, as of samples that are all at full scale."""

import numpy as np
import numpy.typing as npt

from ser.audio.reading import Waveform

Levels = npt.NDArray[np.float64]

FRAME_S = 0.02
ACTIVE_WITHIN_DB = 15.9  # of ITU-T P.56
LOWEST_DB = -100.0  # digital silence is no lower


def frame_powers(waveform: Waveform, sample_rate: int) -> Levels:
    """Mean powers (frames,) of a waveform (samples,) in frames of 20 ms; the last one is filled up with zeros."""
    size = max(round(FRAME_S * sample_rate), 1)
    padded = np.pad(waveform.astype(np.float64), (0, -len(waveform) % size))
    powers: Levels = np.square(padded).reshape(-1, size).mean(axis=1)
    return powers


def active_power(waveform: Waveform, sample_rate: int) -> float:
    """Mean power of a clip while somebody speaks: over all frames down to 15.9 dB below that mean.

    After ITU-T P.56 (12/2011), by frames of 20 ms in place of its envelope. Pauses, and silence before and after, do
    not count.
    """
    return active_of(frame_powers(waveform, sample_rate))


def active_of(powers: Levels) -> float:
    """The same, of the powers (frames,) of a clip's frames."""
    loudest_first = np.sort(powers)[::-1]
    means = loudest_first.cumsum() / np.arange(1, len(loudest_first) + 1)
    active = np.flatnonzero(loudest_first >= means * 10 ** (-ACTIVE_WITHIN_DB / 10))
    return float(means[active[-1]])


def decibels(power: npt.ArrayLike) -> Levels:
    """Powers in dBFS, `LOWEST_DB` at least.

    >>> decibels([1, 0.01, 0]).tolist()
    [0.0, -20.0, -100.0]
    """
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (LOWEST_DB / 10))))
