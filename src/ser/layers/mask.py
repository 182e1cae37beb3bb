"""Which frames of a padded batch are real."""

import torch
from torch import Tensor


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """True where a frame is real, False where it is padding.

    Args:
        lengths: (batch,) numbers of real frames.
        n_frames: length of the padded batch.

    Returns:
        (batch, n_frames) of bool.

    >>> frame_mask(torch.tensor([1, 3]), 3).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    return torch.arange(n_frames, device=lengths.device) < lengths[:, None]
