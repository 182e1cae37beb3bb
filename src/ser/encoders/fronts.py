"""From waveforms to what an encoder's transformer layers are given."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.layers.mask import frame_mask

NORM_EPS = 1e-7  # under the root of the variance, as in transformers' Wav2Vec2FeatureExtractor


class Front(NamedTuple):
    """What the transformer layers are given: hidden states (batch, frames, size), which frames are real (batch,
    frames), or None where all count, and how many each clip has.
    """

    hidden: Tensor
    mask: Tensor | None
    counts: list[int]


def normalized(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Waveforms (batch, samples) with mean 0 and deviation 1 over each clip's own samples, silence after its end."""
    mask = frame_mask(lengths, waveforms.shape[1])
    mean = (waveforms * mask).sum(1, keepdim=True) / lengths[:, None]
    centred = (waveforms - mean) * mask
    variance = centred.square().sum(1, keepdim=True) / lengths[:, None]
    return centred / (variance + NORM_EPS).sqrt()


def has_final_norm(config: Any) -> bool:
    """Whether the last hidden state is normalised (and the first is not), going by transformers' configuration."""
    return config.model_type == "whisper" or bool(getattr(config, "do_stable_layer_norm", False))


def convolutional_front(model: Any, waveforms: Tensor, n_samples: Sequence[int]) -> Front:
    """Convolutions over the waveform, projection, and positions by convolution: wav2vec 2.0 and its kin.

    Args:
        model: of transformers.
        waveforms: (batch, samples).
        n_samples: of each clip, a frame's worth at least.
    """
    config = model.config
    hidden = waveforms[:, None]  # (batch, channels, frames)
    counts = torch.tensor(n_samples)
    for layer, kernel, stride in zip(
        model.feature_extractor.conv_layers, config.conv_kernel, config.conv_stride, strict=True
    ):
        counts = (counts - kernel) // stride + 1
        if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
            hidden = layer.activation(_norm_of_each(layer.layer_norm, layer.conv(hidden), counts.tolist()))
        else:
            hidden = layer(hidden)
    hidden = model.feature_projection(hidden.transpose(1, 2))  # (batch, frames, size)
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    mask = None
    if int(counts.min()) < hidden.shape[1]:
        mask = frame_mask(counts.to(hidden.device), hidden.shape[1])
    if model.training and hidden.shape[1] >= config.mask_time_length:
        hidden = model._mask_hidden_states(hidden, attention_mask=mask)
    if mask is not None:
        hidden = hidden * mask[..., None]
    hidden = hidden + positions_of(model.encoder.pos_conv_embed, hidden, mask)
    if not has_final_norm(config):
        hidden = model.encoder.layer_norm(hidden)
    return Front(model.encoder.dropout(hidden), mask, counts.tolist())


def _norm_of_each(norm: nn.GroupNorm, frames: Tensor, counts: Sequence[int]) -> Tensor:
    """Group normalisation of (batch, channels, frames), each clip by its own real frames."""
    longest = frames.shape[-1]
    if min(counts) == longest:
        normed: Tensor = norm(frames)
        return normed
    rows = [F.pad(norm(row[None, :, :count]), (0, longest - count)) for row, count in zip(frames, counts, strict=True)]
    return torch.cat(rows)


def positions_of(embed: Any, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Positions by convolution, with silence beyond each clip's end for every convolution of it."""
    batch_norm = getattr(embed, "batch_norm", None)  # some HuBERTs
    stacked = getattr(embed, "layers", None)  # data2vec
    if mask is None or (batch_norm is None and stacked is None):
        positions: Tensor = embed(hidden)
        return positions
    frames = hidden.transpose(1, 2)  # (batch, size, frames)
    if batch_norm is not None:
        frames = embed.activation(embed.padding(embed.conv(batch_norm(frames) * mask[:, None])))
    else:
        for layer in embed.layers:
            frames = layer(frames * mask[:, None])
    return frames.transpose(1, 2)


def log_mel_front(
    model: Any, extractor: Any, filters: Tensor, waveforms: Tensor, n_samples: Sequence[int], silence: int
) -> Front:
    """Log-mel spectrogram, convolutions and positions: Whisper. (Radford et al. 2022, arXiv 2212.04356)

    Args:
        model: transformers' encoder.
        extractor: transformers' feature extractor, for its sizes.
        filters: mel filters (bands, frequencies).
        waveforms: (batch, samples), silence after each clip's end.
        n_samples: of each clip.
        silence: frames that are heard after each clip's own, as far as the encoder has positions for them.
    """
    hop, n_positions = extractor.hop_length, int(model.config.max_source_positions)
    counts = [-(-n // (2 * hop)) for n in n_samples]  # the second convolution halves the mel frames
    heard = [min(count + silence, n_positions) for count in counts]
    longest = max(heard)
    # Room for the last frame's window, so that it sees what it sees in the whole 30 s.
    n_padded = min(2 * longest * hop + extractor.n_fft, 2 * n_positions * hop)
    waveforms = F.pad(waveforms, (0, n_padded - waveforms.shape[1]))
    with torch.autocast(waveforms.device.type, enabled=False):
        window = torch.hann_window(extractor.n_fft, device=waveforms.device)
        spectrum = torch.stft(waveforms.float(), extractor.n_fft, hop, window=window, return_complex=True)
        mel = filters @ spectrum[..., : 2 * n_positions].abs().square()  # (batch, bands, mel frames)
        levels = mel.clamp(min=1e-10).log10()
        levels = torch.maximum(levels, levels.amax(dim=(1, 2), keepdim=True) - 8)
        levels = (levels[..., : 2 * longest] + 4) / 4
    ends = torch.tensor(heard, device=levels.device)
    mask = None if min(heard) == longest else frame_mask(ends, longest)
    hidden = F.gelu(model.conv1(_silenced(levels, 2 * ends, mask)))
    hidden = F.gelu(model.conv2(_silenced(hidden, 2 * ends, mask))).transpose(1, 2)  # (batch, frames, size)
    hidden = hidden + model.embed_positions.weight[:longest]
    hidden = F.dropout(hidden, p=model.dropout, training=model.training)
    return Front(hidden, mask, counts)


def _silenced(frames: Tensor, ends: Tensor, mask: Tensor | None) -> Tensor:
    """Frames (batch, bands, frames) with zeros from each clip's end on, as a convolution pads it by itself."""
    return frames if mask is None else frames * frame_mask(ends, frames.shape[-1])[:, None]
