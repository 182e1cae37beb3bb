"""Log-mel spectrogram in dB, one channel."""

import torch
import torchaudio
from torch import Tensor

from ser.config import check_range
from ser.features.base import Feature
from ser.features.decibels import check_levels, limit_range, stft_size
from ser.frames import frame_mask


class MelSpectrogram(Feature):
    """Mel spectrogram (Slaney's scale, area-normalised filters) of a power spectrum, in dB.

    Frames are centred, the clip is continued with zeros at both ends: librosa's `melspectrogram` with
    `pad_mode="constant"` and `power_to_db`.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        n_bands: mel bands between `f_min_hz` and `f_max_hz` (default: half the sample rate).
        window_s: length of the Hann window, in seconds.
        hop_s: distance between frames, in seconds.
        dynamic_range_db: what lies further below a clip's loudest band is raised to that level.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        trim_db: float | None = 20.0,
        n_bands: int = 64,
        window_s: float = 0.064,
        hop_s: float = 0.01,
        f_min_hz: float = 0.0,
        f_max_hz: float | None = None,
        dynamic_range_db: float = 80.0,
    ) -> None:
        super().__init__()
        check_range("feature.n_bands", n_bands, 8, 512)
        check_levels(trim_db, dynamic_range_db)
        window, hop = stft_size(sample_rate, window_s, hop_s)
        f_max_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
        check_range("feature.f_max_hz", f_max_hz, 100, sample_rate / 2)
        check_range("feature.f_min_hz", f_min_hz, 0, f_max_hz - 50)
        self.sample_rate, self.trim_db, self.n_bands = sample_rate, trim_db, n_bands
        self.hop, self.dynamic_range_db = hop, dynamic_range_db
        self.mel = torchaudio.transforms.MelSpectrogram(
            sample_rate,
            n_fft=1 << (window - 1).bit_length(),
            win_length=window,
            hop_length=hop,
            f_min=f_min_hz,
            f_max=f_max_hz,
            n_mels=n_bands,
            pad_mode="constant",
            norm="slaney",
            mel_scale="slaney",
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB("power")

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        decibels: Tensor = self.decibels(self.mel(waveforms))  # (batch, n_bands, frames)
        lengths = torch.div(lengths, self.hop, rounding_mode="floor") + 1
        return limit_range(decibels, frame_mask(lengths, decibels.shape[-1]), self.dynamic_range_db), lengths
