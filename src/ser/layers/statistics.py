"""What the frames of a clip are like on the whole: one vector a clip, without weights."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ser.layers.mask import frame_mask


def _mean(frames: Tensor, mask: Tensor) -> Tensor:
    return (frames * mask).sum(-1) / mask.sum(-1)


def _deviation(frames: Tensor, mask: Tensor) -> Tensor:
    return _mean((frames - _mean(frames, mask)[..., None]).square(), mask).sqrt()


STATISTICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": _mean, "deviation": _deviation}


class Statistics(nn.Module):
    """Statistics of each band over the real frames, those of a band next to each other.

    Args:
        names: of `STATISTICS`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, n_bands, frames) and their numbers (batch,) to (batch, n_bands * n_names, 1), one frame each."""
        mask = frame_mask(lengths, frames.shape[-1])[:, None]
        made = torch.stack([STATISTICS[name](frames, mask) for name in self.names], dim=-1)
        return made.flatten(1)[..., None], torch.ones_like(lengths)
