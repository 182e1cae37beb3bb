"""What an augmentation is, and mixup."""

import torch
from torch import Tensor, nn

from ser.config.checks import check_range


class Augment(nn.Module):
    """Training-time changes to waveforms and to features; this one makes none but, if asked for, mixup.

    Args:
        mixup: alpha of the beta distribution that mixing weights are drawn from; 0: no mixup. (Zhang et al. 2018,
            arXiv 1710.09412)
        n_channels: pictures that a frame stacks (given by code).
        sample_rate: of the waveforms, in Hz (given by code).

    Attributes:
        changes_waveforms: whether `waveforms` does anything.
    """

    changes_waveforms: bool = False

    def __init__(self, *, mixup: float, n_channels: int, sample_rate: int) -> None:
        super().__init__()
        check_range("mixup", mixup, 0, 10)
        self.mixup, self.n_channels, self.sample_rate = mixup, n_channels, sample_rate

    @property
    def changes_nothing(self) -> bool:
        """Whether training hears each clip as it is."""
        return type(self) is Augment and not self.mixup

    def waveforms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Change a padded batch of waveforms (batch, samples) and, it may be, their lengths (batch,).

        What is given is left as it was; what comes back is zero after each clip's end. No gradients are needed.
        """
        return waveforms, lengths

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Change normalised features (batch, n_bands, frames) and, it may be, their lengths (batch,)."""
        return features, lengths

    def mix(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
        """Mix every clip of a batch with another one.

        Returns:
            mixed features and lengths, the (batch,) indices of the other clips, and the first clips' weight in [0, 1].
        """
        weight = float(torch.distributions.Beta(self.mixup, self.mixup).sample())
        other = torch.randperm(len(features), device=features.device)
        return torch.lerp(features[other], features, weight), torch.maximum(lengths, lengths[other]), other, weight
