"""Recurrent layers over padded clips."""

import torch
from torch import Tensor, nn


class Recurrence(nn.Module):
    """Stacked LSTM or GRU layers, in which each clip is read to its own end and, backwards, from its own end.

    It gives what torch's LSTM or GRU gives for packed sequences, weight for weight, but trains faster on a CPU, where
    torch is quicker with padded sequences than with packed ones. So each direction is a layer of its own; the backward
    one reads each clip's real frames in reverse order, and padding comes last for both.

    Args:
        cell: nn.LSTM or nn.GRU.
        size: of an input frame.
        hidden: size of the state in each direction.
        layers: how many; each after the first reads the states of both directions.
        bidirectional: whether clips are read backwards too.
        dropout: between the layers.
    """

    def __init__(
        self,
        cell: type[nn.LSTM | nn.GRU],
        size: int,
        hidden: int,
        *,
        layers: int,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.size = (1 + bidirectional) * hidden
        self.layers = nn.ModuleList(
            Layer(cell, n_in, hidden, bidirectional=bidirectional) for n_in in [size, *[self.size] * (layers - 1)]
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Read a padded batch.

        Args:
            x: (batch, size, frames).
            lengths: (batch,) numbers of real frames.

        Returns:
            states (batch, n_directions * hidden, frames), forward before backward; meaningless in the padding.
        """
        x = x.transpose(1, 2)  # (batch, frames, size)
        # Frame numbers that turn the real frames around, and those of the padding too: done twice, nothing is changed.
        turned = lengths[:, None] - 1 - torch.arange(x.shape[1], device=x.device)
        turned = torch.where(turned < 0, turned + x.shape[1], turned)
        for number, layer in enumerate(self.layers):
            x = layer(x if number == 0 else self.dropout(x), turned)
        return x.transpose(1, 2)


class Layer(nn.Module):
    """One layer in one direction or both."""

    def __init__(self, cell: type[nn.LSTM | nn.GRU], size: int, hidden: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.onward = cell(size, hidden, batch_first=True)
        self.back = cell(size, hidden, batch_first=True) if bidirectional else None

    def forward(self, x: Tensor, turned: Tensor) -> Tensor:
        """(batch, frames, size) -> (batch, frames, n_directions * hidden); `turned` (batch, frames) as above."""
        states: Tensor = self.onward(x)[0]
        if self.back is None:
            return states
        return torch.cat([states, _take(self.back(_take(x, turned))[0], turned)], dim=-1)


def _take(x: Tensor, places: Tensor) -> Tensor:
    """Frames of (batch, frames, size) in the order of `places` (batch, frames)."""
    return x.gather(1, places[:, :, None].expand_as(x))
