"""Reading audio: pure functions on arrays of float32 samples in [-1, 1]."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser.errors import AudioError

Waveform = npt.NDArray[np.float32]

MIN_DURATION_S = 0.1  # shorter than any vowel: a truncated file, not speech
SILENCE_PEAK = 1e-5  # -100 dBFS
MAX_SAMPLE = 1e6  # float files may exceed full scale, even 16-bit numbers stored as they are; not this far


def read(path: Path) -> tuple[Waveform, int]:
    """Read an audio file and mix it to mono.

    Returns:
        samples of shape (samples,), and the sample rate in Hz.

    Raises:
        AudioError: the file cannot be read, or holds samples that are not finite or absurdly large.
    """
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(f"{path}: cannot be read as audio ({reason})") from None
    if not (np.abs(samples) < MAX_SAMPLE).all():  # false for what is not a number, too
        raise AudioError(f"{path}: holds samples that are no sound (not finite, or far beyond full scale)")
    mono: Waveform = samples.mean(axis=1, dtype=np.float32)
    return mono, int(sample_rate)


def resample(waveform: Waveform, from_hz: int, to_hz: int) -> Waveform:
    """Resample a mono waveform (samples,) from one sample rate in Hz to another (soxr, high quality)."""
    if from_hz == to_hz:
        return waveform
    resampled: Waveform = soxr.resample(waveform, from_hz, to_hz).astype(np.float32, copy=False)
    return resampled


def trim(waveform: Waveform, top_db: float) -> Waveform:
    """Cut off leading and trailing parts that lie more than `top_db` dB below the clip's loudest frame."""
    import librosa  # slow to import, and only trimming needs it

    trimmed: Waveform = librosa.effects.trim(waveform, top_db=top_db)[0]
    return trimmed


def load(path: Path, *, sample_rate: int, top_db: float | None = None) -> Waveform:
    """Read a clip as every feature sees it: mono, at `sample_rate` Hz, trimmed by `top_db` dB if given.

    Returns:
        samples of shape (samples,).

    Raises:
        AudioError: the clip is unreadable, empty, shorter than `MIN_DURATION_S`, or silent.
    """
    waveform, original_rate = read(path)
    if len(waveform) < MIN_DURATION_S * original_rate:
        raise AudioError(
            f"{path}: too short ({len(waveform)} samples at {original_rate} Hz; at least {MIN_DURATION_S} s are needed)"
        )
    if np.abs(waveform).max() < SILENCE_PEAK:
        raise AudioError(f"{path}: silent (no sample above {SILENCE_PEAK:g} of full scale)")
    waveform = resample(waveform, original_rate, sample_rate)
    return waveform if top_db is None else trim(waveform, top_db)
