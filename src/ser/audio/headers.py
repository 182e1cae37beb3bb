"""Headers that say something else than the body: of a recorder that was killed, of a copy that was cut off.

libsndfile takes a header's word where it says less than there is. Here it is shown a corrected one.
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, NamedTuple

from ser.audio import mpeg

FRAMES_APART = 2  # of an MP3: a tag may count itself, or not a frame that is cut off
SECTOR = 4096  # bytes, that some recorders fill up with zeros
LEAST_TAIL = 512  # bytes after the sound, that are no chunk: fewer are what some programs leave

Order = Literal["little", "big"]

_CHUNK = re.compile(rb"[A-Za-z0-9 _.\-]{4}")
# What stands behind the sound, even where its own size is wrong: chunks of WAV, AIFF and CAF, and tags of MP3.
_KNOWN = re.compile(
    rb"LIST|JUNK|junk|PAD |FLLR|fact|PEAK|bext|iXML|axml|chna|cue |smpl|inst|plst|cart|DISP|acid|strc|afsp|_PMX|minf"
    rb"|elm1|regn|umid|id3 |ID3.|TAG.|APET|LYRI|MARK|COMT|INST|NAME|AUTH|ANNO|\(c\) |APPL|MIDI|CHAN|LGWV|info|strg|mark"
    rb"|uuid|free|kuki|pakt|chan|midi|ovvw|peak|edct",
    re.DOTALL,
)
_FLAC_TOTAL, _FLAC_END = 21, 26  # the number of frames has 36 bits; the first four share their byte with others


class Corrected(io.RawIOBase):
    """A file for libsndfile to read, in which some bytes are replaced by others, or put in between.

    Args:
        file: the file.
        place, n_replaced: which bytes of it are replaced.
        written: by what.
        end: of the file; None: as it is.
    """

    def __init__(
        self, file: BinaryIO, place: int, written: bytes, *, n_replaced: int | None = None, end: int | None = None
    ) -> None:
        self.file, self.place, self.written = file, place, written
        n_replaced = len(written) if n_replaced is None else n_replaced
        self.shift = len(written) - n_replaced
        self.size = (file.seek(0, 2) if end is None else end) + self.shift
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        n_read = 0
        while n_read < len(buffer) and (content := self._piece(min(len(buffer), self.size) - n_read)):
            buffer[n_read : n_read + len(content)] = content
            n_read += len(content)
            self.position += len(content)
        return n_read

    def _piece(self, most: int) -> bytes:
        """What follows, as far as it is of one kind."""
        most = min(most, self.size - self.position)
        inside = self.position - self.place
        if 0 <= inside < len(self.written):
            return self.written[inside:][:most]
        self.file.seek(self.position if inside < 0 else self.position - self.shift)
        return self.file.read(max(min(most, -inside) if inside < 0 else most, 0))


class Sound(NamedTuple):
    """The sound in a file.

    Attributes:
        file: what libsndfile shall read: the file itself, or one that says how much there is.
        said: how much the header says; None: nothing, as of a stream that is written while it is made.
        held: how much there is, in the same unit; None: that `said` is a number of samples, and must be compared.
    """

    file: BinaryIO | Corrected
    said: int | None = None
    held: int | None = None


def find_sound(file: BinaryIO) -> Sound:
    """What a file holds, and what its header says; libsndfile finds out by itself for formats not looked at here."""
    file.seek(0)
    head = file.read(12)
    size = file.seek(0, 2)
    sound = None
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:] == b"WAVE":
        sound = _wave(file, size, "big" if head[:4] == b"RIFX" else "little")
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        sound = _Chunks(file, size, start=12, width=4, order="big", pads=True).sound(b"SSND", extra=8)
    elif head[:4] == b"caff":
        sound = _Chunks(file, size, start=8, width=8, order="big", pads=False).sound(b"data", extra=4)
    elif head[:4] == b".snd" and len(head) == 12:
        start, said = struct.unpack(">2I", head[4:])
        sound = _sound(file, 8, 4, "big", said, max(size - start, 0))
    elif head[:4] == b"fLaC":
        sound = _flac(file)
    elif stream := mpeg.find_stream(file):
        sound = _mpeg(file, stream)
    file.seek(0)
    return sound or Sound(file)


def _sound(file: BinaryIO, place: int, width: int, order: Order, said: int, held: int, extra: int = 0) -> Sound | None:
    """Of a number of bytes, written at a place of the header; `extra` bytes of it are no sound.

    None where the number has no room for what is held.
    """
    if held >= 2 ** (8 * width):
        return None
    is_open = said > held and said >= 2 ** (8 * width - 1) - 2**16
    corrected = file if said == held else Corrected(file, place, held.to_bytes(width, order))
    return Sound(corrected, None if is_open else max(said - extra, 0), max(held - extra, 0))


def _wave(file: BinaryIO, size: int, order: Order) -> Sound | None:
    chunks = _Chunks(file, size, start=12, width=4, order=order, pads=True)
    ds64, data = chunks.body(b"ds64"), chunks.body(b"data")
    if ds64 is None or data is None:
        return chunks.sound(b"data")
    file.seek(ds64 + 8)  # the size of the sound, in 8 bytes
    said = int.from_bytes(file.read(8), "little")
    return _sound(file, ds64 + 8, 8, "little", said, chunks.held(data, said))


def _mpeg(file: BinaryIO, stream: mpeg.Stream) -> Sound | None:
    """libsndfile believes the tag; without one it guesses, which goes wrong where the bit rate varies."""
    if stream.said is not None:
        is_right = abs(stream.said - stream.n_frames) <= FRAMES_APART
        count = Corrected(file, stream.tag + 8, stream.n_frames.to_bytes(4, "big"), end=stream.end)
        return Sound(file if is_right else count, stream.said, stream.n_frames)
    if not stream.takes_tag:
        return None
    return Sound(Corrected(file, stream.first, stream.tagged_frame(), n_replaced=0, end=stream.end))


def _flac(file: BinaryIO) -> Sound | None:
    """libsndfile decodes all there is where the number of samples is given as unknown, 0."""
    file.seek(0)
    head = file.read(_FLAC_END)
    if len(head) < _FLAC_END:
        return None
    said = int.from_bytes(head[_FLAC_TOTAL:], "big") & (2**36 - 1)
    unknown = bytes([head[_FLAC_TOTAL] & 0xF0, 0, 0, 0, 0])
    return Sound(Corrected(file, _FLAC_TOTAL, unknown), said or None)


@dataclass
class _Chunks:
    """A file of chunks: a name of four letters, a size, and as many bytes."""

    file: BinaryIO
    size: int
    start: int
    width: int
    order: Order
    pads: bool

    def __iter__(self) -> Iterator[tuple[bytes, int, int]]:
        """Name, start of the body, and size as it is written, as far as there are chunks."""
        place = self.start
        while place + 4 + self.width <= self.size:
            self.file.seek(place)
            name, number = self.file.read(4), self._number(self.file.read(self.width))
            if not _CHUNK.fullmatch(name):
                return
            yield name, place + 4 + self.width, number
            place = self._after(place + 4 + self.width, number)

    def body(self, name: bytes) -> int | None:
        """Where the body of a chunk begins."""
        return next((start for found, start, _ in self if found == name), None)

    def sound(self, name: bytes, extra: int = 0) -> Sound | None:
        """Of the chunk that holds it, after `extra` bytes of the chunk's own; None: there is none."""
        for found, start, said in self:
            if found == name:
                held = self.held(start, said, extra)
                return _sound(self.file, start - self.width, self.width, self.order, said, held, extra)
        return None

    def held(self, start: int, said: int, extra: int = 0) -> int:
        """Bytes of a chunk's body: as it says where the file goes on, or ends, after them; else all to the end."""
        rest = self.size - start
        if said > rest:
            return rest
        self.file.seek(start + said)
        if said > extra and (rest - said < LEAST_TAIL or not any(self.file.read(SECTOR))):
            return said
        ends = {start + said, self._after(start, said)}
        return said if any(map(self._goes_on, ends)) else rest

    def _goes_on(self, end: int) -> bool:
        """Whether the file ends here, or something stands here that is no sound."""
        self.file.seek(end)
        name, number = self.file.read(4), self._number(self.file.read(self.width))
        is_whole = _CHUNK.fullmatch(name) and self._after(end + 4 + self.width, number) <= self.size + 1
        return end >= self.size or bool(_KNOWN.fullmatch(name) or is_whole)

    def _after(self, start: int, number: int) -> int:
        return start + number + (number % 2 if self.pads else 0)

    def _number(self, written: bytes) -> int:
        return int.from_bytes(written, self.order)
