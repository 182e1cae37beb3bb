"""Spectrogram in dB on a linear frequency axis, with or without deltas."""

import torch
import torchaudio
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.features.base import Feature
from ser.features.decibels import check_levels, fft_size, limit_range, stft_size
from ser.features.deltas import ORDERS, stack_deltas
from ser.layers.mask import frame_mask


class LogSpectrogram(Feature):
    """Power spectrogram in dB, a row for each frequency of the Fourier transform up to `f_max_hz`.

    Frames are centred, the clip is continued with zeros at both ends: librosa's `stft` with `pad_mode="constant"` and
    `power_to_db`.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        window_s: length of the Hann window, in seconds; the longer, the more rows.
        hop_s: distance between frames, in seconds.
        f_max_hz: the highest frequency kept; None: half the sample rate.
        dynamic_range_db: what lies further below a clip's loudest point is raised to that level.
        deltas: channels beside the spectrogram: 1 its change in time, 2 the change of that too. (`stack_deltas`)
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        trim_db: float | None,
        window_s: float,
        hop_s: float,
        f_max_hz: float | None,
        dynamic_range_db: float,
        deltas: int,
    ) -> None:
        super().__init__()
        check_levels(trim_db, dynamic_range_db)
        window, hop = stft_size(sample_rate, window_s, hop_s)
        n_fft = fft_size(window)
        f_max_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
        check_range("f_max_hz", f_max_hz, 100, sample_rate / 2)
        check_choice("deltas", deltas, ORDERS)
        self.sample_rate, self.trim_db, self.deltas = sample_rate, trim_db, deltas
        self.n_rows = int(f_max_hz * n_fft / sample_rate) + 1
        self.n_channels = 1 + deltas
        self.n_bands = self.n_channels * self.n_rows
        self.hop, self.dynamic_range_db = hop, dynamic_range_db
        self.spectrogram = torchaudio.transforms.Spectrogram(
            n_fft, win_length=window, hop_length=hop, power=2.0, pad_mode="constant"
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB("power")

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        power: Tensor = self.spectrogram(waveforms)  # (batch, n_fft / 2 + 1, frames)
        decibels: Tensor = self.decibels(power[:, : self.n_rows])
        lengths = torch.div(lengths, self.hop, rounding_mode="floor") + 1
        decibels = limit_range(decibels, frame_mask(lengths, decibels.shape[-1]), self.dynamic_range_db)
        return stack_deltas(decibels, lengths, self.deltas), lengths
