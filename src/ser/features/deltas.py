"""How fast each band changes, as further channels."""

from functools import cache

import torch
from scipy.signal import savgol_coeffs
from torch import Tensor

WIDTH = 9  # frames that a delta is taken from; librosa's default
ORDERS = (0, 1, 2)


def stack_deltas(frames: Tensor, lengths: Tensor, deltas: int) -> Tensor:
    """Stack frames and their first `deltas` derivatives in time, each a channel of its own.

    The derivative of order k is that of a polynomial of degree k fitted to `WIDTH` frames (Savitzky and Golay 1964,
    doi 10.1021/ac60214a047); each clip is continued with its first and last frame: librosa's `delta` with
    `mode="nearest"`.

    Args:
        frames: (batch, bands, frames).
        lengths: (batch,) numbers of real frames; what comes after them has no say.
        deltas: 0, 1 or 2; 0 gives `frames` back.

    Returns:
        (batch, (1 + deltas) * bands, frames), in units of `frames` a frame, and a frame squared.
    """
    if deltas == 0:
        return frames
    n_bands, n_frames = frames.shape[1:]
    places = torch.arange(-(WIDTH // 2), n_frames + WIDTH // 2, device=frames.device).clamp(min=0)
    places = torch.minimum(places, lengths[:, None] - 1)  # (batch, frames + WIDTH - 1)
    continued = frames.gather(2, places[:, None].expand(-1, n_bands, -1))
    channels = [frames]
    for order in range(1, deltas + 1):
        # A sum of shifted copies rather than a convolution, which a GPU computes in 19 bits unless told otherwise.
        delta = torch.zeros_like(frames)
        for i, weight in enumerate(_weights(order)):
            delta = delta + weight * continued[..., i : i + n_frames]
        channels.append(delta)
    return torch.cat(channels, dim=1)


@cache
def _weights(order: int) -> tuple[float, ...]:
    return tuple(savgol_coeffs(WIDTH, order, deriv=order, use="dot").tolist())
