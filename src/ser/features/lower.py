"""What the lower layers of an encoder, which stay as they are, give to those that are trained; and variants of it."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.encoders import Lower
from ser.features.base import FrozenFeature
from ser.features.encoder import RECIPE
from ser.files import digest

CHANGE = 1  # raise it when a variant's number and the same settings change a clip in another way than before

_drawing = threading.Lock()  # torch's random numbers are one for all threads


class LowerLayers(FrozenFeature):
    """The frozen lower part of a `WaveformModel`, as a feature whose frames that model takes for the waveforms.

    Args:
        lower: of the model; its encoder is used as it is.

    Attributes:
        longest: samples of a clip, at most.
    """

    trim_db = None  # the model's own feature trims

    def __init__(self, lower: Lower) -> None:
        super().__init__()
        self.lower, self.encoder, self.numbers = lower, lower.encoder, lower.numbers
        self.sample_rate, self.frame_rate = self.encoder.sample_rate, self.encoder.frame_rate
        self.n_bands = len(self.numbers) * self.encoder.size + 1
        self.n_further = self.encoder.silence
        self.longest = self.encoder.description.window

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {
            "encoder": self.encoder.kind,
            "weights": self.lower.weights,
            "states": self.numbers,
            "silence": self.encoder.silence,
            "transformers": version("transformers").split(".")[0],
            "recipe": RECIPE,
        }

    @property
    def digest(self) -> str:
        """Of all that the frames of a waveform depend on."""
        return digest(json.dumps(dict(self.frame_parameters)).encode())

    @property
    def title(self) -> str:
        return f"the {self.numbers[-1]} lowest layers of {self.lower.name}"

    @torch.no_grad()
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.lower(waveforms, lengths, self.numbers)


class Variant(FrozenFeature):
    """The frames of changed waveforms. What a clip is changed by depends on its samples and `number` alone.

    Args:
        of: the feature.
        change: `change(waveforms, lengths)`, see `Augment.waveforms`; draws from torch's random numbers.
        settings: of the change, as JSON values.
        number: of the variant.
    """

    trim_db = None

    def __init__(
        self,
        of: LowerLayers,
        change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        settings: Mapping[str, Any],
        number: int,
    ) -> None:
        super().__init__()
        self.of, self.change, self.settings, self.number = of, change, settings, number
        self.sample_rate, self.frame_rate, self.n_bands = of.sample_rate, of.frame_rate, of.n_bands
        self.n_further = of.n_further

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        own = {"augment": self.settings, "variant": self.number, "change": CHANGE}
        return {**self.of.frame_parameters, **own}

    @property
    def title(self) -> str:
        return f"{self.of.title}, variant {self.number}"

    @torch.no_grad()
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        clips = [self._changed(clip[:length]) for clip, length in zip(waveforms, lengths, strict=True)]
        counts = torch.tensor([len(clip) for clip in clips], device=lengths.device)
        frames: tuple[Tensor, Tensor] = self.of(pad_sequence(clips, batch_first=True), counts)
        return frames

    def _changed(self, clip: Tensor) -> Tensor:
        """A clip (samples,) changed; of what becomes longer than can be heard at once the beginning."""
        drawn_by = hashlib.blake2b(clip.cpu().numpy().tobytes(), digest_size=4, salt=self.number.to_bytes(4)).digest()
        devices = [clip.device] if clip.device.type == "cuda" else []
        with _drawing, torch.random.fork_rng(devices=devices), torch.autocast(clip.device.type, enabled=False):
            torch.manual_seed(int.from_bytes(drawn_by))
            changed, lengths = self.change(clip[None], torch.tensor([len(clip)], device=clip.device))
        return changed[0, : min(int(lengths[0]), self.of.longest)]
