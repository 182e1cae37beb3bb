"""What spectrograms in dB share."""

from torch import Tensor

from ser.config.checks import check_range


def check_levels(trim_db: float | None, dynamic_range_db: float) -> None:
    """Refuse a trimming level or a dynamic range, in dB, that would leave nothing of a clip."""
    if trim_db is not None:
        check_range("trim_db", trim_db, 1, 200)
    check_range("dynamic_range_db", dynamic_range_db, 1, 200)


def stft_size(sample_rate: int, window_s: float, hop_s: float) -> tuple[int, int]:
    """Window and hop in samples.

    >>> stft_size(16000, 0.025, 0.01)
    (400, 160)
    """
    check_range("sample_rate", sample_rate, 1000, 192000)
    check_range("window_s", window_s, 0.002, 1.0)
    check_range("hop_s", hop_s, 0.001, window_s)
    return round(window_s * sample_rate), round(hop_s * sample_rate)


def fft_size(n_samples: int) -> int:
    """The power of two that holds this many samples.

    >>> fft_size(1024), fft_size(1025)
    (1024, 2048)
    """
    return 1 << (n_samples - 1).bit_length()


def limit_range(decibels: Tensor, mask: Tensor, range_db: float) -> Tensor:
    """Raise what lies more than `range_db` below each clip's own maximum to that level.

    Args:
        decibels: (batch, bands, frames).
        mask: (batch, frames), True where a frame is real: padding has no say in the maximum.
    """
    loudest = decibels.masked_fill(~mask[:, None], float("-inf")).amax(dim=(1, 2), keepdim=True)
    return decibels.maximum(loudest - range_db)
