"""Reading audio: pure functions on arrays of float32 samples in [-1, 1]."""

import math
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser.errors import AudioError

Waveform = npt.NDArray[np.float32]

MIN_DURATION_S = 0.1  # shorter than any vowel: a truncated file, not speech
MAX_DURATION_S = 600  # longer than any utterance: a whole session, to be cut first
BLOCK_SAMPLES = 2**23  # of all channels together, read at once: 32 MiB, all of a usual clip
UNKNOWN_FRAMES = 2**63 - 1  # SF_COUNT_MAX of libsndfile
SILENCE_PEAK = 1e-5  # -100 dBFS
MAX_SAMPLE = 1e6  # float files may exceed full scale, even 16-bit numbers stored as they are; not this far


def read(path: Path) -> tuple[Waveform, int]:
    """Read an audio file and mix it to mono.

    A header is believed only where it says that the clip is too long: samples are read block by block, so that memory
    is bounded by what is really in the file.

    Returns:
        samples of shape (samples,), and the sample rate in Hz.

    Raises:
        AudioError: in one line, why the file cannot be read; it is longer than `MAX_DURATION_S`; or it holds samples
            that are not finite or absurdly large.
    """
    check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames == UNKNOWN_FRAMES:  # FLAC written to a pipe; libsndfile fails at its end
                raise AudioError(f"{path}: does not say how long it is; write it anew (ffmpeg -i old.flac new.flac)")
            if file.frames > MAX_DURATION_S * file.samplerate:
                raise AudioError(_too_long(path, file.frames / file.samplerate))
            return np.concatenate(list(_mono_blocks(path, file))), int(file.samplerate)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from None


def check_file(path: Path) -> None:
    """Refuse what is no regular file: to open a pipe would wait for ever.

    Raises:
        AudioError: there is no such file, or it is something else.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(mode):
        raise AudioError(f"{path}: cannot be read as audio (it is {'a folder' if stat.S_ISDIR(mode) else 'no file'})")


def _unreadable(path: Path, error: Exception) -> AudioError:
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return AudioError(f"{path}: cannot be read as audio ({' '.join(reason.split()).rstrip('.')})")


def _mono_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[Waveform]:
    n_blocks = max(math.ceil(file.frames * file.channels / BLOCK_SAMPLES), 1)
    # Of equal size: libsndfile decodes a last block of a few samples of Opus wrongly.
    block_frames = max(math.ceil(file.frames / n_blocks), 1)
    n_frames, n_read = 0, block_frames
    while n_read == block_frames:
        samples = file.read(block_frames, dtype="float32", always_2d=True)
        n_read = len(samples)
        n_frames += n_read
        if n_frames > MAX_DURATION_S * file.samplerate:
            raise AudioError(_too_long(path, n_frames / file.samplerate))
        if not (np.abs(samples) < MAX_SAMPLE).all():  # false for what is not a number, too
            raise AudioError(f"{path}: holds samples that are no sound (not finite, or far beyond full scale)")
        yield samples.mean(axis=1, dtype=np.float32)


def _too_long(path: Path, duration_s: float) -> str:
    return f"{path}: too long ({duration_s:.0f} s; at most {MAX_DURATION_S} s); cut it into utterances"


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
        AudioError: the clip is unreadable, empty, shorter than `MIN_DURATION_S`, longer than `MAX_DURATION_S`, or
            silent.
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
