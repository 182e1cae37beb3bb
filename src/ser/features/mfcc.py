"""Mel-frequency cepstral coefficients and their deltas."""

import torchaudio
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.features.base import Feature
from ser.features.deltas import ORDERS, stack_deltas
from ser.features.melspec import MelSpectrogram


class MFCC(Feature):
    """Orthonormal DCT-II of a mel spectrogram in dB: librosa's `mfcc` of the same spectrogram.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        n_coefficients: how many are kept, from the 0th (the level) up; `n_bands` at most.
        n_bands, window_s, hop_s, f_min_hz, f_max_hz, dynamic_range_db: of the mel spectrogram (`MelSpectrogram`).
        deltas: channels beside the coefficients: 1 their change in time, 2 the change of that too. (`stack_deltas`)
    """

    dct: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        trim_db: float | None,
        n_coefficients: int,
        n_bands: int,
        window_s: float,
        hop_s: float,
        f_min_hz: float,
        f_max_hz: float | None,
        dynamic_range_db: float,
        deltas: int,
    ) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            sample_rate=sample_rate,
            trim_db=trim_db,
            n_bands=n_bands,
            window_s=window_s,
            hop_s=hop_s,
            f_min_hz=f_min_hz,
            f_max_hz=f_max_hz,
            dynamic_range_db=dynamic_range_db,
            deltas=0,
        )
        check_range("n_coefficients", n_coefficients, 8, n_bands)
        check_choice("deltas", deltas, ORDERS)
        self.sample_rate, self.trim_db, self.deltas = sample_rate, trim_db, deltas
        self.n_channels = 1 + deltas
        self.n_bands = self.n_channels * n_coefficients
        dct = torchaudio.functional.create_dct(n_coefficients, n_bands, norm="ortho").T  # (n_coefficients, n_bands)
        self.register_buffer("dct", dct.contiguous(), persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        decibels, lengths = self.mel(waveforms, lengths)
        return stack_deltas(self.dct @ decibels, lengths, self.deltas), lengths
