"""A linear probe: how much of the emotion a linear layer can read from a feature."""

import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_range
from ser.layers.mask import frame_mask
from ser.layers.pooling import AveragePooling
from ser.models.base import Model


class Probe(Model):
    """Average over the real frames and one linear layer: the standard by which encoders are compared.

    SUPERB (Yang et al. 2021, arXiv 2105.01051) compares them so. EmoBox (Ma et al. 2024, arXiv 2406.07162) has a
    hidden layer of 256 before the average.

    Args:
        hidden: size of a linear layer with ReLU, from each frame, before the average; None: there is none.
        n_bands, n_channels, n_classes: see `Model`.
    """

    def __init__(self, *, n_bands: int, n_classes: int, n_channels: int, hidden: int | None) -> None:
        super().__init__()
        if hidden is not None:
            check_range("hidden", hidden, 1, 65536)
        self.hidden = None if hidden is None else nn.Conv1d(n_bands, hidden, 1)  # a linear layer of each frame
        self.pool = AveragePooling()
        self.output = nn.Linear(n_bands if hidden is None else hidden, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        frames = features if self.hidden is None else F.relu(self.hidden(features))
        pooled = self.pool(frames, frame_mask(lengths, frames.shape[-1]))  # (batch, size)
        return F.log_softmax(self.output(pooled), dim=-1)
