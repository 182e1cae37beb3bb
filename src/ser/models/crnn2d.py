"""Convolutions over a picture, recurrence over its columns, and attention over the frames."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config import check_range
from ser.errors import ConfigError
from ser.frames import frame_mask
from ser.models.base import Model
from ser.models.norm import BatchNorm2d
from ser.models.pooling import AttentionPooling
from ser.models.recurrence import Recurrence

SHORTENING = 3  # so many convolutions halve time as well as frequency; those above them frequency alone


class CRNN2d(Model):
    """Convolutional recurrent network: 2-d convolutions, bidirectional GRU layers, masked attention, a linear layer.

    The first convolution has 5 x 5 places and takes every second of them; each further one has 3 x 3, of which the
    greatest of 2 x 2 is kept, and above the third (`SHORTENING`) the greatest of 2 x 1, so that an eighth of the frames
    is left for the recurrence.

    Args:
        channels: of each convolution.
        size: to which each column is projected for the recurrence.
        hidden: size of the recurrent state in each direction.
        layers: recurrent layers.
        dropout: between the recurrent layers, before the attention and before the output layer.
        n_bands, n_channels, n_classes: see `Model`; `n_channels` pictures are the network's input channels.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int = 1,
        channels: list[int] = [32, 48, 64, 96],  # noqa: B006 (never changed)
        size: int = 128,
        hidden: int = 128,
        layers: int = 2,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        if not channels:
            raise ConfigError("model.channels is empty; name a number for each convolution, as in [32,48,64,96]")
        for number in channels:
            check_range("model.channels", number, 1, 4096)
        check_range("model.size", size, 1, 4096)
        check_range("model.hidden", hidden, 1, 4096)
        check_range("model.layers", layers, 1, 16)
        check_range("model.dropout", dropout, 0, 0.99)
        self.n_channels = n_channels
        self.stem = nn.Conv2d(n_channels, channels[0], 5, stride=2, padding=2, bias=False)
        self.stem_norm = BatchNorm2d(channels[0])
        self.blocks = nn.ModuleList(
            Block(n_in, n_out, shorten=number < SHORTENING)
            for number, (n_in, n_out) in enumerate(pairwise(channels), start=1)
        )
        height = n_bands // n_channels
        for _ in channels:
            height = -(-height // 2)
        self.projection = nn.Linear(channels[-1] * height, size)
        self.recurrence = Recurrence(nn.GRU, size, hidden, layers=layers, dropout=dropout)
        self.pool = AttentionPooling(self.recurrence.size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrence.size, n_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        x = features.reshape(len(features), self.n_channels, -1, features.shape[-1])  # (batch, channels, bands, frames)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        lengths = (lengths + 1) // 2
        x = F.relu(self.stem_norm(x)) * frame_mask(lengths, x.shape[-1])[:, None, None]
        for block in self.blocks:
            x, lengths = block(x, lengths)
        columns = F.relu(self.projection(x.flatten(1, 2).transpose(1, 2)))  # (batch, frames, size)
        states = self.dropout(self.recurrence(columns.transpose(1, 2), lengths))
        pooled = self.pool(states, frame_mask(lengths, states.shape[-1]))  # (batch, 2 * hidden)
        return F.log_softmax(self.output(self.dropout(pooled)), dim=-1)


class Block(nn.Module):
    """Convolution, batch normalisation, ReLU and max-pooling; what is padding stays zero."""

    def __init__(self, n_in: int, n_out: int, *, shorten: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.norm = BatchNorm2d(n_out)
        self.shorten = shorten

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, channels, bands, frames), zero in the padding, to half as many bands; and the numbers of frames."""
        x = F.relu(self.norm(self.convolution(x))) * frame_mask(lengths, x.shape[-1])[:, None, None]
        # After ReLU nothing is below zero, so padding never is the greatest of several frames.
        if self.shorten:
            return F.max_pool2d(x, 2, ceil_mode=True), (lengths + 1) // 2
        return F.max_pool2d(x, (2, 1), ceil_mode=True), lengths
