"""Speech encoders of transformers, such that padding never changes what they say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.nn.utils.rnn import pad_sequence

from ser.encoders import wavlm
from ser.encoders.description import CONTEXT_S, WINDOW_S, Description
from ser.encoders.fronts import Front, convolutional_front, has_final_norm, log_mel_front, normalized
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
        silence: frames that Whisper goes on hearing after a clip's own, as far as it has positions for them.
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
        self.silence = round(window_s * self.frame_rate) if self.kind == "whisper" else 0

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
        waveforms, n_samples = self._as_wanted(waveforms, lengths)
        if max(n_samples) <= self.description.window:
            return self._states(waveforms, n_samples, last), self.n_frames(lengths)
        clips = [self._windows(row[None, :length], last) for row, length in zip(waveforms, n_samples, strict=True)]
        states = [pad_sequence([clip[i][0] for clip in clips], batch_first=True) for i in range(last + 1)]
        return states, self.n_frames(lengths)

    def lower(self, waveforms: Tensor, lengths: Tensor, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """All that `upper` needs of padded clips that fit into a window.

        Args:
            waveforms, lengths: as of `forward`.
            numbers: of the hidden states to keep, in rising order; the last is the one to go on from.

        Returns:
            frames (batch, len(numbers) * size + 1, frames): the hidden states, before any final normalisation, of all
            frames that are heard, and a band that is 1 for the clip's own ones and 0 for Whisper's silence after them.
            And (batch,) how many are heard of each clip.
        """
        front = self._front(*self._as_wanted(waveforms, lengths))
        states = [front.hidden, *self._through(front.hidden, front.mask, range(numbers[-1]))]
        n_heard = front.hidden.shape[1]
        own = frame_mask(self.n_frames(lengths), n_heard)[..., None]  # (batch, frames, 1)
        frames = torch.cat([*(states[number].float() for number in numbers), own], dim=-1).transpose(1, 2)
        return frames, lengths.new_full(lengths.shape, n_heard) if front.mask is None else front.mask.sum(1)

    def upper(self, frames: Tensor, n_heard: Tensor, number: int, last: int) -> tuple[list[Tensor], Tensor]:
        """Go on from what `lower` gave, padded or not, to the hidden states and numbers of frames that `forward` gives.

        Args:
            frames, n_heard: as of `lower`.
            number: of the last hidden state in `frames`.
            last: as of `forward`; not below `number`.

        Returns:
            the hidden states kept in `frames`, and all above them up to `last`; and the numbers of frames (batch,).
        """
        *kept, own = torch.split(frames, self.size, dim=1)
        n_frames = own[:, 0].sum(1).round().long()
        longest = frames.shape[-1]
        mask = None if int(n_heard.min()) == longest else frame_mask(n_heard, longest)
        states = [state.transpose(1, 2) for state in kept]
        states += self._through(states[-1], mask, range(number, last))
        return self._finished(states, last, int(n_frames.max())), n_frames

    def _as_wanted(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, list[int]]:
        """Clips normalised, or with silence after each one's end; and their lengths, a frame's worth at least."""
        n_samples: list[int] = lengths.clamp(min=self.description.receptive_field).tolist()
        waveforms = F.pad(waveforms, (0, max(n_samples) - waveforms.shape[1]))
        if self.kind != "whisper" and self.description.extractor.get("do_normalize", True):
            return normalized(waveforms, lengths), n_samples
        return waveforms * frame_mask(lengths, max(n_samples)), n_samples

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
        hidden, mask, counts = self._front(waveforms, n_samples)
        return self._finished([hidden, *self._through(hidden, mask, range(last))], last, max(counts))

    def _front(self, waveforms: Tensor, n_samples: Sequence[int]) -> Front:
        if self.kind == "whisper":
            return log_mel_front(self.model, self.extractor, self.filters, waveforms, n_samples, self.silence)
        return convolutional_front(self.model, waveforms, n_samples)

    def _through(self, hidden: Tensor, mask: Tensor | None, indices: range) -> list[Tensor]:
        """Outputs of the layers of these indices, of which `hidden` goes into the first."""
        states = []
        attention = self._attention_mask(hidden, mask)
        bias: Tensor | None = None
        if self.kind == "wavlm" and indices.start > 0:
            bias = wavlm.position_bias(self.layers[0].attention, *hidden.shape[:2])
        for index in indices:
            if not self._drops(index):
                if self.kind == "wavlm":
                    hidden, bias = self.layers[index](hidden, attention_mask=attention, position_bias=bias, index=index)
                else:
                    hidden = self.layers[index](hidden, attention)
            states.append(hidden)
        return states

    def _finished(self, states: list[Tensor], last: int, n_frames: int) -> list[Tensor]:
        """Hidden states up to `last`, the last of all normalised, without what is silence for every clip."""
        if last == self.n_layers - 1 and self.has_final_norm:
            states[-1] = self.transformer.layer_norm(states[-1])
        return [state[:, :n_frames] for state in states]

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


class Lower(NamedTuple):
    """The lower part of an encoder: which hidden states `SpeechEncoder.lower` is to keep; the encoder's name, and a
    digest of its weights.
    """

    encoder: SpeechEncoder
    numbers: list[int]
    name: str
    weights: str


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
