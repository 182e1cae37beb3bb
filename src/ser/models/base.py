"""What a model is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choices, check_ranges
from ser.encoders import Lower
from ser.errors import SettingError
from ser.layers.rotation import Numbers
from ser.layers.statistics import STATISTICS, Statistics


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


@dataclass(frozen=True)
class Examples:
    """Clips to solve a model from, in 64 bits.

    Attributes:
        features: (clips, n, views) what the model is given of them.
        targets: (clips,) class numbers.
        weights: (clips,) how much each counts.
    """

    features: Numbers
    targets: npt.NDArray[np.int64]
    weights: Numbers

    def views(self) -> tuple[Numbers, npt.NDArray[np.int64], Numbers]:
        """Each view as an example: vectors (clips * views, n), targets and weights (clips * views,)."""
        n_views = self.features.shape[2]
        vectors = self.features.transpose(0, 2, 1).reshape(-1, self.features.shape[1])
        return vectors, self.targets.repeat(n_views), self.weights.repeat(n_views) / n_views


class SolvedModel(Model):
    """A model whose weights are the solution of a convex problem, and not learnt step by step.

    It is given statistics over a clip's frames in place of the frames: features (batch, n, views), where n is `n_bands`
    times the number of statistics, and each view is the clip played at one of the speeds. It is solved from each view
    as a clip of its own, and answers by the mean of the views' scores.

    Args:
        statistics: over the frames, of mean and deviation.
        speeds: at which each clip is heard, from 0.5 to 2; 1: as it is.

    Attributes:
        choices: settings, by name, of which validation chooses one.
    """

    choices: Sequence[Mapping[str, float]]
    takes_votes: bool = False
    """Whether a clip may be given once for each emotion that raters named, which weigh as much as their votes."""

    def __init__(self, statistics: list[str], speeds: list[float]) -> None:
        super().__init__()
        check_choices("statistics", statistics, STATISTICS)
        check_ranges("speeds", speeds, 0.5, 2)
        if len({*speeds}) < len(speeds) or any(round(speed, 2) != speed for speed in speeds):
            raise SettingError(f"speeds must be whole percents such as 0.95, none of them twice; got {speeds}")
        self.statistics, self.speeds = Statistics(statistics), speeds

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return F.log_softmax(self.scores(features.float().transpose(1, 2)).mean(dim=1), dim=-1)

    @abstractmethod
    def scores(self, vectors: Tensor) -> Tensor:
        """Of each class (..., n_classes), for vectors (..., n)."""

    @abstractmethod
    def solve(self, examples: Examples, choices: Sequence[Mapping[str, float]]) -> Iterator[Mapping[str, float]]:
        """Solve for each of some choices in turn: the weights are those of the one that is yielded."""

    def calibrate(self, examples: Examples) -> None:
        """Fit to clips that were not solved from how sure the answers are, where the problem does not say."""
