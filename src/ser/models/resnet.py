"""ResNet over a spectrogram as over an image. (He et al. 2015, arXiv 1512.03385)

Written out rather than taken from a library, because none lets padding be kept out: each convolution would smear
the padded frames into the last real ones, and a clip's answer would depend on the clips beside it. Here the
activations of padded frames are set back to zero before every convolution that sees them. On input without
padding it equals `transformers.ResNetModel`, weight for weight.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choice, check_range
from ser.layers.mask import frame_mask
from ser.layers.norm import BatchNorm2d
from ser.layers.pooling import RecurrentPooling, pooling
from ser.models.base import Model

# Blocks in each of the four stages, and whether they are bottlenecks.
DEPTHS = {
    10: ((1, 1, 1, 1), False),
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
}
BOTTLENECK = 4  # a bottleneck block's output is this many times wider than its 3 x 3 convolution


class ResNet(Model):
    """ResNet of depth 10, 18, 34 or 50 with pooling over real frames.

    Args:
        depth: number of weighted layers.
        width: channels of the first stage; each further stage doubles them. 64 is the original.
        dropout: before the output layer.
        pool: average, attention or recurrent (a GRU and attention), over time; frequency is averaged.
        n_bands, n_channels, n_classes: see `Model`; `n_channels` pictures are the network's input channels.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        depth: int,
        width: int,
        dropout: float,
        pool: str,
    ) -> None:
        super().__init__()
        check_choice("depth", depth, DEPTHS)
        check_range("width", width, 1, 1024)
        check_range("dropout", dropout, 0, 0.99)
        check_choice("pool", pool, ("average", "attention", "recurrent"))
        blocks, bottleneck = DEPTHS[depth]
        expansion = BOTTLENECK if bottleneck else 1
        widths = [width * 2**stage for stage in range(len(blocks))]

        self.n_channels = n_channels
        self.stem = ConvNorm(n_channels, width, kernel=7, stride=2)
        layers: list[nn.Module] = []
        for stage, ((n_in, n_out), n_blocks) in enumerate(zip(pairwise([width, *widths]), blocks, strict=True)):
            n_in = n_in if stage == 0 else n_in * expansion
            for block in range(n_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(Block(n_in, n_out, stride=stride, bottleneck=bottleneck))
                n_in = n_out * expansion
        self.blocks = nn.ModuleList(layers)
        size = widths[-1] * expansion
        self.pool = RecurrentPooling(size, dropout) if pool == "recurrent" else pooling(pool, size)
        n_pooled = self.pool.size if isinstance(self.pool, RecurrentPooling) else size
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_pooled, n_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        x = features.reshape(
            features.shape[0], self.n_channels, -1, features.shape[-1]
        )  # (batch, channels, bands, frames)
        mask = frame_mask(lengths, x.shape[-1])
        if not torch.compiler.is_exporting():  # a graph could not tell how a picture of any size lies in memory
            x = x.contiguous(memory_format=torch.channels_last)
        x, mask = self.stem(x, mask)
        x = F.max_pool2d(silence(F.relu(x), mask), kernel_size=3, stride=2, padding=1)
        mask = mask[:, ::2].contiguous()
        for block in self.blocks:
            x, mask = block(silence(x, mask), mask)
        pooled = self.pool(x.mean(dim=2), mask)  # (batch, size)
        return F.log_softmax(self.output(self.dropout(pooled)), dim=-1)


class ConvNorm(nn.Module):
    """Convolution and batch normalisation. A stride of 2 keeps frames 0, 2, 4, ... of the mask as of the picture."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        # A strided 1 x 1 convolution only picks places. Picked beforehand, because torch 2.13 corrupts memory in its
        # backward pass on a CPU (channels last, fewer than 16 channels).
        self.pick = stride if kernel == 1 else 1
        self.convolution = nn.Conv2d(n_in, n_out, kernel, stride // self.pick, padding=kernel // 2, bias=False)
        self.norm = BatchNorm2d(n_out)
        self.stride = stride

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        if self.pick > 1:
            x = x[:, :, :: self.pick, :: self.pick]
        return self.norm(self.convolution(x)), mask[:, :: self.stride].contiguous()


class Block(nn.Module):
    """Residual block: two 3 x 3 convolutions, or the bottleneck 1 x 1, 3 x 3, 1 x 1 with the stride in the middle."""

    def __init__(self, n_in: int, width: int, *, stride: int, bottleneck: bool) -> None:
        super().__init__()
        n_out = width * BOTTLENECK if bottleneck else width
        if bottleneck:
            convolutions = [
                ConvNorm(n_in, width, kernel=1),
                ConvNorm(width, width, kernel=3, stride=stride),
                ConvNorm(width, n_out, kernel=1),
            ]
        else:
            convolutions = [ConvNorm(n_in, width, kernel=3, stride=stride), ConvNorm(width, n_out, kernel=3)]
        self.convolutions = nn.ModuleList(convolutions)
        self.shortcut = ConvNorm(n_in, n_out, kernel=1, stride=stride) if n_in != n_out or stride != 1 else None

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        shortcut = x if self.shortcut is None else self.shortcut(x, mask)[0]
        *first, last = self.convolutions
        for convolution in first:
            x, mask = convolution(x, mask)
            x = silence(F.relu(x), mask)
        x, mask = last(x, mask)
        return F.relu(x + shortcut), mask


def silence(x: Tensor, mask: Tensor) -> Tensor:
    """Set the padded frames of (batch, channels, bands, frames) to zero, as if the clip ended there."""
    return x * mask[:, None, None].to(x.dtype)
