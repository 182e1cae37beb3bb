"""Log-mel spectrogram in dB, with or without deltas."""

import warnings

import torch
import torchaudio
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.errors import SettingError
from ser.features.base import Feature
from ser.features.decibels import check_levels, fft_size, limit_range, stft_size
from ser.features.deltas import ORDERS, stack_deltas
from ser.layers.mask import frame_mask

MIN_FFT_S = 0.064  # a shorter window's spectrum would have frequencies too far apart for the lowest bands


class MelSpectrogram(Feature):
    """Mel spectrogram (Slaney's scale, area-normalised filters) of a power spectrum, in dB.

    Frames are centred, the clip is continued with zeros at both ends: librosa's `melspectrogram` with
    `pad_mode="constant"` and `power_to_db`.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        n_bands: mel bands.
        f_min_hz, f_max_hz: the lowest and the highest frequency of a band; None: half the sample rate.
        window_s: length of the Hann window, in seconds; padded with zeros to `MIN_FFT_S` at least.
        hop_s: distance between frames, in seconds.
        dynamic_range_db: what lies further below a clip's loudest band is raised to that level.
        deltas: channels beside the mel spectrogram: 1 its change in time, 2 the change of that too. (`stack_deltas`)
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        trim_db: float | None,
        n_bands: int,
        window_s: float,
        hop_s: float,
        f_min_hz: float,
        f_max_hz: float | None,
        dynamic_range_db: float,
        deltas: int,
    ) -> None:
        super().__init__()
        check_range("n_bands", n_bands, 8, 512)
        check_levels(trim_db, dynamic_range_db)
        window, hop = stft_size(sample_rate, window_s, hop_s)
        f_max_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
        check_range("f_max_hz", f_max_hz, 100, sample_rate / 2)
        check_range("f_min_hz", f_min_hz, 0, f_max_hz - 50)
        check_choice("deltas", deltas, ORDERS)
        self.sample_rate, self.trim_db, self.deltas = sample_rate, trim_db, deltas
        self.n_channels = 1 + deltas
        self.n_bands = self.n_channels * n_bands
        self.hop, self.dynamic_range_db = hop, dynamic_range_db
        n_fft = fft_size(max(window, round(MIN_FFT_S * sample_rate)))
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "At least one mel filterbank has all zero values")
            try:
                self.mel = torchaudio.transforms.MelSpectrogram(
                    sample_rate,
                    n_fft=n_fft,
                    win_length=window,
                    hop_length=hop,
                    f_min=f_min_hz,
                    f_max=f_max_hz,
                    n_mels=n_bands,
                    pad_mode="constant",
                    norm="slaney",
                    mel_scale="slaney",
                )
            except UserWarning:
                raise SettingError(
                    f"n_bands={n_bands}: some bands would be empty, narrower than the spectrum's steps of"
                    f" {sample_rate / n_fft:.1f} Hz; set fewer bands or a longer window_s"
                ) from None
        self.decibels = torchaudio.transforms.AmplitudeToDB("power")

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        decibels: Tensor = self.decibels(self.mel(waveforms))  # (batch, n_bands, frames)
        lengths = torch.div(lengths, self.hop, rounding_mode="floor") + 1
        decibels = limit_range(decibels, frame_mask(lengths, decibels.shape[-1]), self.dynamic_range_db)
        return stack_deltas(decibels, lengths, self.deltas), lengths
