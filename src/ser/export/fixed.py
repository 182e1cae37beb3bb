"""Parts of networks written such that no step depends on a value, only on shapes: what a graph can hold."""

from typing import Any

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from ser.augment.effects import RESAMPLING_WIDTH
from ser.encoders import SpeechEncoder
from ser.encoders.fronts import has_final_norm, normalized, positions_of
from ser.encoders.wavlm import position_bias
from ser.features.base import FrozenFeature
from ser.features.encoder import Encoder
from ser.layers.mask import frame_mask


class Spectrum(nn.Module):
    """Real and imaginary part of a short-time Fourier transform, as a convolution with the windowed waves.

    Args:
        window: (n_fft,).
        hop: from one frame to the next, in samples.
        pad_mode: how a clip is continued by half a window at both ends.
    """

    waves: Tensor

    def __init__(self, window: Tensor, hop: int, pad_mode: str) -> None:
        super().__init__()
        self.n_fft, self.hop, self.pad_mode = len(window), hop, pad_mode
        turns = torch.outer(torch.arange(self.n_fft // 2 + 1), torch.arange(self.n_fft)) % self.n_fft
        angles = 2 * torch.pi * turns.double() / self.n_fft
        waves = torch.cat([angles.cos(), -angles.sin()]) * window.double()
        self.register_buffer("waves", waves.float()[:, None])

    def forward(self, waveforms: Tensor) -> Tensor:
        """Power (batch, n_fft / 2 + 1, frames) of waveforms (batch, samples)."""
        padded = F.pad(waveforms[:, None], (self.n_fft // 2, self.n_fft // 2), mode=self.pad_mode)
        real, imaginary = F.conv1d(padded, self.waves, stride=self.hop).chunk(2, dim=1)
        return real.square() + imaginary.square()


class Spectrogram(nn.Module):
    """In place of torchaudio's, of power 1 or 2."""

    def __init__(self, like: torchaudio.transforms.Spectrogram) -> None:
        super().__init__()
        short = like.n_fft - like.win_length
        window = F.pad(like.window, (short // 2, short - short // 2))
        self.spectrum, self.power = Spectrum(window, like.hop_length, like.pad_mode), like.power

    def forward(self, waveforms: Tensor) -> Tensor:
        power: Tensor = self.spectrum(waveforms)
        return power.sqrt() if self.power == 1 else power


class Speed(nn.Module):
    """`ser.augment.effects.speed` at one factor, a whole number of percents."""

    kernel: Tensor

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.percent = round(100 * factor)
        resample = torchaudio.transforms.Resample(
            self.percent, 100, lowpass_filter_width=RESAMPLING_WIDTH, dtype=torch.float32
        )
        self.is_same = self.percent == 100
        if not self.is_same:
            self.width, self.stride = resample.width, self.percent // resample.gcd
            self.register_buffer("kernel", resample.kernel)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_same:
            return waveforms * frame_mask(lengths, waveforms.shape[1]), lengths
        padded = F.pad(waveforms[:, None], (self.width, self.width + self.stride))
        played = F.conv1d(padded, self.kernel, stride=self.stride).transpose(1, 2).flatten(1)
        lengths = (100 * lengths / self.percent).round().long().clamp(min=1)
        return played * frame_mask(lengths, played.shape[1]), lengths


class FixedEncoder(nn.Module):
    """In place of a `SpeechEncoder`, for clips that fit into a window of it.

    Args:
        encoder: in evaluation mode.
        rounded: numbers of the hidden states that are rounded to 16 bits; the last of them is gone on from.

    Attributes:
        longest: samples of a clip, at most.
    """

    def __init__(self, encoder: SpeechEncoder, rounded: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.encoder, self.rounded, self.size = encoder, rounded, encoder.size
        self.is_whisper = encoder.kind == "whisper"
        self.longest = encoder.description.window
        if self.is_whisper:
            extractor: Any = encoder.extractor
            self.spectrum = Spectrum(torch.hann_window(extractor.n_fft), extractor.hop_length, "reflect")
            self.n_positions = int(encoder.model.config.max_source_positions)
            self.hears_all = encoder.silence >= self.n_positions
            # Less two frames for the last one's window, so that what is heard never ends within it.
            n_frames = self.n_positions if self.hears_all else self.n_positions - encoder.silence - 2
            self.longest = n_frames * encoder.hop

    @property
    def model(self) -> Any:
        """Transformers' model."""
        return self.encoder.model

    def forward(self, waveforms: Tensor, lengths: Tensor, last: int) -> tuple[list[Tensor], Tensor]:
        """As of `SpeechEncoder`."""
        encoder = self.encoder
        hidden, mask = (self._log_mel if self.is_whisper else self._convolved)(waveforms, lengths)
        states, bias = [hidden], None
        attention = mask if encoder.kind == "wavlm" else mask[:, None, None].expand(-1, 1, mask.shape[1], -1)
        if encoder.kind == "wavlm":
            bias = position_bias(encoder.layers[0].attention, *hidden.shape[:2])
        for index in range(last):
            states[-1], hidden = self._kept(index, states[-1])
            if encoder.kind == "wavlm":
                hidden, _ = encoder.layers[index](hidden, attention_mask=attention, position_bias=bias, index=index)
            else:
                hidden = encoder.layers[index](hidden, attention)
            states.append(hidden)
        states[-1], _ = self._kept(last, states[-1])
        if last == encoder.n_layers - 1 and encoder.has_final_norm:
            states[-1] = encoder.transformer.layer_norm(states[-1])
        return states, encoder.n_frames(lengths)

    def _kept(self, number: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """A hidden state as it is kept, and as it is gone on from."""
        if number not in self.rounded:
            return state, state
        kept = state.half().float()
        return kept, kept if number == self.rounded[-1] else state

    def _log_mel(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `log_mel_front`."""
        encoder, hop, model = self.encoder, self.spectrum.hop, self.encoder.model
        n_samples = waveforms.shape[1]
        if self.hears_all:
            longest, n_padded = self.n_positions, 2 * self.n_positions * hop
        else:
            longest = (n_samples + 2 * hop - 1) // (2 * hop) + encoder.silence
            n_padded = 2 * longest * hop + self.spectrum.n_fft
        waveforms = F.pad(waveforms * frame_mask(lengths, n_samples), (0, n_padded - n_samples))
        mel = encoder.filters @ self.spectrum(waveforms)
        levels = mel.clamp(min=1e-10).log10()
        levels = levels[..., : 2 * self.n_positions] if self.hears_all else levels
        levels = torch.maximum(levels, levels.amax(dim=(1, 2), keepdim=True) - 8)
        levels = (levels[..., : 2 * longest] + 4) / 4
        ends = (encoder.n_frames(lengths) + encoder.silence).clamp(max=self.n_positions)
        mask, of_mel = frame_mask(ends, longest), frame_mask(2 * ends, 2 * longest)[:, None]
        hidden = F.gelu(model.conv1(levels * of_mel))
        hidden = F.gelu(model.conv2(hidden * of_mel)).transpose(1, 2)
        return hidden + model.embed_positions.weight[:longest], mask

    def _convolved(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `convolutional_front`."""
        about, model = self.encoder.description, self.encoder.model
        counts = lengths.clamp(min=about.receptive_field)
        if about.extractor.get("do_normalize", True):
            hidden = normalized(waveforms, lengths)[:, None]
        else:
            hidden = (waveforms * frame_mask(lengths, waveforms.shape[1]))[:, None]
        config = model.config
        convolutions = zip(model.feature_extractor.conv_layers, config.conv_kernel, config.conv_stride, strict=True)
        for layer, kernel, stride in convolutions:
            counts = (counts - kernel) // stride + 1
            if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
                hidden = layer.activation(_norm_of_each(layer.layer_norm, layer.conv(hidden), counts))
            else:
                hidden = layer(hidden)
        hidden = model.feature_projection(hidden.transpose(1, 2))
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        mask = frame_mask(counts, hidden.shape[1])
        hidden = hidden * mask[..., None]
        hidden = hidden + positions_of(model.encoder.pos_conv_embed, hidden, mask)
        return hidden if has_final_norm(config) else model.encoder.layer_norm(hidden), mask


def _norm_of_each(norm: nn.GroupNorm, frames: Tensor, counts: Tensor) -> Tensor:
    """Group normalisation of (batch, channels, frames), a group for each channel, over each clip's real frames."""
    assert norm.num_groups == norm.num_channels
    mask = frame_mask(counts, frames.shape[-1])[:, None]
    mean = (frames * mask).sum(-1, keepdim=True) / counts[:, None, None]
    centred = (frames - mean) * mask
    variance = centred.square().sum(-1, keepdim=True) / counts[:, None, None]
    return centred / (variance + norm.eps).sqrt() * norm.weight[:, None] + norm.bias[:, None]


class FixedFeature(FrozenFeature):
    """In place of an `Encoder` among the features."""

    def __init__(self, feature: Encoder, encoder: SpeechEncoder) -> None:
        super().__init__()
        self.encoder, self.numbers, self.layer = FixedEncoder(encoder), feature.numbers, feature.layer
        self.sample_rate, self.n_bands = feature.sample_rate, feature.n_bands

    @property
    def frame_parameters(self) -> dict[str, Any]:
        return {}

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        states, n_frames = self.encoder(waveforms, lengths, max(self.numbers))
        if self.layer == "mean":
            frames = torch.stack(states).mean(dim=0)
        else:
            frames = torch.cat([states[number] for number in self.numbers], dim=-1)
        return frames.transpose(1, 2), n_frames


class Recurrent(nn.Module):
    """In place of torch's LSTM or GRU of one layer and direction, batch first: ONNX's own, for torch would unroll it.

    Args:
        like: its weights are taken.
    """

    weight: Tensor
    recurrent: Tensor
    bias: Tensor

    def __init__(self, like: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.size = like.hidden_size
        self.operator = "LSTM" if isinstance(like, nn.LSTM) else "GRU"
        # Gates of torch: LSTM i f g o, GRU r z n. Of ONNX: LSTM i o f c, GRU z r h.
        order = [0, 3, 1, 2] if self.operator == "LSTM" else [1, 0, 2]
        of_torch: tuple[Any, ...] = (like.weight_ih_l0, like.weight_hh_l0, like.bias_ih_l0, like.bias_hh_l0)
        sorted_ = [torch.cat([one.detach().chunk(len(order))[gate] for gate in order])[None] for one in of_torch]
        self.register_buffer("weight", sorted_[0])
        self.register_buffer("recurrent", sorted_[1])
        self.register_buffer("bias", torch.cat(sorted_[2:], dim=1))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """(batch, frames, size_in) -> states (batch, frames, size)."""
        shape = [x.shape[1], 1, x.shape[0], self.size]
        extra = {"linear_before_reset": 1} if self.operator == "GRU" else {}
        states = torch.onnx.ops.symbolic(
            self.operator,
            [x.transpose(0, 1), self.weight, self.recurrent, self.bias],
            {"hidden_size": self.size, **extra},
            dtype=x.dtype,
            shape=shape,
        )
        return states[:, 0].transpose(0, 1), None
