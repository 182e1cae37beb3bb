"""The worst mistakes of a test: the most confident wrong predictions."""

from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from ser.runs.names import EMOTION, PREDICTED
from ser.runs.predictions import Predictions, confidence

FRAME_S, HOP_S = 0.025, 0.005
RANGE_DB = 80.0  # what lies deeper below the loudest point is drawn as silence


def worst(predictions: Predictions, n: int) -> list[dict[str, str]]:
    """The rows of at most `n` wrong predictions, the most confident first."""
    wrong = [row for row in predictions.rows if row[PREDICTED] != row[EMOTION]]
    return sorted(wrong, key=confidence, reverse=True)[:n]


def spectrogram(waveform: npt.NDArray[np.floating[Any]], sample_rate: int) -> npt.NDArray[np.uint8]:
    """A picture (height, width, 3) of a waveform (samples,): time to the right, 0 Hz at the bottom, loud is bright."""
    from scipy.signal import stft

    length = round(FRAME_S * sample_rate)
    padded = np.pad(waveform, (0, max(0, length - len(waveform))))
    _, _, spectrum = stft(padded, nperseg=length, noverlap=length - round(HOP_S * sample_rate))
    power = np.abs(spectrum) ** 2
    level = 10 * np.log10(np.maximum(power, 1e-12) / max(power.max(), 1e-12))
    picture = matplotlib.colormaps["magma"](np.flipud(1 + level.clip(-RANGE_DB, 0) / RANGE_DB))
    rounded: npt.NDArray[np.uint8] = np.round(255 * picture[..., :3]).astype(np.uint8)
    return rounded
