"""Files decoded block by block, whatever their format: by libsndfile, or else by FFmpeg."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from ser.audio import containers, contents, headers
from ser.audio.containers import Block
from ser.errors import AudioError

HEADER_APART_S = 0.1  # by which a file may be longer or shorter than its header says

_REFUSED = (soundfile.LibsndfileError, containers.Undecodable, RuntimeError, ValueError, TypeError)


class Decoder(Protocol):
    """A file that is being decoded.

    Attributes:
        sample_rate: in Hz.
        n_channels: that each block has.
        form: container and coding, such as `WAV, PCM_16`.
        remark: after the last block, how the file's length differs from what its header says, or where it is damaged.
    """

    sample_rate: int
    n_channels: int
    form: str
    remark: str

    def blocks(self, block_samples: int, longest: float = math.inf) -> Iterator[Block]:
        """All of the file, to its end or to where it is damaged, in blocks (frames, channels).

        Args:
            block_samples: of all channels together, in about one block.
            longest: so many frames at most will be asked for.
        """


@contextmanager
def opened(path: Path) -> Iterator[Decoder]:
    """Open a file to decode it.

    Raises:
        AudioError: why it cannot be; errors of decoding, where nothing can be read, become one too.
    """
    check_file(path)
    try:
        with path.open("rb") as file, ExitStack() as stack:
            decoder: Decoder
            try:
                decoder = _Sndfile(file, stack)
            except _REFUSED:
                container = contents.container(path)
                if container is None:
                    raise
                decoder = stack.enter_context(containers.opened(path, *container))
            yield decoder
    except (*_REFUSED, OSError) as error:
        raise AudioError(_unreadable(path, error)) from None


def can_open(path: Path) -> bool:
    """Whether a file is audio in a format that can be read; its samples are not looked at."""
    try:
        with opened(path):
            return True
    except AudioError:
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


class _Sndfile:
    """A `Decoder`: a file that libsndfile reads.

    Raises:
        LibsndfileError, RuntimeError, ValueError, TypeError: it does not.
    """

    def __init__(self, file: BinaryIO, stack: ExitStack) -> None:
        self.sound = headers.find_sound(file)
        if self.sound.file is file:  # what is as it should be is left to libsndfile, which reads more by itself
            os.lseek(file.fileno(), 0, os.SEEK_SET)  # file.seek moves within a buffer
            self.stream = stack.enter_context(_Stream(file.fileno(), closefd=False))
        else:
            self.stream = stack.enter_context(_Stream(self.sound.file))
        self.sample_rate: int = self.stream.samplerate
        self.n_channels: int = self.stream.channels
        self.form = f"{self.stream.format}, {self.stream.subtype}"
        self.remark = ""

    def blocks(self, block_samples: int, longest: float = math.inf) -> Iterator[Block]:
        sound = self.sound
        expected = sound.said if sound.said and sound.held is None else self.stream.frames
        n_frames = 0
        try:
            for block in self._blocks(min(expected, longest), block_samples):
                n_frames += len(block)
                yield block
            self.remark = _about_length(sound, n_frames, self.sample_rate)
        except soundfile.LibsndfileError:
            if not n_frames:
                raise
            if n_frames != sound.said or sound.held is not None:  # else a tag stands behind it
                self.remark = f"is damaged after {n_frames / self.sample_rate:.1f} s"

    def _blocks(self, n_frames: float, block_samples: int) -> Iterator[Block]:
        """All of a file; of a damaged one what can be read, and then the error.

        Args:
            n_frames: so many are expected; there may be more or less.
        """
        n_blocks = max(math.ceil(n_frames * self.n_channels / block_samples), 1)
        # Of equal size: libsndfile decodes a last block of a few samples of Opus wrongly.
        size = max(math.ceil(n_frames / n_blocks), 1)
        n_read = size
        while n_read == size:
            block = np.full((size, self.n_channels), np.nan, np.float32)
            try:
                n_read = len(self.stream.read(out=block))
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
    return "" if abs(said_s - held_s) < HEADER_APART_S else f"says {said_s:.1f} s, holds {held_s:.1f} s"
