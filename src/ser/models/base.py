"""What a model is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Model(nn.Module, ABC):
    """Frames in, log-probabilities out.

    Every model's `__init__` takes, beside its own settings, what the code gives it: `n_bands` and `n_channels` of
    the feature (a frame of `n_bands` values stacks `n_channels` pictures) and `n_classes`.
    """

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Classify a padded batch; padding never changes the answer.

        Args:
            features: (batch, n_bands, frames), zero in the padding.
            lengths: (batch,) numbers of real frames.

        Returns:
            log-probabilities (batch, n_classes).
        """
