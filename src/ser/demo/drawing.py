"""A recording to look at: its waveform and its mel spectrogram, as wide as the page, however long it is."""

import base64
import io
import math

import numpy as np
import torch
from matplotlib.image import imsave

from ser.audio import Waveform
from ser.features.melspec import MelSpectrogram

N_COLUMNS = 1000  # of a picture, at most
WINDOW_S, HOP_S = 0.04, 0.01  # of a short recording
RANGE_DB = 70.0
QUIETEST = 0.05  # peak that fills the picture; what is quieter looks quieter
HEIGHT = 100  # of the waveform, in the units of its path


def waveform_path(samples: Waveform) -> str:
    """The outline of a waveform (samples,), as the path of an SVG of `N_COLUMNS` x `HEIGHT`.

    >>> waveform_path(np.array([0.5, -0.5], np.float32))
    'M0,0L500,100L500,100L0,0Z'
    """
    edges = np.linspace(0, len(samples), min(N_COLUMNS, len(samples)) + 1).astype(int)[:-1]
    scale = HEIGHT / 2 / max(float(np.abs(samples).max()), QUIETEST)
    high = HEIGHT / 2 - scale * np.maximum.reduceat(samples, edges)
    low = HEIGHT / 2 - scale * np.minimum.reduceat(samples, edges)
    x = np.arange(len(edges)) * N_COLUMNS / len(edges)
    points = [*zip(x, high, strict=True), *zip(x[::-1], low[::-1], strict=True)]
    return "M" + "L".join(f"{across:.4g},{down:.3g}" for across, down in points) + "Z"


def mel_picture(samples: Waveform, sample_rate: int) -> str:
    """The mel spectrogram of a waveform (samples,) as a PNG in a `data:` address."""
    hop_s = min(max(HOP_S, len(samples) / sample_rate / N_COLUMNS), 1.0)
    mel = MelSpectrogram(
        sample_rate=sample_rate,
        trim_db=None,
        n_bands=80,
        window_s=max(WINDOW_S, hop_s),
        hop_s=hop_s,
        f_min_hz=0.0,
        f_max_hz=None,
        dynamic_range_db=RANGE_DB,
        deltas=0,
    )
    frames, _ = mel(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    written = io.BytesIO()
    step = math.ceil(frames.shape[-1] / 2 / N_COLUMNS)  # above 1 from half an hour on
    imsave(written, frames[0, :, ::step].numpy(), cmap="magma", origin="lower", format="png")
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
