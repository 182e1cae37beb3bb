"""What may be given to be heard: files, samples in memory, and collections of these."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser import audio
from ser.audio import Reading, Waveform
from ser.config.checks import check_range
from ser.errors import AudioError, PredictError

LOUDEST = 10.0  # what is beyond cannot be meant as full scale 1
BLOCK_S = 30.0  # of a long recording, read at once

Samples = npt.NDArray[Any]
Recording = str | PathLike[str] | Samples | Mapping[str, Any]


def is_several(recording: Any) -> bool:
    """Whether these are several recordings: a list, a generator, a column of a table; and not samples."""
    if isinstance(recording, str | bytes | PathLike | Mapping):
        return False
    if isinstance(recording, list | tuple):
        return True
    if hasattr(recording, "__array__"):
        return _array(recording).dtype.kind in "OUS"
    return isinstance(recording, Iterable)


def _array(samples: Any) -> Samples:
    return np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)


def read_beginning(recording: Recording, sample_rate: int | None, longest_s: float) -> tuple[Reading, bool]:
    """The beginning of a recording, and whether there is more."""
    if isinstance(recording, str | PathLike):
        return audio.read_beginning(Path(recording), longest_s)
    samples, rate = _mono(recording, sample_rate)
    n_samples = round(longest_s * rate)
    return Reading(samples[:n_samples], rate, {}), len(samples) > n_samples


def blocks_of(
    recording: Recording, sample_rate: int | None, wanted_hz: int, remarks: dict[str, str]
) -> Iterator[Waveform]:
    """A recording block by block, at `wanted_hz`; `remarks` takes in what somebody should know of a file."""
    if isinstance(recording, str | PathLike):
        yield from audio.stream(Path(recording), wanted_hz, block_s=BLOCK_S, remarks=remarks)
        return
    samples = audio.resample(*_mono(recording, sample_rate), wanted_hz)
    for first in range(0, len(samples), round(BLOCK_S * wanted_hz)):
        yield samples[first : first + round(BLOCK_S * wanted_hz)]


def _mono(recording: Any, sample_rate: int | None) -> tuple[Waveform, int]:
    """Samples (samples,) in [-1, 1] of what is given in memory, and their rate.

    Raises:
        PredictError: these are no samples that can be understood.
        AudioError: they are no sound.
    """
    if isinstance(recording, Mapping):
        sample_rate = sample_rate if recording.get("sampling_rate") is None else recording["sampling_rate"]
        recording = recording.get("array", recording.get("raw"))
    samples = _array(recording)
    if samples.dtype.kind not in "iuf" or samples.ndim not in (1, 2):
        raise PredictError(
            f"a recording must be a file, or samples of shape (samples,) or (samples, channels); got"
            f" {type(recording).__name__} of {samples.dtype}, {samples.shape}"
        )
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise PredictError(f"samples must be of shape (samples, channels); got {samples.shape}, the other way round?")
    if sample_rate is None:
        raise PredictError("samples without their rate: give sample_rate=<Hz> too")
    check_range("sample_rate", int(sample_rate), 4000, 192_000)
    if samples.dtype.kind != "f":
        limits = np.iinfo(samples.dtype)
        middle = (limits.max + 1) // 2 if limits.min == 0 else 0
        samples = (samples.astype(np.float64) - middle) / (limits.max + 1 - middle)
    if not np.isfinite(samples).all():
        raise AudioError("the recording holds samples that are not finite")
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest > LOUDEST:
        raise PredictError(f"samples must lie in [-1, 1]; got {loudest:g}: divide those of 16 bits by 32768")
    return audio.mix(np.atleast_2d(samples.astype(np.float32).T).T)[0], int(sample_rate)
