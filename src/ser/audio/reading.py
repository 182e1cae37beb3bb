"""Reading audio: pure functions on files and on arrays of float32 samples in [-1, 1]."""

import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser.audio import contents, headers
from ser.errors import AudioError

Waveform = npt.NDArray[np.float32]

MIN_DURATION_S = 0.1  # shorter than any vowel: a truncated file, not speech
MAX_DURATION_S = 600  # longer than any utterance: a whole session, to be cut first
BLOCK_SAMPLES = 2**23  # of all channels together, read at once: 32 MiB, all of a usual clip
SILENCE_PEAK = 1e-5  # -100 dBFS
MAX_SAMPLE = 1e6  # float files may exceed full scale, even 16-bit numbers stored as they are; not this far
CANCELLED = 0.01  # of the energy of unrelated channels: what is left of those that mirror each other, 20 dB down

OTHER_LENGTH, CANCELLING = "length", "channels"


Segment = tuple[float, float | None]  # start and end in seconds; None: the end of the recording
WHOLE: Segment = (0.0, None)


class Reading(NamedTuple):
    """What was read of a file, mixed to mono.

    Attributes:
        samples: (samples,), float32.
        sample_rate: in Hz.
        remarks: what somebody should know of the file, by kind: `OTHER_LENGTH`, how its length differs from what its
            header says; `CANCELLING`, that its channels cancel each other, and its loudest alone was taken.
    """

    samples: Waveform
    sample_rate: int
    remarks: dict[str, str]


def read(path: Path, segment: Segment = WHOLE) -> Reading:
    """Read an audio file, or a segment of it, and mix it to mono. The body is believed, not the header.

    Raises:
        AudioError: in one line, why the file cannot be read; it is longer than `MAX_DURATION_S`; or it holds samples
            that are not finite or absurdly large.
    """
    [reading] = read_segments(path, [segment])
    if isinstance(reading, AudioError):
        raise reading
    return reading


def read_segments(path: Path, segments: Sequence[Segment]) -> list[Reading | AudioError]:
    """Read several segments of an audio file, going through it once; memory is bounded by what is kept.

    Returns:
        what was read of each, or why it cannot be; for each the error that `read` would raise.
    """
    try:
        check_file(path)
        with path.open("rb") as file:
            try:
                found = _go_through(path, file, segments, {})
                if found.cancelling:
                    found = _go_through(path, file, segments, found.cancelling)
            except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError) as error:
                raise AudioError(_unreadable(path, error)) from None
    except OSError as error:
        return [AudioError(_unreadable(path, error)) for _ in segments]
    except AudioError as error:
        return [AudioError(*error.args) for _ in segments]
    return [found.reading(path, number, segment) for number, segment in enumerate(segments)]


def can_open(path: Path) -> bool:
    """Whether a file is audio in a format that can be read; its samples are not looked at."""
    try:
        check_file(path)
        with path.open("rb") as file, _open(file, headers.find_sound(file)):
            return True
    except (AudioError, soundfile.LibsndfileError, OSError, RuntimeError, ValueError, TypeError):
        return False


