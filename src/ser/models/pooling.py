"""From frames to one vector a clip, over real frames only."""

import torch
from torch import Tensor, nn


class AveragePooling(nn.Module):
    """Mean over the real frames: (batch, size, frames) and mask (batch, frames) -> (batch, size)."""

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        weights = mask[:, None].to(frames.dtype)
        return (frames * weights).sum(-1) / weights.sum(-1)


class AttentionPooling(nn.Module):
    """Mean over the real frames, weighted by a learnt softmax score: (batch, size, frames) -> (batch, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.score = nn.Conv1d(size, 1, 1, bias=False)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        scores: Tensor = self.score(frames).masked_fill(~mask[:, None], float("-inf"))
        return (frames * torch.softmax(scores, dim=-1)).sum(-1)


def pooling(name: str, size: int) -> nn.Module:
    """The pooling called `name` (average or attention) for vectors of `size`."""
    return AveragePooling() if name == "average" else AttentionPooling(size)
