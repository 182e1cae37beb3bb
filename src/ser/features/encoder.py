"""Hidden states of a pretrained speech encoder that stays as it is."""

import hashlib
import json
import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ser.config.checks import check_range
from ser.encoders import LAYERS, Description, SpeechEncoder, fetch
from ser.encoders.description import CONTEXT_S, WINDOW_S
from ser.encoders.weights import weights_digest
from ser.errors import EncoderError
from ser.features.base import FrozenFeature

BEST = "best"
RECIPE = 2  # raise it when the same encoder gives other frames than before

# Weights stand here and not in the feature, so that copies of it, and checkpoints, hold none.
_loaded: "WeakKeyDictionary[Encoder, SpeechEncoder]" = WeakKeyDictionary()
_loading = threading.Lock()


class Encoder(FrozenFeature):
    """Hidden states of wav2vec 2.0, HuBERT, WavLM, Whisper and their kin (`SpeechEncoder`).

    Only the configuration is read at first. The weights are loaded when the first clip is heard, onto its device. A
    state dict holds a digest alone, of them and of what is done with them: where a checkpoint's is another one, hearing
    is refused.

    Args:
        checkpoint: a folder, or an id on the Hugging Face hub.
        revision: branch, tag or commit on the hub; None: main.
        layer: which hidden state: a number from 0, the input of the first transformer layer; last; mean, of all; a list
            of numbers: these, side by side in a frame; weighted: all, stacked in a frame, whose weighted sum is learnt
            with the model; best: all, stacked likewise, of which validation chooses one.
        window_s: how long Whisper goes on hearing after a clip's end, in seconds, within its 30 s; 30: the rest of
            them, as in transformers. Other encoders hear the clip alone.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        allow_pickle: whether pickled weights will do, by torch's restricted loader.

    Raises:
        ConfigError: a setting has a value that cannot be used.
        EncoderError: the encoder cannot be had, or is no speech encoder that is known here.
    """

    digest: Tensor

    def __init__(
        self,
        *,
        checkpoint: str,
        revision: str | None,
        layer: int | str | list[int],
        window_s: float,
        trim_db: float | None,
        allow_pickle: bool,
    ) -> None:
        super().__init__()
        check_range("window_s", window_s, 0, WINDOW_S)
        if trim_db is not None:
            check_range("trim_db", trim_db, 1, 200)
        self.checkpoint, self.layer, self.trim_db, self.allow_pickle = checkpoint, layer, trim_db, allow_pickle
        self.window_s = window_s
        self.folder = fetch(checkpoint, revision, allow_pickle=allow_pickle)
        about = Description.read(self.folder)
        self.kind, self.sample_rate, self.frame_rate = about.kind, about.sample_rate, about.frame_rate
        self.numbers = about.numbers(layer, (*LAYERS, BEST))
        self.n_layers = about.n_layers if layer in ("weighted", BEST) else 1
        self.chooses_layer = layer == BEST
        self.n_bands = about.size if layer == "mean" else len(self.numbers) * about.size
        self.weights_digest = weights_digest(self.folder, allow_pickle=allow_pickle)
        self.register_buffer("digest", self._own_digest())

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {
            "encoder": self.kind,
            "weights": self.weights_digest,
            "layer": "mean" if self.layer == "mean" else self.numbers,
            "window_s": float(self.window_s) if self.kind == "whisper" else WINDOW_S,
            "context_s": CONTEXT_S,
            "transformers": version("transformers").split(".")[0],
            "recipe": RECIPE,
        }

    def _own_digest(self) -> Tensor:
        """Of all that the frames of a recording depend on."""
        told = json.dumps({**self.frame_parameters, "trim_db": self.trim_db}, sort_keys=True)
        return torch.tensor(list(hashlib.blake2b(told.encode(), digest_size=16).digest()), dtype=torch.uint8)

    @property
    def title(self) -> str:
        return f"{self.checkpoint}, layer {self.layer}"

    @torch.no_grad()
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (batch, n_bands, frames) in float32, and numbers of frames (batch,).

        May be called by several threads at once.

        Raises:
            EncoderError: the weights cannot be loaded, or are not those of the checkpoint that this feature is from.
        """
        states, n_frames = self._encoder(waveforms.device)(waveforms.float(), lengths, max(self.numbers))
        if self.layer == "mean":
            frames = torch.stack([state.float() for state in states]).mean(dim=0)
        else:
            frames = torch.cat([states[number].float() for number in self.numbers], dim=-1)
        return frames.transpose(1, 2), n_frames

    def load(self) -> SpeechEncoder:
        """The encoder, with its weights.

        Raises:
            EncoderError: as of `forward`.
        """
        is_same = weights_digest(self.folder, allow_pickle=self.allow_pickle) == self.weights_digest
        if not is_same or not torch.equal(self.digest.cpu(), self._own_digest()):
            raise EncoderError(
                f"feature.checkpoint={self.checkpoint}: is not what this recogniser was trained with: other"
                " weights, layer, window, trimming or version of transformers; name the same, as"
                " docs/encoders.md shows"
            )
        return SpeechEncoder.load(self.folder, window_s=self.window_s, allow_pickle=self.allow_pickle).freeze()

    def _encoder(self, device: torch.device) -> SpeechEncoder:
        with _loading:
            encoder = _loaded.get(self)
            if encoder is None:
                encoder = _loaded[self] = self.load()
            return encoder.to(device)
