"""What a feature is, and its normalisation."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ser.layers.mask import frame_mask

BANDS_AT_ONCE = 2048  # in 64 bits; a frame that stacks the layers of an encoder has many more


class Feature(nn.Module, ABC):
    """Waveforms in, frames out.

    Attributes:
        sample_rate: of the waveforms it takes, in Hz.
        trim_db: how far below a clip's loudest part its beginning and end are cut off, in dB; None: not at all.
        n_bands: size of a frame, over all channels.
        n_channels: how many pictures of `n_bands / n_channels` rows a frame stacks.
        n_layers: how many layers of an encoder a frame stacks; the model sees their weighted sum, whose weights are
            learnt with it, or one of them, so that its frames have `n_bands / n_layers` bands.
        chooses_layer: whether it sees one of them, which is chosen on validation.
        is_waveform: whether the frames are the samples themselves, one band, for a model that listens to them.
    """

    sample_rate: int
    trim_db: float | None
    n_bands: int
    n_channels: int = 1
    n_layers: int = 1
    chooses_layer: bool = False
    is_waveform: bool = False

    @abstractmethod
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the frames of a padded batch; padding does not change the frames before it.

        Args:
            waveforms: (batch, samples) in [-1, 1], zero after each clip's end.
            lengths: (batch,) numbers of samples.

        Returns:
            features (batch, n_bands, frames), and (batch,) numbers of frames.
        """


class FrozenFeature(Feature):
    """A feature too slow to be computed every epoch: computed once over a corpus, and kept in the store.

    Attributes:
        frame_rate: frames a second.
        n_further: frames that a clip has beside those of its own length, at most.
    """

    frame_rate: float
    n_further: int = 0

    @property
    @abstractmethod
    def frame_parameters(self) -> Mapping[str, Any]:
        """All that the frames of a waveform depend on, as JSON values: what is kept is found again by it."""

    @property
    def title(self) -> str:
        """For people, such as the name of a checkpoint; nothing depends on it."""
        return type(self).__name__


class Normalization(nn.Module):
    """Shifts and scales each band to mean 0 and deviation 1 over the training part."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bands, 1))
        self.register_buffer("deviation", torch.ones(n_bands, 1))

    @torch.no_grad()
    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take mean and deviation from batches of features (batch, n_bands, frames) and their lengths (batch,)."""
        n_frames = torch.zeros((), dtype=torch.double)
        total = torch.zeros(self.mean.shape, dtype=torch.double)
        squares = torch.zeros(self.mean.shape, dtype=torch.double)
        for features, lengths in batches:
            mask = frame_mask(lengths, features.shape[-1])
            n_frames += int(mask.sum())
            for first in range(0, features.shape[1], BANDS_AT_ONCE):
                some = slice(first, first + BANDS_AT_ONCE)
                real = features[:, some].transpose(1, 2)[mask].double().cpu()  # (frames, bands)
                total[some] += real.sum(0)[:, None]
                squares[some] += real.square().sum(0)[:, None]
        mean = total / n_frames
        variance = (squares / n_frames - mean.square()).clamp(min=0)
        self.mean.copy_(mean)
        # A band that never changes tells nothing; it stays at 0 instead of being divided by nothing.
        self.deviation.copy_(torch.where(variance > 1e-8, variance.sqrt(), 1.0))

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Normalise features (batch, n_bands, frames); padding becomes 0, the mean of every band."""
        normalized = (features - self.mean) / self.deviation
        return normalized * frame_mask(lengths, features.shape[-1])[:, None]


class LayerSum(nn.Module):
    """Weighted sum of an encoder's layers, the weights learnt and positive, their sum 1. (Yang et al. 2021, arXiv
    2105.01051)
    """

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(n_layers)) if n_layers > 1 else None

    def forward(self, features: Tensor) -> Tensor:
        """(batch, n_layers * size, frames), layer by layer, to (batch, size, frames)."""
        if self.scores is None:
            return features
        layers = features.reshape(
            len(features), len(self.scores), -1, features.shape[-1]
        )  # (batch, n_layers, size, frames)
        return torch.einsum("blsf,l->bsf", layers, self.scores.softmax(0))
