"""Speech encoders of transformers, such that padding never changes what they say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.nn.utils.rnn import pad_sequence

from ser.encoders import wavlm
from ser.encoders.description import CONTEXT_S, WINDOW_S, Description
from ser.encoders.fronts import convolutional_front, has_final_norm, log_mel_front, normalized
from ser.encoders.weights import PICKLED, weight_files
from ser.errors import EncoderError
from ser.layers.mask import frame_mask


class SpeechEncoder(nn.Module):
    """wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech or the encoder of Whisper, with transformers' modules.

    A padded batch gives every clip what transformers' own forward pass gives for the clip alone: group normalisation
    sees a clip's real frames only, and padding is kept out of positional convolutions and attention. A clip longer
    than a window is heard in windows that overlap. Differentiable; LayerDrop and time masking act in training mode, as
    the configuration says.

    Attributes:
        description: the encoder without its weights; can be made again from its `config` and `extractor`.
        model: transformers' model.
        kind, size, n_layers, sample_rate, hop, frame_rate: as in `Description`.
    """

    filters: Tensor

    def __init__(self, description: Description, model: Any, window_s: float) -> None:
        """Take a model of transformers; see `load` and `from_config`."""
        super().__init__()
        self.description = description
        self.model: Any = model
        if self.description.kind == "wavlm":
            wavlm.attend_fast(model)
        self.kind, self.size, self.n_layers = description.kind, description.size, description.n_layers
        self.sample_rate, self.hop, self.frame_rate = description.sample_rate, description.hop, description.frame_rate
        if self.kind == "whisper":
            from transformers import WhisperFeatureExtractor

            self.extractor = WhisperFeatureExtractor(**description.extractor)
            filters = torch.from_numpy(self.extractor.mel_filters.T).float().contiguous()  # (bands, frequencies)
            self.register_buffer("filters", filters, persistent=False)
            self.silence = round(window_s * self.frame_rate)

    @classmethod
    def load(cls, folder: Path, *, window_s: float = WINDOW_S, allow_pickle: bool = False) -> "SpeechEncoder":
        """The encoder in a folder, in evaluation mode.

        Args:
            folder: as transformers writes it.
            window_s: how long Whisper goes on hearing after a clip's end, in seconds, within the 30 s that it hears at
                once; 30: the rest of them, as in transformers. Others hear the clip alone.
            allow_pickle: whether pickled weights will do.

        Raises:
            EncoderError: the folder lacks something, or its weights do not fit its configuration.
        """
        from transformers import AutoModel

        description = Description.read(folder)
        pickled = weight_files(folder, allow_pickle=allow_pickle)[0].name.startswith(Path(PICKLED).stem)
        try:
            with _quiet():
                model, found = AutoModel.from_pretrained(
                    folder,
                    config=description.transformers_config,
                    dtype=torch.float32,
                    use_safetensors=not pickled,
                    weights_only=True,
                    local_files_only=True,
                    trust_remote_code=False,
                    output_loading_info=True,
                )
        except Exception as error:  # torch, safetensors and transformers have many words for weights that do not fit
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise EncoderError(f"{folder}: the weights cannot be loaded ({reason}); fetch them again") from None
        lacking = sorted(name for name in found["missing_keys"] if "masked_spec_embed" not in name)
        if description.kind == "whisper":
            lacking = [name for name in lacking if "decoder" not in name]
            model = model.encoder
        if lacking:
            raise EncoderError(
                f"{folder}: the weights lack {len(lacking)} parts of the model, such as {lacking[0]}; fetch them again"
            )
        return cls(description, model, window_s).eval()

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], extractor: Mapping[str, Any], *, window_s: float = WINDOW_S
    ) -> "SpeechEncoder":
        """An encoder with random weights, from the two mappings of its `description`; `window_s` as of `load`.

        Raises:
            EncoderError: transformers does not know what to make of `config`.
        """
        from transformers import AutoModel
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        description = Description(config, extractor)
        made = description.transformers_config
        with _quiet():
            model = WhisperEncoder(made) if description.kind == "whisper" else AutoModel.from_config(made)
        return cls(description, model.float(), window_s).eval()

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, from the lowest."""
        layers: nn.ModuleList = self.transformer.layers
        return layers

    @property
    def transformer(self) -> Any:
        """The part of transformers' model that comes after the projection of what was convolved; of Whisper, all."""
        return self.model if self.kind == "whisper" else self.model.encoder

    def freeze(self) -> "SpeechEncoder":
        """Make it ready to be used only: no gradients, weights that are computed from others computed for good."""
        for module in list(self.modules()):
            if is_parametrized(module, "weight"):
                remove_parametrizations(module, "weight")
        return self.eval().requires_grad_(False)

    def n_frames(self, lengths: Tensor) -> Tensor:
        """Numbers of frames (batch,) of clips of so many samples (batch,)."""
        if self.kind == "whisper":
            return -(-lengths // self.hop)
        counts: Tensor = lengths.clamp(min=self.description.receptive_field)
        config = self.description.transformers_config
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            counts = (counts - kernel) // stride + 1
        return counts

    def forward(self, waveforms: Tensor, lengths: Tensor, last: int | None = None) -> tuple[list[Tensor], Tensor]:
        """Encode padded clips.

        Args:
            waveforms: (batch, samples) in [-1, 1].
            lengths: (batch,) numbers of samples, 1 at least.
            last: number of the last hidden state wanted, from 0; layers above are not computed. None: all.

        Returns:
            the hidden states up to `last`, each (batch, frames, size): the input of the first layer, and the output
            of each. The last of all is transformers' `last_hidden_state`, after the final normalisation where the
            model has one. And the numbers of frames (batch,).
        """
        last = self.n_layers - 1 if last is None else last
        n_samples = lengths.clamp(min=self.description.receptive_field).tolist()
        longest = max(n_samples)
        waveforms = F.pad(waveforms, (0, longest - waveforms.shape[1]))
        wants_norm = self.kind != "whisper" and self.description.extractor.get("do_normalize", True)
        waveforms = normalized(waveforms, lengths) if wants_norm else waveforms * frame_mask(lengths, longest)
        if longest <= self.description.window:
            return self._states(waveforms, n_samples, last), self.n_frames(lengths)
        clips = [self._windows(row[None, :length], last) for row, length in zip(waveforms, n_samples, strict=True)]
        states = [pad_sequence([clip[i][0] for clip in clips], batch_first=True) for i in range(last + 1)]
        return states, self.n_frames(lengths)

    def _windows(self, waveform: Tensor, last: int) -> list[Tensor]:
        """Hidden states of one clip (1, samples) of any length."""
        n_samples, window = waveform.shape[1], self.description.window
        total = int(self.n_frames(torch.tensor([n_samples])))
        whole = int(self.n_frames(torch.tensor([window])))
        context = min(round(CONTEXT_S * self.frame_rate), whole // 4)
        pieces: list[list[Tensor]] = []
        done = 0
        while done < total:
            first = max(done - context, 0)
            part = waveform[:, first * self.hop : first * self.hop + window]
            states = self._states(part, [part.shape[1]], last)
            at_end = first + whole >= total
            until = total if at_end else first + whole - context
            pieces.append([state[:, done - first : until - first] for state in states])
            done = until
        return [torch.cat(parts, dim=1) for parts in zip(*pieces, strict=True)]

    def _states(self, waveforms: Tensor, n_samples: Sequence[int], last: int) -> list[Tensor]:
        """Hidden states of normalised clips that fit into a window."""
        if self.kind == "whisper":
            hidden, mask, counts = log_mel_front(
                self.model, self.extractor, self.filters, waveforms, n_samples, self.silence
            )
        else:
            hidden, mask, counts = convolutional_front(self.model, waveforms, n_samples)
        states = [hidden]
        attention = self._attention_mask(hidden, mask)
        bias: Tensor | None = None
        for index, layer in enumerate(self.layers[:last]):
            if not self._drops(index):
                if self.kind == "wavlm":
                    hidden, bias = layer(hidden, attention_mask=attention, position_bias=bias, index=index)
                else:
                    hidden = layer(hidden, attention)
            states.append(hidden)
        if last == self.n_layers - 1 and self.has_final_norm:
            states[-1] = self.transformer.layer_norm(states[-1])
        return [state[:, : max(counts)] for state in states]

    @property
    def has_final_norm(self) -> bool:
        """Whether the last hidden state of all is normalised."""
        return has_final_norm(self.model.config)

    def _drops(self, index: int) -> bool:
        """LayerDrop. (Fan et al. 2020, arXiv 1909.11556) WavLM's first layer gives the others their position bias."""
        rate = self.model.config.encoder_layerdrop if self.kind == "whisper" else self.model.config.layerdrop
        if not self.layers[index].training or rate == 0 or (self.kind == "wavlm" and index == 0):
            return False
        return bool(torch.rand([]) < rate)

    def _attention_mask(self, hidden: Tensor, mask: Tensor | None) -> Tensor | None:
        if mask is None or self.kind == "wavlm":  # whose layers take it as it is
            return mask
        from transformers.masking_utils import create_bidirectional_mask

        wide: Tensor | None = create_bidirectional_mask(self.model.config, hidden, mask)
        return wide


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting which weights it did not need, and from drawing bars."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
