"""MP3 and its kin: how many frames there are. libsndfile stops at the number in the first of them, or at a guess.

ISO/IEC 11172-3, and 13818-3 for half the sample rates; the tag is Xing's, which LAME writes too.
"""

from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

_BITRATES_KBPS = {  # by (is MPEG-1, layer), from index 1
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
FIRST_WITHIN = 4096  # bytes behind an ID3 tag; further on, what looks like a frame is one by chance
_TAG_BYTES = 16  # its name, flags, and the number of frames


@dataclass(frozen=True)
class _Frame:
    """A frame's header (4 bytes), and the frame's size in bytes."""

    header: bytes
    size: int

    @property
    def layer(self) -> int:
        """1, 2 or 3."""
        return 4 - (self.header[1] >> 1 & 3)

    def is_like(self, other: "_Frame") -> bool:
        """Whether two frames may be of one stream: version, layer and sample rate never change."""
        return (self.header[1] & 0x1E, self.header[2] & 0x0C) == (other.header[1] & 0x1E, other.header[2] & 0x0C)

    @property
    def tag(self) -> int:
        """Where in the frame a tag would stand, behind the side information."""
        is_mono, is_mpeg1 = self.header[3] >> 6 == 3, self.header[1] >> 3 & 1
        return 4 + ((17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17))


@dataclass(frozen=True)
class Stream:
    """An MPEG audio file.

    Attributes:
        first, end: where its first frame begins, and its last one ends.
        frame: the first.
        n_frames: that there are, but for one that holds a tag.
        said: what the tag says of their number; None: there is none that does.
    """

    first: int
    end: int
    frame: _Frame
    n_frames: int
    said: int | None

    @property
    def takes_tag(self) -> bool:
        """Whether decoders look for a tag."""
        return self.frame.layer == 3

    @property
    def tag(self) -> int:
        """Where in the file the tag begins."""
        return self.first + self.frame.tag

    def tagged_frame(self) -> bytes:
        """A frame of silence, to be put before the others, that tells their number."""
        start = self.frame.header[0], self.frame.header[1] | 1, *self.frame.header[2:]  # without a checksum
        tag = b"Xing" + (1).to_bytes(4, "big") + self.n_frames.to_bytes(4, "big")
        return (bytes(start) + bytes(self.frame.tag - 4) + tag).ljust(self.frame.size, b"\0")


def find_stream(file: BinaryIO) -> Stream | None:
    """What is in an MPEG audio file; None: it is none."""
    file.seek(0)
    head = file.read(10)
    if not head.startswith(b"ID3") and _frame(head, 0) is None:
        return None
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return _find(content, head)


def _find(content: mmap, head: bytes) -> Stream | None:
    place = 0
    if head.startswith(b"ID3") and len(head) == 10:  # its size has seven bits a byte
        place = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    if content[place : place + 4] in (b"fLaC", b"RIFF", b"FORM", b"OggS"):
        return None
    begins_by = place + FIRST_WITHIN
    first: tuple[int, _Frame] | None = None
    n_frames, end = 0, -1
    while place < len(content) - 4 and (first or place < begins_by):
        frame = _frame(content, place)
        if frame and first and not frame.is_like(first[1]):
            frame = None
        # What does not follow another frame may be one by chance: it must be followed by one.
        if frame and place != end and place + frame.size < len(content) - 4:
            after = _frame(content, place + frame.size)
            frame = frame if after and after.is_like(frame) else None
        if frame is None:
            place = content.find(b"\xff", place + 1)
            if place < 0:
                break
            continue
        first = first or (place, frame)
        n_frames += 1
        place = end = place + frame.size
    if first is None:
        return None
    start = first[0] + first[1].tag
    tag = content[start : start + _TAG_BYTES]
    has_tag = tag.startswith((b"Xing", b"Info"))
    said = int.from_bytes(tag[8:12], "big") if has_tag and tag[7] & 1 else None
    return Stream(first[0], min(end, len(content)), first[1], n_frames - has_tag, said)


def _frame(content: bytes | mmap, place: int) -> _Frame | None:
    header = content[place : place + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    rate_hz, bits = _RATES_HZ[version][rate], 1000 * _BITRATES_KBPS[version == 3, layer][bitrate - 1]
    if layer == 1:
        return _Frame(header, (12 * bits // rate_hz + padding) * 4)
    samples = 576 if layer == 3 and version != 3 else 1152
    return _Frame(header, samples // 8 * bits // rate_hz + padding)
