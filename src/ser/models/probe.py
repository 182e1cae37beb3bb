"""A linear probe: how much of the emotion a linear layer can read from a feature."""

import torch.nn.functional as F
from torch import Tensor, nn

from ser.frames import frame_mask
from ser.models.base import Model
from ser.models.pooling import AveragePooling


class Probe(Model):
    """Average over the real frames and one linear layer, nothing else.

    The standard by which encoders are compared: "mean-pooling followed by a linear transformation" is SUPERB's protocol
    for emotion recognition. (Yang et al. 2021, arXiv 2105.01051)

    Args:
        n_bands, n_channels, n_classes: see `Model`.
    """

    def __init__(self, *, n_bands: int, n_classes: int, n_channels: int = 1) -> None:
        super().__init__()
        self.pool = AveragePooling()
        self.output = nn.Linear(n_bands, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        pooled = self.pool(features, frame_mask(lengths, features.shape[-1]))  # (batch, n_bands)
        return F.log_softmax(self.output(pooled), dim=-1)
