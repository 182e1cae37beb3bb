"""What a model is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ser.encoders import Lower


class Model(nn.Module, ABC):
    """Frames in, log-probabilities out.

    Every model's `__init__` takes, by keyword, what the code gives it: `n_bands` and `n_channels` of the feature (a
    frame of `n_bands` values stacks `n_channels` pictures) and `n_classes`; beside them its own settings, whose values
    stand in its YAML file.
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


class WaveformModel(Model):
    """A model that listens to the waveform itself, one band and a frame a sample, through something pretrained.

    Where it has a `lower` part, it takes what that gives (`SpeechEncoder.lower`) in place of waveforms, and answers the
    same.

    Attributes:
        sample_rate: of the waveforms, in Hz.
        variants: versions of a training clip to keep beside the plain one, where waveforms are to be changed; 0: none,
            and each is changed anew in every epoch.
    """

    sample_rate: int
    variants: int

    @abstractmethod
    def own_settings(self) -> Mapping[str, Any]:
        """Settings, as plain JSON values, by which a checkpoint builds this model again without files elsewhere."""

    @property
    @abstractmethod
    def lower(self) -> Lower | None:
        """Its frozen lower part, which gives the same for a waveform every time; None: there is none."""

    @abstractmethod
    def own_rates(self) -> Mapping[nn.Module, float]:
        """Parts that are trained at a highest learning rate of their own, instead of the optimiser's."""
