"""What a model is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Model(nn.Module, ABC):
    """Frames in, log-probabilities out.

    Every model's `__init__` takes, beside its own settings, what the code gives it: `n_bands` and `n_channels` of
    the feature (a frame of `n_bands` values stacks `n_channels` pictures) and `n_classes`.

    Attributes:
        takes_waveforms: whether it listens to `feature=waveform` rather than to frames.
        sample_rate: of those waveforms, in Hz.
    """

    takes_waveforms: bool = False
    sample_rate: int | None = None

    def begin(self) -> None:
        """Load pretrained weights, if there are any, where a training begins. One that goes on has trained ones."""

    def remembered(self) -> Mapping[str, Any]:
        """Settings, as plain JSON values, by which a checkpoint builds this model again without files elsewhere."""
        return {}

    def own_rates(self) -> Mapping[nn.Module, float]:
        """Parts that are trained at a highest learning rate of their own, instead of the optimiser's."""
        return {}

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Classify a padded batch; padding never changes the answer.

        Args:
            features: (batch, n_bands, frames), zero in the padding.
            lengths: (batch,) numbers of real frames.

        Returns:
            log-probabilities (batch, n_classes).
        """
