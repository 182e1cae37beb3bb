"""From frames to one vector a clip, over real frames only."""

import torch
from torch import Tensor, nn

from ser.layers.recurrence import Recurrence

HIDDEN = 128  # state of the GRU of `RecurrentPooling`, in each direction


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


class LastPooling(nn.Module):
    """State at the end of a recurrence, in each of its directions: (batch, size, frames) -> (batch, size).

    The first half of a bidirectional frame has read the clip forwards and ends at the last real frame; the second half
    has read it backwards and ends at the first.
    """

    def __init__(self, *, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        last = frames[torch.arange(len(frames), device=frames.device), :, mask.sum(-1) - 1]  # (batch, size)
        if not self.bidirectional:
            return last
        half = frames.shape[1] // 2
        return torch.cat([last[:, :half], frames[:, half:, 0]], dim=1)


class RecurrentPooling(nn.Module):
    """Mean over the real frames, and beside it the attention's mean of what a bidirectional GRU makes of them.

    (batch, size, frames) -> (batch, size + 2 * HIDDEN). The plain mean is quickly learnt from; the GRU adds what the
    order of the frames tells.

    Args:
        size: of a frame.
        dropout: of the frames that the GRU reads.

    Attributes:
        size: of the result.
    """

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.recurrence = Recurrence(nn.GRU, size, HIDDEN, layers=1)
        self.attention = AttentionPooling(self.recurrence.size)
        self.average = AveragePooling()
        self.size = size + self.recurrence.size

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        states = self.recurrence(self.dropout(frames), mask.sum(-1))
        return torch.cat([self.average(frames, mask), self.attention(states, mask)], dim=1)


def pooling(name: str, size: int) -> nn.Module:
    """The pooling called `name` (average or attention) for vectors of `size`."""
    return AveragePooling() if name == "average" else AttentionPooling(size)
