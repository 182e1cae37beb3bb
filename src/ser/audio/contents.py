"""What a file that libsndfile does not read is by its first bytes, whatever its name says."""

from contextlib import suppress
from pathlib import Path

_AGAIN = "get the recording again"
_UNPACK = "unpack it"

# Where in the file, what stands there, what it is, and FFmpeg's name of the format.
_CONTAINERS = [
    (4, b"ftyp", "an MP4 file, as M4A, MP4, MOV and 3GP are", "mov"),
    (4, b"moov", "a QuickTime film", "mov"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file", "matroska"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file, as WMA and ASF are", "asf"),
    (0, b"#!AMR", "an AMR file", "amr"),
    (8, b"AVI ", "an AVI film", "avi"),
    (0, b"FLV\x01", "a Flash film", "flv"),
    (0, b"wvpk", "a WavPack file", "wv"),
    (0, b"MAC ", "a Monkey's Audio file", "ape"),
    (0, b"\xff\xf1", "an AAC file", "aac"),
    (0, b"\xff\xf9", "an AAC file", "aac"),
    (0, b"\x0b\x77", "an AC-3 file", "ac3"),
    (0, b"TTA1", "a TTA file", "tta"),
    (0, b".RMF", "a RealMedia file", "rm"),
    (0, b"DSD ", "a DSD file", "dsf"),
    (0, b"\x00\x00\x01\xba", "an MPEG film", "mpeg"),
]
# Where, what stands there, what it is, and the way out.
_OTHERS = [
    (0, b"ADIF", "an AAC file of an old kind", "convert it to FLAC"),
    (0, b"MThd", "a MIDI file: notes, no sound", _AGAIN),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the recording", "get it with git lfs pull"),
    (0, b"/annex/objects", "a pointer of git-annex, not the recording", "get it with git annex get"),
    (0, b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (0, b"%PDF", "a PDF document", _AGAIN),
    (0, b"\x89PNG", "a picture", _AGAIN),
    (0, b"\xff\xd8\xff", "a picture", _AGAIN),
    (0, b"GIF8", "a picture", _AGAIN),
]
_HEAD_BYTES = 512
_TEXT = "text"
_ZEROS_BYTES = 2**16


def container(path: Path) -> tuple[str, str] | None:
    """What a file is whose sound FFmpeg may decode, and FFmpeg's name of the format; None: it is no such file.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_text(head):  # of MAC addresses, say
        return None
    for place, signature, what, demuxer in _CONTAINERS:
        if head.startswith(signature, place):
            return what, demuxer
    # Packets of 188 bytes, each perhaps behind a time of 4.
    is_stream = any(head[start::step][:3] == b"GGG" for start, step in ((0, 188), (4, 192)))
    return ("a film of a camcorder or broadcast, as MTS and TS are", "mpegts") if is_stream else None


def describe(path: Path) -> str:
    """What a file is that cannot be read as audio, and the way out: `it is a ZIP archive; unpack it`.

    "" where its first bytes say nothing that a person would know.

    Raises:
        OSError: it cannot be opened.
    """
    known = _look(path)
    return f"it is {known[0]}; {known[1]}" if known else ""


def _look(path: Path) -> tuple[str, str] | None:
    """What a file is, and the way out."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            return "empty", _AGAIN
        if not any(head) and not any(file.read(_ZEROS_BYTES)):
            return "nothing but zeros, as a copy or download leaves that broke off", _AGAIN
    for place, signature, what, way_out in _OTHERS:
        if head.startswith(signature, place):
            return what, way_out
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, as a download that failed leaves it", _AGAIN
    return (_TEXT, _AGAIN) if is_text(head) else None


def is_plain_text(path: Path) -> bool:
    """Whether a file is text that somebody wrote, and not what stands for a recording."""
    with suppress(OSError):
        known = _look(path)
        return known is not None and known[0] == _TEXT
    return False


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are readable UTF-8.

    >>> is_text("録音".encode()[:-1]), is_text(b"RIFF\\x00\\x01")
    (True, False)
    """
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":  # a letter that is cut
            return False
        text = head[: error.start].decode()
    return all(letter.isprintable() or letter in "\t\r\n\f\ufeff" for letter in text)