def check_file(path: Path) -> None:
    """Refuse what is no regular file: to open a pipe would wait for ever.

    Raises:
        AudioError: there is no such file, or it is something else.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise AudioError(_unreadable(path, error)) from None
    if not stat.S_ISREG(mode):
        raise AudioError(f"{path}: cannot be read as audio (it is {'a folder' if stat.S_ISDIR(mode) else 'no file'})")


def _unreadable(path: Path, error: Exception) -> str:
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    if not isinstance(error, OSError):
        with suppress(OSError):
            reason = contents.describe(path) or reason
    return f"{path}: cannot be read as audio ({' '.join(reason.split()).rstrip('.')})"


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # soundfile says no types
    """Read from its start to its end: soundfile would seek after each block, which libsndfile cannot in all files."""

    def seekable(self) -> bool:
        return False


def _open(file: BinaryIO, sound: headers.Sound) -> _Stream:
    """Open the sound of a file; what is as it should be is left to libsndfile, which reads more by itself."""
    if sound.file is not file:
        return _Stream(sound.file)
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # file.seek moves within a buffer
    return _Stream(file.fileno(), closefd=False)


@dataclass
class _Pass:
    """A file as it was gone through.

    Attributes:
        pieces: the samples of each segment.
        n_frames: that were read; of the whole file, where `is_whole`.
        cancelling: for segments whose channels cancel each other, the loudest channel.
        remark: how the length of the file differs from what its header says; "" where it does not.
    """

    sample_rate: int
    pieces: list[list[Waveform]]
    n_frames: int = 0
    is_whole: bool = True
    cancelling: dict[int, int] = field(default_factory=dict)
    remark: str = ""

    def reading(self, path: Path, number: int, segment: Segment) -> Reading | AudioError:
        """Of one of the segments, or why there is none."""
        duration_s = self.n_frames / self.sample_rate
        start_s, end_s = segment
        is_outside = max(start_s, (end_s or 0) - MIN_DURATION_S) >= duration_s
        if segment != WHOLE and self.is_whole and is_outside:
            told = f"{start_s:g} s to {'its end' if end_s is None else f'{end_s:g} s'}"
            return AudioError(f"{path}: lasts {duration_s:.2f} s; the segment from {told} is not in it")
        pieces = self.pieces[number]
        samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        if len(samples) > MAX_DURATION_S * self.sample_rate:
            return AudioError(
                f"{path}: too long (over {MAX_DURATION_S} s); cut it into utterances, or name its segments: columns"
                " start and end of corpus=table"
            )
        remarks = {OTHER_LENGTH: self.remark} if self.remark else {}
        if number in self.cancelling:
            remarks[CANCELLING] = "its loudest channel alone is used"
        return Reading(samples, self.sample_rate, remarks)


def _go_through(path: Path, file: BinaryIO, segments: Sequence[Segment], channels: Mapping[int, int]) -> _Pass:
    """Go through a file once.

    Args:
        channels: by a segment's number, the channel to take instead of the mean of all.
    """
    sound = headers.find_sound(file)
    with _open(file, sound) as stream:
        rate = stream.samplerate
        longest = MAX_DURATION_S * rate + 1
        wanted = [_frames(segment, rate, longest) for segment in segments]
        until = max(stop for _, stop in wanted)
        found = _Pass(rate, [[] for _ in segments], cancelling=dict(channels))
        energies, energy = np.zeros((len(segments), stream.channels)), np.zeros(len(segments))
        try:
            expected = sound.said if sound.said and sound.held is None else stream.frames
            for block in _blocks(stream, min(expected, longest)):
                if not (np.abs(block) < MAX_SAMPLE).all():  # false for what is not a number, too
                    raise AudioError(f"{path}: holds samples that are no sound (not finite, or far beyond full scale)")
                for number, (start, stop) in enumerate(wanted):
                    part = block[max(start - found.n_frames, 0) : max(stop - found.n_frames, 0)]
                    if len(part) == 0:
                        continue
                    channel = channels.get(number)
                    piece = part.mean(axis=1, dtype=np.float32) if channel is None else part[:, channel].copy()
                    found.pieces[number].append(piece)
                    if stream.channels > 1 and not channels:
                        energies[number] += np.square(part, dtype=np.float64).sum(axis=0)
                        energy[number] += float(np.square(piece, dtype=np.float64).sum())
                found.n_frames += len(block)
                if found.n_frames >= until:
                    found.is_whole = False
                    break
            else:
                found.remark = _about_length(sound, found.n_frames, rate)
        except soundfile.LibsndfileError:
            if not found.n_frames:
                raise
            if found.n_frames != sound.said or sound.held is not None:  # else a tag stands behind it
                found.remark = f"is damaged after {found.n_frames / rate:.1f} s"
    if not channels:
        unrelated = energies.sum(axis=1) / stream.channels**2
        cancelling = np.flatnonzero(energy < CANCELLED * unrelated)
        found.cancelling = {int(number): int(energies[number].argmax()) for number in cancelling}
    return found


def _frames(segment: Segment, rate: int, longest: int) -> tuple[int, int]:
    start_s, end_s = segment
    start = round(start_s * rate)
    return start, start + longest if end_s is None else min(round(end_s * rate), start + longest)


def _blocks(stream: _Stream, n_frames: int) -> Iterator[npt.NDArray[np.float32]]:
    """All of a file, in blocks (frames, channels); of a damaged one what can be read, and then the error.

    Args:
        n_frames: so many are expected; there may be more or less.
    """
    n_blocks = max(math.ceil(n_frames * stream.channels / BLOCK_SAMPLES), 1)
    # Of equal size: libsndfile decodes a last block of a few samples of Opus wrongly.
    size = max(math.ceil(n_frames / n_blocks), 1)
    n_read = size
    while n_read == size:
        block = np.full((size, stream.channels), np.nan, np.float32)
        try:
            n_read = len(stream.read(out=block))
        except soundfile.LibsndfileError:
            unread = np.isnan(block[:, 0])
            yield block[: unread.argmax() if unread.any() else size]
            raise
        yield block[:n_read]


def _about_length(sound: headers.Sound, n_frames: int, rate: int) -> str:
    """How much a header says, and how much there is; "" where it is right, or says nothing."""
    if sound.said is None:
        return ""
    held_s = n_frames / rate
    said_s = sound.said / rate if sound.held is None else held_s * sound.said / max(sound.held, 1)
    return "" if abs(said_s - held_s) < MIN_DURATION_S else f"says {said_s:.1f} s, holds {held_s:.1f} s"


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


def prepare(name: str, reading: Reading, *, sample_rate: int, top_db: float | None = None) -> Waveform:
    """What was read of a file as every feature hears it: at `sample_rate` Hz, trimmed by `top_db` dB if given.

    Args:
        name: of the recording, for messages.

    Returns:
        samples of shape (samples,).

    Raises:
        AudioError: the clip is shorter than `MIN_DURATION_S`, or silent.
    """
    waveform, original_rate = reading.samples, reading.sample_rate
    if len(waveform) < MIN_DURATION_S * original_rate:
        raise AudioError(
            f"{name}: too short ({len(waveform)} samples at {original_rate} Hz; at least {MIN_DURATION_S} s are needed)"
        )
    if np.abs(waveform).max() < SILENCE_PEAK:
        raise AudioError(f"{name}: silent (no sample above {SILENCE_PEAK:g} of full scale)")
    waveform = resample(waveform, original_rate, sample_rate)
    return waveform if top_db is None else trim(waveform, top_db)


def load(path: Path, *, sample_rate: int, top_db: float | None = None) -> Waveform:
    """Read a clip, and `prepare` it.

    Raises:
        AudioError: see `read` and `prepare`.
    """
    return prepare(str(path), read(path), sample_rate=sample_rate, top_db=top_db)
