"""What phones, browsers and films hold sound in, decoded by FFmpeg: through PyAV, or else the program `ffmpeg`."""

import math
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.container import InputContainer

Block = npt.NDArray[np.float32]  # (frames, channels)

PACKAGE, PROGRAM = "av", "ffmpeg"
LENGTH_APART_S = 0.5  # what encoders put before and after the sound lasts up to 0.2 s

_FULL_SCALE = {"u1": 2**7, "i2": 2**15, "i4": 2**31}  # of samples that are no floats
_PIPE_FRAMES = 2**14
_AU = struct.Struct(">4s5I")  # magic, size of the header, of the sound, encoding, sample rate, channels
_AU_FLOAT = 6


class Undecodable(ValueError):
    """A container of which nothing can be decoded here: what it is, and the way out."""


class _Damaged(Exception):
    """Decoding cannot go on."""


class _Container:
    """A `Decoder` of one of these files, of whose sound the first piece is decoded at once: it tells the truth.

    Args:
        pieces: (frames, channels), however long; then, perhaps, `_Damaged`.
        form: container and, where it is known, coding.
        said_s: how long the sound is by the header; 0: it does not say.

    Raises:
        Undecodable: there is none.
    """

    def __init__(self, pieces: Iterator[tuple[Block, int]], form: str, said_s: float = 0) -> None:
        try:
            first, self.sample_rate = next(pieces)
        except (StopIteration, _Damaged):
            raise Undecodable("no sound in it can be decoded: get the recording again") from None
        self.n_channels = first.shape[1]
        self.form = form
        self.remark = ""
        self._pieces = chain([(first, self.sample_rate)], pieces)
        self._said_s = said_s

    def blocks(self, block_samples: int, longest: float = math.inf) -> Iterator[Block]:
        kept: list[Block] = []
        n_kept = n_frames = 0
        for piece in self._alike():
            kept.append(piece)
            n_frames += len(piece)
            n_kept += piece.size
            if n_kept >= block_samples:
                yield np.concatenate(kept)
                kept, n_kept = [], 0
        if kept:
            yield np.concatenate(kept)
        held_s = n_frames / self.sample_rate
        if not self.remark and self._said_s > held_s + LENGTH_APART_S:
            self.remark = f"says {self._said_s:.1f} s, holds {held_s:.1f} s"

    def _alike(self) -> Iterator[Block]:
        """The pieces, as far as they are of one sample rate and number of channels."""
        n_frames = 0
        try:
            for piece, rate in self._pieces:
                if (rate, piece.shape[1]) != (self.sample_rate, self.n_channels):
                    raise _Damaged
                n_frames += len(piece)
                yield piece
        except _Damaged:
            self.remark = f"is damaged after {n_frames / self.sample_rate:.1f} s"


@contextmanager
def opened(path: Path, what: str, demuxer: str) -> Iterator[_Container]:
    """Open the first audio track of a file.

    Args:
        what: the file is, for messages.
        demuxer: FFmpeg's name of its format. Nothing else is tried: some formats make FFmpeg open other files.

    Raises:
        Undecodable: there is no sound in it that can be decoded; or neither PyAV nor ffmpeg is there.
    """
    try:
        if find_spec(PACKAGE):
            with path.open("rb") as file, _by_package(file, demuxer) as container:
                yield container
        elif program := shutil.which(PROGRAM):
            with _by_program(program, path, demuxer) as container:
                yield container
        else:
            raise Undecodable('to read it, pip install "ser-lab[formats]", or install ffmpeg')
    except Undecodable as error:
        raise Undecodable(f"it is {what}; {error}") from None


@contextmanager
def _by_package(file: IO[bytes], demuxer: str) -> Iterator[_Container]:
    import av

    try:
        container = av.open(file, "r", format=demuxer, metadata_errors="replace")
    except (av.FFmpegError, ValueError):
        raise Undecodable("damaged, or not whole: get the recording again") from None
    with container:
        if not container.streams.audio:
            raise Undecodable("it has no audio track")
        track = container.streams.audio[0]
        # Other formats guess how long they are, or say how long their film is.
        said_s = (track.duration or 0) * (track.time_base or 0) if demuxer == "mov" else 0
        yield _Container(_decoded(container), f"{demuxer}, {track.codec_context.name}", float(said_s))


def _decoded(container: "InputContainer") -> Iterator[tuple[Block, int]]:
    import av

    try:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()
            n_channels = frame.layout.nb_channels
            samples = samples.T if frame.format.is_planar else samples.reshape(-1, n_channels)
            if full_scale := _FULL_SCALE.get(samples.dtype.str[1:]):
                offset = full_scale if samples.dtype.kind == "u" else 0
                samples = (samples.astype(np.float64) - offset) / full_scale
            if len(samples):
                yield samples.astype(np.float32), frame.sample_rate
    except (av.FFmpegError, ValueError):
        raise _Damaged from None


@contextmanager
def _by_program(program: str, path: Path, demuxer: str) -> Iterator[_Container]:
    """The program's output is AU: its short header tells sample rate and channels."""
    options = "-nostdin -v quiet -xerror -protocol_whitelist file -f"
    read = [program, *options.split(), demuxer, "-i", f"file:{path}"]
    write = ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    with subprocess.Popen([*read, *write], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            yield _Container(_piped(process), demuxer)
        finally:
            process.kill()


def _piped(process: subprocess.Popen[bytes]) -> Iterator[tuple[Block, int]]:
    assert process.stdout is not None
    head = process.stdout.read(_AU.size)
    magic, start, _, encoding, rate, n_channels = _AU.unpack(head.ljust(_AU.size, b"\0"))
    if magic == b".snd" and encoding == _AU_FLOAT and n_channels:
        process.stdout.read(start - _AU.size)
        size = 4 * n_channels
        while content := process.stdout.read(size * _PIPE_FRAMES):
            whole = content[: len(content) // size * size]
            yield np.frombuffer(whole, ">f4").reshape(-1, n_channels).astype(np.float32), rate
    if process.wait():
        raise _Damaged
