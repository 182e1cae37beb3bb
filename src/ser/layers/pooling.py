"""From frames to one vector a clip, over real frames only."""

import torch
from torch import Tensor, nn

from ser.layers.norm import BatchNorm1d
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


class StatisticsPooling(nn.Module):
    """Mean and deviation over the real frames, normalised over the batch: (batch, size, frames) -> (batch, 2 * size).

    Normalised, for bands of an encoder differ by orders of magnitude.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.average = AveragePooling()
        self.norm = BatchNorm1d(2 * size)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        mean = self.average(frames, mask)
        variance = self.average((frames - mean[..., None]).square(), mask)
        # A single frame has no deviation, and the root's slope at 0 is infinite.
        normalized: Tensor = self.norm(torch.cat([mean, (variance + 1e-6).sqrt()], dim=1))
        return normalized


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
    """The pooling called `name` (average, attention or statistics) for vectors of `size`."""
    if name == "statistics":
        return StatisticsPooling(size)
    return AveragePooling() if name == "average" else AttentionPooling(size)
