"""A small transformer encoder over the frames. (Vaswani et al. 2017, arXiv 1706.03762)"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choice, check_range
from ser.errors import SettingError
from ser.layers.mask import frame_mask
from ser.layers.pooling import pooling
from ser.models.base import Model

LONGEST_PERIOD = 10_000  # of the positions' sines is 2 pi times this, in tokens


class Transformer(Model):
    """Tokens of a few frames each, transformer layers with normalisation first, pooling, and a linear layer.

    Time goes with the square of a clip's length, memory with the length itself: beside the batch, attention holds no
    matrix of tokens by tokens, except in training on a CPU (torch has no kernel with dropout there), where clips are
    at most 20 s long.

    Args:
        size: of a token; a multiple of `heads`.
        layers: transformer layers.
        heads: of the attention in each.
        patch: frames that make up a token, side by side.
        dropout: on the tokens, the attention, after each part of a layer, and before the output layer.
        pool: average or attention, over time.
        n_bands, n_channels, n_classes: see `Model`.

    Raises:
        SettingError: `size` is no multiple of `heads`.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        size: int,
        layers: int,
        heads: int,
        patch: int,
        dropout: float,
        pool: str,
    ) -> None:
        super().__init__()
        check_range("size", size, 1, 4096)
        check_range("layers", layers, 1, 48)
        check_range("heads", heads, 1, 64)
        check_range("patch", patch, 1, 100)
        check_range("dropout", dropout, 0, 0.99)
        check_choice("pool", pool, ("average", "attention"))
        if size % heads:
            raise SettingError(f"size must be a multiple of heads={heads}; got {size}, try {size + -size % heads}")
        self.patch = patch
        self.tokens = nn.Conv1d(n_bands, size, patch, stride=patch)
        # Batch second: torch's inference path for batches that come first holds a matrix of tokens by tokens.
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size, heads, 4 * size, dropout, activation="gelu", norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(size)
        self.pool = pooling(pool, size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        # The padding is zero, so a clip's last token is the same with frames of it or without.
        x = self.tokens(F.pad(features, (0, -features.shape[-1] % self.patch)))  # (batch, size, tokens)
        mask = frame_mask(lengths.add(self.patch - 1) // self.patch, x.shape[-1])
        x = x.permute(2, 0, 1)  # (tokens, batch, size)
        x = self.dropout(x + positions(x.shape[0], x.shape[-1]).to(x)[:, None])
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        pooled = self.pool(self.norm(x).permute(1, 2, 0), mask)  # (batch, size)
        return F.log_softmax(self.output(self.dropout(pooled)), dim=-1)


def positions(n_tokens: int, size: int) -> Tensor:
    """Sines, then cosines, of the token's number, at `size / 2` frequencies from 1 down to 1 / `LONGEST_PERIOD`.

    Returns:
        (n_tokens, size). Whatever the length of a clip: nothing is learnt or kept for each place.
    """
    half = math.ceil(size / 2)
    frequencies = torch.exp(-math.log(LONGEST_PERIOD) * torch.arange(half) / half)
    angles = torch.arange(n_tokens)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size]
