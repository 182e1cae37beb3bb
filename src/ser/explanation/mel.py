"""The mel scale, on which spectrograms and bands are drawn: mel = 2595 log10(1 + f / 700), as HTK has it."""

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating[Any]]


def to_mel(hz: npt.ArrayLike) -> Numbers:
    """From Hz.

    >>> round(float(to_mel(1000.0)))
    1000
    """
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0))


def to_hz(mel: npt.ArrayLike) -> Numbers:
    """To Hz."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))
