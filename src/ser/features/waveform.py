"""The waveform itself, for a model that listens to it."""

from torch import Tensor

from ser.config.checks import check_range
from ser.features.base import Feature


class Waveform(Feature):
    """The samples as they are: a single band, a frame a sample; for `model=finetune`.

    Args:
        sample_rate: of the waveforms, in Hz; the one that the model's encoder was trained with.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
    """

    n_bands = 1
    is_waveform = True

    def __init__(self, *, sample_rate: int, trim_db: float | None) -> None:
        super().__init__()
        check_range("sample_rate", sample_rate, 1000, 192000)
        if trim_db is not None:
            check_range("trim_db", trim_db, 1, 200)
        self.sample_rate, self.trim_db = sample_rate, trim_db

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return waveforms[:, None], lengths
