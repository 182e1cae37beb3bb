"""What a feature is, and its normalisation."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
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
        frame_rate: frames a second; None: one frame a clip, whatever its length.
        n_further: frames that a clip has beside those of its own length, at most.
        frame_dtype: in which its frames are kept: 16 bits, unless they would lose too much.
        on_cpu: whether it is computed on the CPU, in 32 bits, wherever the model is.
        notice: what must be known of it, such as a licence; empty: nothing.
    """

    frame_rate: float | None
    n_further: int = 0
    frame_dtype: type[np.floating[Any]] = np.float16
    on_cpu: bool = False
    notice: str = ""

    @property
    @abstractmethod
    def frame_parameters(self) -> Mapping[str, Any]:
        """All that the frames of a waveform depend on, as JSON values: what is kept is found again by it."""

    def kept(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, but in float32 the frames that the store gives back, rounded to `frame_dtype`."""
        frames, n_frames = self(waveforms, lengths)
        dtype = torch.from_numpy(np.zeros(0, self.frame_dtype)).dtype
        largest = torch.finfo(dtype).max
        return frames.clamp(-largest, largest).to(dtype).float(), n_frames

    @property
    def title(self) -> str:
        """For people, such as the name of a checkpoint; nothing depends on it."""
        return type(self).__name__


class Heard(NamedTuple):
    """Features (batch, n_bands, frames), numbers of frames (batch,), and who speaks (batch,), 0: somebody unknown."""

    features: Tensor
    lengths: Tensor
    speakers: Tensor | None = None


class Normalization(nn.Module):
    """Shifts and scales each band to mean 0 and deviation 1: over the training part, or over each speaker's clips.

    By speaker (Busso et al. 2013, doi 10.1109/T-AFFC.2013.26), what a speaker's clips say is mixed with what those of
    all training speakers do, as if so many clips of an average speaker had been heard too: who was heard little cannot
    be told from the average.

    Args:
        n_bands: of a frame.
        n_speakers: who have a mean and deviation of their own; 0: all have those of the training part.
        prior: how many clips of an average speaker are added to each one's own.
    """

    mean: Tensor
    deviation: Tensor
    own_deviation: Tensor

    def __init__(self, n_bands: int, *, n_speakers: int = 0, prior: float = 0.0) -> None:
        super().__init__()
        self.n_bands, self.n_speakers, self.prior = n_bands, n_speakers, prior
        # A row for each speaker, after that for somebody unknown.
        self.register_buffer("mean", torch.zeros(1 + n_speakers, n_bands, 1))
        self.register_buffer("deviation", torch.ones(1 + n_speakers, n_bands, 1))
        self.register_buffer("own_deviation", torch.tensor(True))  # or, where there was a reference, the average one

    @torch.no_grad()
    def fit(
        self, training: Iterable[Heard], known: Iterable[Heard] = (), reference: Iterable[Heard] | None = None
    ) -> None:
        """Take mean and deviation from the training part and, by speaker, from what else is known of them.

        Args:
            training: the training part.
            known: clips of other speakers, or more of these.
            reference: where only clips of a kind are known, such as neutral ones, those of the training part. Each
                speaker's mean is that of this kind then, and all have the deviation of an average speaker.
        """
        sums = self._sums(training)
        mean, variance = sums.average(within=self.n_speakers > 0)
        if self.n_speakers:
            if reference is not None:
                sums = self._sums(reference)
                mean, _ = sums.average(within=True)
            for heard in known:
                sums.add(*heard)
            own = sums.n_clips / (sums.n_clips + self.prior).clamp(min=1e-9)
            own[0] = 0
            means, variances = sums.each()
            mean = own * means + (1 - own) * mean
            if reference is None:
                variance = own * variances + (1 - own) * variance
        self.own_deviation.fill_(reference is None)
        self.mean.copy_(mean[..., None])
        # A band that never changes tells nothing; it stays at 0 instead of being divided by nothing.
        changes = variance > 1e-8 * (variance + mean.square())
        self.deviation.copy_(torch.where(changes, variance.sqrt(), 1.0)[..., None])

    @torch.no_grad()
    def know(self, heard: Heard) -> int:
        """Add a row for one more speaker, from some of their clips; gives its number."""
        sums = _Sums(1, self.n_bands)
        sums.add(heard.features, heard.lengths)
        own = float(sums.n_clips / (sums.n_clips + self.prior).clamp(min=1e-9))
        mean, variance = (one[..., None].to(self.mean) for one in sums.each())
        average = self.deviation[:1]
        deviation = (own * variance + (1 - own) * average.square()).sqrt() if self.own_deviation else average
        self.mean = torch.cat([self.mean, own * mean + (1 - own) * self.mean[:1]])
        self.deviation = torch.cat([self.deviation, torch.where(deviation > 0, deviation, 1.0)])
        self.n_speakers += 1
        return self.n_speakers

    def _sums(self, some: Iterable[Heard]) -> "_Sums":
        sums = _Sums(*self.mean.shape[:2])
        for heard in some:
            sums.add(*heard)
        return sums

    def forward(self, features: Tensor, lengths: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Normalise features (batch, n_bands, frames); padding becomes 0, the mean of every band.

        Args:
            speakers: (batch,) who speaks, 1 to `n_speakers`; 0: somebody unknown. None: all are unknown.
        """
        rows = torch.zeros_like(lengths) if speakers is None or not self.n_speakers else speakers
        normalized = (features - self.mean[rows]) / self.deviation[rows]
        return normalized * frame_mask(lengths, features.shape[-1])[:, None]


class _Sums:
    """Over the frames of each speaker, in 64 bits."""

    def __init__(self, n_rows: int, n_bands: int) -> None:
        self.n_clips = torch.zeros(n_rows, 1, dtype=torch.double)
        self.n_frames = torch.zeros(n_rows, 1, dtype=torch.double)
        self.total = torch.zeros(n_rows, n_bands, dtype=torch.double)
        self.squares = torch.zeros(n_rows, n_bands, dtype=torch.double)

    def add(self, features: Tensor, lengths: Tensor, speakers: Tensor | None = None) -> None:
        if speakers is None or len(self.total) == 1:
            speakers = torch.zeros_like(lengths)
        rows = speakers.cpu()
        self.n_clips.index_add_(0, rows, torch.ones(len(rows), 1, dtype=torch.double))
        self.n_frames.index_add_(0, rows, lengths.cpu().double()[:, None])
        mask = frame_mask(lengths, features.shape[-1])[:, None]
        for first in range(0, features.shape[1], BANDS_AT_ONCE):
            some = slice(first, first + BANDS_AT_ONCE)
            real = (features[:, some] * mask).cpu().double()
            self.total[:, some].index_add_(0, rows, real.sum(-1))
            self.squares[:, some].index_add_(0, rows, real.square().sum(-1))

    def average(self, *, within: bool) -> tuple[Tensor, Tensor]:
        """Mean and variance (1, n_bands) of all; or the mean of all, and the variance about each one's own mean."""
        n_frames = self.n_frames.sum(0, keepdim=True)
        mean = self.total.sum(0, keepdim=True) / n_frames
        if within:
            _, variances = self.each()
            return mean, (variances * self.n_frames).sum(0, keepdim=True) / n_frames
        return mean, (self.squares.sum(0, keepdim=True) / n_frames - mean.square()).clamp(min=0)

    def each(self) -> tuple[Tensor, Tensor]:
        """Mean and variance (n_rows, n_bands) of each speaker; 0 of one that was not heard."""
        n_frames = self.n_frames.clamp(min=1)
        mean = self.total / n_frames
        return mean, (self.squares / n_frames - mean.square()).clamp(min=0)


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
        n_clips, _, n_frames = features.shape
        layers = features.reshape(n_clips, len(self.scores), -1, n_frames)  # (batch, n_layers, size, frames)
        return torch.einsum("blsf,l->bsf", layers, self.scores.softmax(0))


class LayerChoice(nn.Module):
    """One of an encoder's layers: the one whose `number` was chosen."""

    number: Tensor

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.register_buffer("number", torch.zeros((), dtype=torch.long))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, n_layers * size, frames), layer by layer, to (batch, size, frames)."""
        layers = features.reshape(features.shape[0], self.n_layers, -1, features.shape[-1])
        chosen: Tensor = layers[:, self.number]  # (batch, size, frames)
        return chosen
