"""Recurrent networks over the frames."""

import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choice, check_range
from ser.layers.mask import frame_mask
from ser.layers.pooling import LastPooling, pooling
from ser.layers.recurrence import Recurrence
from ser.models.base import Model


class _Recurrent(Model):
    """Recurrent layers, pooling over real frames, and a linear layer.

    Args:
        hidden: size of the state in each direction.
        layers: recurrent layers.
        bidirectional: whether each layer reads the clip backwards too.
        dropout: between the layers and before the output layer.
        pool: last (the state after the last frame; backwards, after the first), average or attention, over time.
        n_bands, n_channels, n_classes: see `Model`.
    """

    cell: type[nn.LSTM | nn.GRU]

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
        pool: str,
    ) -> None:
        super().__init__()
        check_range("hidden", hidden, 1, 4096)
        check_range("layers", layers, 1, 16)
        check_range("dropout", dropout, 0, 0.99)
        check_choice("pool", pool, ("last", "average", "attention"))
        self.recurrence = Recurrence(
            self.cell, n_bands, hidden, layers=layers, bidirectional=bidirectional, dropout=dropout
        )
        size = self.recurrence.size
        self.pool = LastPooling(bidirectional=bidirectional) if pool == "last" else pooling(pool, size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        states = self.recurrence(features, lengths)
        pooled = self.pool(states, frame_mask(lengths, states.shape[-1]))  # (batch, size)
        return F.log_softmax(self.output(self.dropout(pooled)), dim=-1)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter, Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735), as `_Recurrent` says."""

    cell = nn.LSTM


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), as `_Recurrent` says."""

    cell = nn.GRU
