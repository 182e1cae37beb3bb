"""The recogniser without its training: feature, normalisation and model as one module."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.augment import effects
from ser.config.build import build
from ser.errors import SettingError
from ser.features.base import Feature, FrozenFeature, Heard, LayerChoice, LayerSum, Normalization
from ser.features.lower import LowerLayers
from ser.models.base import Model, SolvedModel, WaveformModel


class Recognizer(nn.Module):
    """Waveform in, log-probabilities of the emotions out; or numbers, such as how aroused a voice is.

    For numbers the model has a class more than there are dimensions: log-probabilities of n + 1 classes are n free
    numbers, how far each lies above the last one (the additive log-ratio: Aitchison 1982, J. R. Stat. Soc. B 44,
    139-177). So a model is the same whatever is told by it.

    Args:
        feature, model: settings of the components (`_target_` and arguments).
        labels: the emotions, in class order; or the names of the dimensions.
        scales: of dimensions the mean and the deviation that each has in the training part; None: they are emotions.
        speakers: by name, whose clips are normalised by what is known of each one's own; none: all are normalised by
            the training part.
        prior: as of `Normalization`.

    Attributes:
        settings: the arguments.
        temperature: by which the model's log-probabilities are divided, above 0; 1 unless it was fitted to validation.
        reads_lower: whether the model was trained from frames of its frozen lower part that the store had kept; a clip
            that fits into a window of its encoder is answered likewise.
    """

    reads_lower = False
    temperature: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        feature: Mapping[str, Any],
        model: Mapping[str, Any],
        labels: Sequence[str],
        speakers: Sequence[str] = (),
        prior: float = 0.0,
        scales: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.labels, self.speakers = list(labels), list(speakers)
        self.settings = {"feature": feature, "model": model, "labels": labels, "speakers": speakers, "prior": prior}
        self.settings |= {"scales": scales} if scales else {}
        self.feature: Feature = build("feature", feature, Feature)
        n_bands = self.feature.n_bands // self.feature.n_layers
        self.layer_sum = (LayerChoice if self.feature.chooses_layer else LayerSum)(self.feature.n_layers)
        given = {"n_bands": n_bands, "n_channels": self.feature.n_channels, "n_classes": n_outputs(labels, scales)}
        self.model: Model = build("model", model, Model, **given)
        n_statistics = len(self.model.statistics.names) if isinstance(self.model, SolvedModel) else 1
        n_told = self.feature.n_bands * n_statistics
        self.normalization = Normalization(n_told, n_speakers=len(self.speakers), prior=prior)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer(
            "scale", torch.tensor(scales or [], dtype=torch.float32).reshape(-1, 2).T, persistent=False
        )

    @property
    def tells_numbers(self) -> bool:
        """Whether dimensions are told, and not emotions."""
        return "scales" in self.settings

    def forward(self, inputs: Tensor, lengths: Tensor, speakers: Tensor | None = None) -> Tensor:
        """Log-probabilities (batch, n_classes) of padded clips; or numbers (batch, n_dimensions), in their own scale.

        Args:
            inputs: waveforms (batch, samples), frames (batch, n_bands, frames) that a frozen feature has made, or the
                model's frozen lower part, or summaries (batch, 1, n, views).
            lengths: (batch,) in samples or frames.
            speakers: (batch,) who speaks: the place in `speakers`, from 1; 0: somebody unknown. None: all are.
        """
        log_probabilities: Tensor = self.model(*self.told(inputs, lengths, speakers))
        if self.tells_numbers:
            return free(log_probabilities) * self.scale[1] + self.scale[0]
        return F.log_softmax(log_probabilities / self.temperature, dim=-1)

    def know(self, name: str, inputs: Tensor, lengths: Tensor) -> int:
        """Take what is known of one more speaker from some clips, without labels; gives the number for `forward`.

        Args:
            name: goes to `speakers`.
            inputs, lengths: as of `forward`; clips of this speaker alone: of any emotion or, where the training was
                with `normalize.emotion`, of that one.

        Raises:
            SettingError: the training was with normalize=training, which takes anybody as they are; or that name is
                known already.
        """
        if not self.speakers:
            raise SettingError("know: this recogniser was trained with normalize=training; it takes anybody as is")
        if name in self.speakers:
            raise SettingError(f"know: {name} is known already; take another name")
        self.speakers.append(name)
        return self.normalization.know(Heard(*self.unnormalized(inputs, lengths)))

    @property
    def is_solved(self) -> bool:
        """Whether the model is solved (`ser.training.solving`) rather than trained."""
        return isinstance(self.model, SolvedModel)

    @torch.no_grad()
    def summary(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What a model that is solved is told of clips: statistics over their frames (batch, n, views), not normalised.

        Of frames there is a single view, of waveforms one at each speed.
        """
        assert isinstance(self.model, SolvedModel)
        if inputs.ndim == 3:
            statistics: tuple[Tensor, Tensor] = self.model.statistics(inputs, lengths)
            return statistics
        views = []
        for factor in self.model.speeds:
            clips = effects.speed(inputs.float(), lengths, torch.full_like(inputs[:, 0], factor))
            views.append(self.model.statistics(*self.frames(*clips))[0])
        return torch.cat(views, dim=-1), torch.full_like(lengths, len(views))

    @torch.no_grad()
    def frames(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (batch, n_bands, frames) of waveforms, as the store keeps them where it does; frames as they are."""
        if inputs.ndim == 3:
            return inputs, lengths
        feature: Feature | None = self._lower(inputs) if self.reads_lower else self.feature
        # Decibels need all 32 bits, whatever the model computes in.
        with torch.autocast(inputs.device.type, enabled=False):
            hear = feature.kept if isinstance(feature, FrozenFeature) else self.feature
            frames: tuple[Tensor, Tensor] = hear(inputs.float(), lengths)
        return frames

    def told(self, inputs: Tensor, lengths: Tensor, speakers: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the model is told of clips, normalised; arguments as of `forward`."""
        frames, n_frames = self.unnormalized(inputs, lengths)
        if not self.feature.is_waveform:
            frames = self.layer_sum(self.normalization(frames, n_frames, speakers))
        return frames, n_frames

    def unnormalized(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What there is to be normalised of clips: frames or, where the model is solved, summaries."""
        if not self.is_solved:
            return self.frames(inputs, lengths)
        return (inputs[:, 0], lengths) if inputs.ndim == 4 else self.summary(inputs, lengths)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(f"{prefix}temperature", torch.ones(()))  # checkpoints had none once
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _lower(self, waveforms: Tensor) -> LowerLayers | None:
        """The model's frozen lower part, where these clips fit into it."""
        model = self.model
        if self.training or not isinstance(model, WaveformModel) or model.lower is None:
            return None
        lower = LowerLayers(model.lower)
        return lower if waveforms.shape[1] <= lower.longest else None


def n_outputs(labels: Sequence[str], scales: Sequence[Sequence[float]] | None) -> int:
    """How many classes the model of a recogniser has."""
    return len(labels) + bool(scales)


def free(log_probabilities: Tensor) -> Tensor:
    """The numbers (..., n) that log-probabilities (..., n + 1) say: how far each lies above the last."""
    return (log_probabilities[..., :-1] - log_probabilities[..., -1:]).float()
