"""A pretrained speech encoder that is trained along, with a small classifier on top."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choice, check_range
from ser.encoders import LAYERS, Description, Lower, SpeechEncoder, fetch
from ser.encoders.description import WINDOW_S
from ser.encoders.weights import weights_digest
from ser.errors import SettingError
from ser.layers.mask import frame_mask
from ser.layers.pooling import pooling
from ser.models.base import WaveformModel


class Finetune(WaveformModel):
    """Encoder, pooling over real frames, projection, ReLU, dropout, output layer; all trained but the convolutions.

    Without a projection, a linear model of what was pooled, whose weights begin at 0.

    Args:
        checkpoint: hub id or folder of an encoder, whose weights are loaded; or, in a checkpoint of ours, the encoder's
            description: its weights have no values then until the checkpoint's are loaded.
        revision: branch, tag or commit on the hub; None: main.
        allow_pickle: whether pickled weights will do where there are no others.
        layer: hidden state that is pooled: a number from 0, the input of the first transformer layer; last; mean of
            all; weighted: sum of all, with learnt weights (Yang et al. 2021, arXiv 2105.01051); or a list of numbers:
            these, side by side in a frame.
        window_s: how long Whisper goes on hearing after a clip's end, in seconds, within its 30 s; 30: the rest of
            them, as in transformers. Other encoders hear the clip alone.
        freeze_layers: so many of the lowest transformer layers, and all below them, stay as they are.
        variants: see `WaveformModel`; they need a lower part that is frozen and without time masking.
        encoder_lr: highest learning rate of the encoder; the rest has the optimiser's.
        gradient_checkpointing: compute each layer again for its gradients rather than keep what it computed.
        layerdrop: chance that a layer is left out in a training step; None: as the checkpoint says. (Fan et al. 2020,
            arXiv 1909.11556)
        time_masking: whether stretches of time are masked in training; None: as the checkpoint says.
        hidden: size of the projection; None: there is none, nor a ReLU.
        dropout: before the output layer. The encoder's own is as its checkpoint says.
        pool: average, attention, or statistics (mean and deviation, normalised over the batch), over time.
        n_bands, n_channels, n_classes: see `Model`; a waveform is one band.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        checkpoint: str | Mapping[str, Any],
        revision: str | None,
        allow_pickle: bool,
        layer: int | str | list[int],
        window_s: float,
        freeze_layers: int,
        variants: int,
        encoder_lr: float,
        gradient_checkpointing: bool,
        layerdrop: float | None,
        time_masking: bool | None,
        hidden: int | None,
        dropout: float,
        pool: str,
    ) -> None:
        super().__init__()
        check_range("window_s", window_s, 0, WINDOW_S)
        check_range("variants", variants, 0, 1000)
        check_range("encoder_lr", encoder_lr, 1e-8, 1)
        if layerdrop is not None:
            check_range("layerdrop", layerdrop, 0, 0.99)
        if hidden is not None:
            check_range("hidden", hidden, 1, 65536)
        check_range("dropout", dropout, 0, 0.99)
        check_choice("pool", pool, ("average", "attention", "statistics"))
        self.folder: Path | None = None
        self.name, self.allow_pickle = str(checkpoint), allow_pickle
        if isinstance(checkpoint, str):
            self.folder = fetch(checkpoint, revision, allow_pickle=allow_pickle)
            described = Description.read(self.folder)
            checkpoint = {"config": described.config, "extractor": described.extractor}
        elif checkpoint.keys() != {"config", "extractor"}:
            raise SettingError(f"checkpoint must be a hub id or a folder; got {dict(checkpoint)}")
        self.encoder_lr = encoder_lr
        self.encoder = _empty(checkpoint, window_s)
        self.sample_rate = self.encoder.sample_rate
        highest = self.encoder.n_layers - 1
        self.layer = layer
        self.numbers = self.encoder.description.numbers(layer, LAYERS)  # of the hidden states that are pooled
        self.last = max(self.numbers)
        check_range("freeze_layers", freeze_layers, 0, self.last)
        self.freeze_layers, self.variants = freeze_layers, variants
        self._set_up_training(layerdrop, time_masking)
        if variants and not self.is_constant:
            raise SettingError(
                f"variants={variants}: no lower part of the encoder always gives the same; set freeze_layers above 0,"
                " and time_masking=false"
            )
        self.trained = self._thaw(freeze_layers)
        if gradient_checkpointing:
            self.encoder.model.activation_checkpointing_enable()
        self.scores = nn.Parameter(torch.zeros(highest + 1)) if layer == "weighted" else None
        n_bands = self.encoder.size * (len(self.numbers) if isinstance(layer, list) else 1)
        n_pooled = 2 * n_bands if pool == "statistics" else n_bands
        self.pool = pooling(pool, n_bands)
        self.projection = None if hidden is None else nn.Linear(n_pooled, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_pooled if hidden is None else hidden, n_classes)
        if hidden is None:
            nn.init.zeros_(self.output.weight)  # thousands of random weights would be noise
        if self.folder is not None:
            self._load(self.folder)
        self.train()

    def _set_up_training(self, layerdrop: float | None, time_masking: bool | None) -> None:
        config = self.encoder.model.config
        if layerdrop is not None:
            setattr(config, "encoder_layerdrop" if self.encoder.kind == "whisper" else "layerdrop", layerdrop)
        can_mask = hasattr(self.encoder.model, "masked_spec_embed") and config.mask_time_prob > 0
        if time_masking and not can_mask:
            raise SettingError(
                f"time_masking=true: this encoder ({self.encoder.kind}) has no time masking; set it to null"
            )
        if time_masking is not None:
            config.apply_spec_augment = time_masking
        self.masks = can_mask and getattr(config, "apply_spec_augment", True)
        # Of time or of bands: transformers has a vector to put there where it masks at all.
        masks_any = hasattr(self.encoder.model, "masked_spec_embed") and getattr(config, "apply_spec_augment", True)
        self.is_constant = self.freeze_layers > 0 and not masks_any  # what comes out of the frozen layers

    def _thaw(self, freeze_layers: int) -> list[nn.Module]:
        """Parts of the encoder that are trained; all others hold no gradients and stay in evaluation mode."""
        encoder, transformer = self.encoder, self.encoder.transformer
        encoder.requires_grad_(False)
        trained: list[nn.Module] = list(encoder.layers[freeze_layers : self.last])
        if encoder.has_final_norm and self.last == encoder.n_layers - 1:
            trained.append(transformer.layer_norm)
        if freeze_layers == 0 and encoder.kind != "whisper":
            trained += [encoder.model.feature_projection, transformer.pos_conv_embed, transformer.dropout]
            if not encoder.has_final_norm:
                trained.append(transformer.layer_norm)
            if self.masks:
                encoder.model.masked_spec_embed.requires_grad_(True)
        for part in trained:
            part.requires_grad_(True)
        return trained

    def _load(self, folder: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # what the checkpoint lacks (masked_spec_embed) is drawn alike in every process
            pretrained = SpeechEncoder.load(folder, allow_pickle=self.allow_pickle)
        self.encoder.load_state_dict(pretrained.state_dict())

    def own_settings(self) -> Mapping[str, Any]:
        described = self.encoder.description
        return {"checkpoint": {"config": dict(described.config), "extractor": dict(described.extractor)}}

    @property
    def lower(self) -> Lower | None:
        if not self.is_constant:
            return None
        digest = weights_digest(self.folder, allow_pickle=self.allow_pickle) if self.folder else ""
        return Lower(self.encoder, self._kept, self.name, digest)

    @property
    def _kept(self) -> list[int]:
        """Numbers of the hidden states that come out of what is frozen and are needed above."""
        return sorted({self.freeze_layers, *(number for number in self.numbers if number < self.freeze_layers)})

    def own_rates(self) -> Mapping[nn.Module, float]:
        return {self.encoder: self.encoder_lr}

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.encoder.eval()
        # Masking is theirs, and a dropout below the first layer of Whisper.
        self.encoder.training = self.encoder.model.training = mode and not self.is_constant
        for part in self.trained:
            part.train(mode)
        return self

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        if self.training:
            # transformers draws its masks from numpy; a training that goes on restores torch's random numbers alone.
            np.random.seed(int(torch.randint(2**32, ())))
        if features.shape[1] == 1:
            states, n_frames = self.encoder(features[:, 0], lengths, self.last)
            given = [*range(self.last + 1)]
        else:
            states, n_frames = self.encoder.upper(features, lengths, self.freeze_layers, self.last)
            given = [*self._kept, *range(self.freeze_layers + 1, self.last + 1)]
        with torch.autocast(features.device.type, enabled=False):
            wanted = [states[given.index(number)].float() for number in self.numbers]
            frames = self._as_one(wanted).transpose(1, 2)  # (batch, n_bands, frames)
            pooled = self.pool(frames, frame_mask(n_frames, frames.shape[-1]))  # (batch, n_pooled)
            if self.projection is not None:
                pooled = F.relu(self.projection(pooled))
            scores: Tensor = self.output(self.dropout(pooled))
            if self.training and torch.distributed.is_initialized():
                # Every process awaits gradients of every parameter, of layers too that this one has left out.
                scores = scores + 0 * sum(p.sum() for p in self.encoder.parameters() if p.requires_grad)
            log_probabilities: Tensor = F.log_softmax(scores, dim=-1)
            return log_probabilities

    def _as_one(self, states: list[Tensor]) -> Tensor:
        """The hidden states (batch, frames, size) as one."""
        if self.scores is not None:
            weights = self.scores.softmax(0)
        elif self.layer == "mean":
            weights = states[0].new_full((len(states),), 1 / len(states))
        else:
            return torch.cat(states, dim=-1)
        total: Tensor = reduce(torch.add, [weight * state for weight, state in zip(weights, states, strict=True)])
        return total


def _empty(described: Mapping[str, Any], window_s: float) -> SpeechEncoder:
    """An encoder whose weights are yet to be loaded: to draw random ones takes seconds."""
    from transformers.initialization import no_init_weights

    with no_init_weights():
        return SpeechEncoder.from_config(described["config"], described["extractor"], window_s=window_s)
