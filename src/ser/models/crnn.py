"""Convolutions over time, recurrence, and attention over the frames."""

import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_range
from ser.errors import SettingError
from ser.layers.mask import frame_mask
from ser.layers.norm import BatchNorm1d
from ser.layers.pooling import AttentionPooling
from ser.layers.recurrence import Recurrence
from ser.models.base import Model


class CRNN(Model):
    """Convolutional recurrent network: 1-d convolutions, bidirectional GRU layers, masked attention, a linear layer.

    Args:
        channels: of every convolution.
        kernel: width of the convolutions, in frames.
        pools: a number for each convolution: of so many frames after it the greatest value is kept; 1 keeps all.
        hidden: size of the recurrent state in each direction.
        layers: recurrent layers.
        conv_dropout: after each convolution.
        dropout: between the recurrent layers, before the attention and before the output layer.
        n_bands, n_channels, n_classes: see `Model`.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        channels: int,
        kernel: int,
        pools: list[int],
        hidden: int,
        layers: int,
        conv_dropout: float,
        dropout: float,
    ) -> None:
        super().__init__()
        check_range("channels", channels, 1, 4096)
        check_range("kernel", kernel, 1, 101)
        if not pools:
            raise SettingError("pools is empty; name a number for each convolution, as in pools=[2,2,2]")
        for pool in pools:
            check_range("pools", pool, 1, 100)
        check_range("hidden", hidden, 1, 4096)
        check_range("layers", layers, 1, 16)
        check_range("conv_dropout", conv_dropout, 0, 0.99)
        check_range("dropout", dropout, 0, 0.99)
        sizes = [n_bands, *[channels] * (len(pools) - 1)]
        self.convolutions = nn.ModuleList(
            Convolution(n_in, channels, kernel=kernel, pool=pool) for n_in, pool in zip(sizes, pools, strict=True)
        )
        self.conv_dropout = nn.Dropout(conv_dropout)
        self.recurrence = Recurrence(nn.GRU, channels, hidden, layers=layers, dropout=dropout)
        self.pool = AttentionPooling(self.recurrence.size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrence.size, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        x = features
        for convolution in self.convolutions:
            x, lengths = convolution(x, lengths)
            x = self.conv_dropout(x)
        states = self.dropout(self.recurrence(x, lengths))
        pooled = self.pool(states, frame_mask(lengths, states.shape[-1]))  # (batch, size)
        return F.log_softmax(self.output(self.dropout(pooled)), dim=-1)


class Convolution(nn.Module):
    """Convolution over time, batch normalisation, ReLU and max-pooling; what is padding stays zero."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int, pool: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
        self.norm = BatchNorm1d(n_out)
        self.pool = pool

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, n_in, frames), zero in the padding -> (batch, n_out, frames / pool), and lengths, both rounded up."""
        mask = frame_mask(lengths, x.shape[-1])
        x = self.convolution(x)[..., : x.shape[-1]]  # an even kernel gives a frame more
        x = F.relu(self.norm(x)) * mask[:, None]
        if self.pool == 1:
            return x, lengths
        # After ReLU nothing is below zero, so padding never is the greatest of several frames.
        # What torch's max_pool1d gives; but of that no graph for any length can be made.
        x = F.max_pool2d(x[:, :, None], (1, self.pool), ceil_mode=True)[:, :, 0]
        return x, lengths.add(self.pool - 1) // self.pool
