"""What a model is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from ser.layers.rotation import Matrix
from ser.layers.statistics import Statistics


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

    Attributes:
        sample_rate: of the waveforms, in Hz.
    """

    sample_rate: int

    @abstractmethod
    def own_settings(self) -> Mapping[str, Any]:
        """Settings, as plain JSON values, by which a checkpoint builds this model again without files elsewhere."""

    @abstractmethod
    def own_rates(self) -> Mapping[nn.Module, float]:
        """Parts that are trained at a highest learning rate of their own, instead of the optimiser's."""


@dataclass(frozen=True)
class Examples:
    """Clips to solve a model from.

    Attributes:
        vectors: (clips, n) what the model is given of each, 64 bits.
        targets: (clips,) class numbers.
        weights: (clips,) how much each counts.
    """

    vectors: Matrix
    targets: npt.NDArray[np.int64]
    weights: Matrix


class SolvedModel(Model):
    """A model whose weights are the solution of a convex problem, and not learnt step by step.

    It is given statistics over a clip's frames instead of them, as a single frame: features (batch, n, 1), where n is
    `n_bands` times the number of statistics.

    Attributes:
        statistics: over the frames.
        choices: settings, by name, of which validation chooses one.
    """

    statistics: Statistics
    choices: Sequence[Mapping[str, float]]

    @abstractmethod
    def solve(self, examples: Examples, choices: Sequence[Mapping[str, float]]) -> Iterator[Mapping[str, float]]:
        """Solve for each of some choices in turn: the weights are those of the one that is yielded."""

    def calibrate(self, examples: Examples) -> None:
        """Fit to clips that were not solved from how sure the answers are, where the problem does not say."""
