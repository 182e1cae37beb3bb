"""What corpora of people's own recordings share: which files are audio, and how names are read."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ser import audio
from ser.corpora.keys import nfc
from ser.errors import CorpusError
from ser.files import printable

# Lossless first: of a recording that is there in several formats, the first of these counts.
AUDIO_ENDINGS = (
    *(".wav", ".wave", ".flac", ".aiff", ".aif", ".aifc", ".caf", ".w64", ".rf64", ".au", ".snd", ".sph", ".nist"),
    *(".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mpga"),
)
# Recordings and films in formats that may need PyAV or ffmpeg, or that nothing here reads.
_UNREADABLE_ENDINGS = """
m4a m4b m4r mp4 m4v aac ac3 eac3 3gp 3ga 3g2 mov qt qta webm weba mkv mka wma wmv asf avi flv mts m2ts mpg amr awb ape
wv dsf dff dss ds2 tta ra rm
"""
UNREADABLE_ENDINGS = frozenset(f".{ending}" for ending in _UNREADABLE_ENDINGS.split())
# Recordings that nobody means: packed ones, and what editors and browsers leave.
ARCHIVE_ENDINGS = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
LEFTOVER_ENDINGS = frozenset(
    {".bak", ".old", ".orig", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download"}
)
# What lies beside recordings and is none.
_OTHER_ENDINGS = """
txt md rst csv tsv json jsonl xml html htm yaml yml toml ini cfg log pdf doc docx odt rtf xls xlsx ods ppt pptx tex bib
png jpg jpeg gif svg bmp tif tiff webp heic ico psd
textgrid eaf pfsx etf trs lab phn wrd ctm stm rttm srt vtt ass lrc sub pitch pitchtier intensitytier formant collection
praat aup aup3 au3 rpp sesx pkf asd peak reapeaks sfk
npy npz pt pth ckpt safetensors onnx h5 hdf5 mat arff pkl pickle feather parquet db sqlite
url lnk desktop bat sh py pyc ipynb m r c cpp h java js css exe dll md5 sha1 sha256 sha512 sig asc
"""
OTHER_ENDINGS = frozenset(f".{ending}" for ending in _OTHER_ENDINGS.split())

_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")


def local_path(written: str | Path) -> Path:
    """A path as people write it, with ~ for the home folder, or as a file:// address.

    >>> local_path("file:///data/my%20clips/a.wav")
    PosixPath('/data/my clips/a.wav')
    """
    text = str(written)
    if text[:7].casefold() == "file://":
        address = urlsplit(text)
        host = "" if address.netloc in ("", "localhost") else f"//{address.netloc}"
        text = host + url2pathname(address.path)
    path = Path(text)
    with suppress(RuntimeError):  # ~somebody who is not known here
        path = path.expanduser()
    return check_unicode(path)


def utterance_id(relative: str) -> str:
    """An utterance's id: its path relative to the corpus, NFC, with forward slashes and without its ending.

    >>> utterance_id("喜び/take 1.WAV")
    '喜び/take 1'
    """
    path = PurePath(relative)
    return nfc((path.parent / path.stem).as_posix())


def files_below(root: Path) -> Iterator[Path]:
    """The files below a folder that are not hidden, by name; links are followed, but no folder is entered twice.

    Raises:
        CorpusError: a folder cannot be looked into.
    """

    def refuse(error: OSError) -> None:
        raise CorpusError(f"corpus: cannot look into {error.filename} ({error.strerror}); make it readable") from None

    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=refuse):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(filter(is_visible, subfolders))
        yield from (Path(folder, name) for name in sorted(filter(is_visible, names)))


def is_visible(name: str) -> bool:
    """Whether a file or folder of this name is the user's own, not hidden and not left by a system."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS


def check_unicode(path: Path) -> Path:
    """Refuse a path with bytes that are no Unicode, such as Shift_JIS names out of a ZIP file: no table can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CorpusError(
            f"corpus: the name of {printable(str(path))} is not Unicode; rename it, or unpack its archive again with"
            " the encoding of its names (unzip -O cp932 for Shift_JIS)"
        ) from None
    return path


def find(path: Path, listings: dict[Path, dict[str, str]]) -> Path:
    """The path as it is spelt on disk, where Unicode's form (NFC, NFD) may differ; one that is missing stays as it is.

    Args:
        listings: what folders were found to hold, kept from call to call.
    """
    try:
        if path.exists() or path == path.parent:
            return path
    except OSError:  # too long a name, or a closed folder: reading it will tell
        return path
    folder = find(path.parent, listings)
    if folder not in listings:
        with suppress(OSError):
            listings[folder] = {nfc(entry.name): entry.name for entry in folder.iterdir()}
    return folder / listings.get(folder, {}).get(nfc(path.name), path.name)


def split_by_content(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Files that are recordings by their ending or their content, and others that may be, but cannot be read as such.

    What is plainly no recording, by its ending or as text that somebody wrote, is in neither.

    Raises:
        CorpusError: the name of one in either is not Unicode.
    """
    recordings, unreadable = [], []
    for path in paths:
        ending = path.suffix.lower()
        if ending in AUDIO_ENDINGS:
            recordings.append(path)
        elif ending in ARCHIVE_ENDINGS | LEFTOVER_ENDINGS or ending.endswith("~"):
            unreadable.append(path)
        elif ending in OTHER_ENDINGS:
            if PurePath(path.stem).suffix.lower() in AUDIO_ENDINGS and audio.can_open(path):  # a.wav.txt, by a mailer
                recordings.append(path)
        elif audio.can_open(path):
            recordings.append(path)
        elif ending in UNREADABLE_ENDINGS or not (path.is_file() and audio.is_plain_text(path)):
            unreadable.append(path)
    for path in (*recordings, *unreadable):
        check_unicode(path)
    return recordings, unreadable


def preference(path: Path) -> tuple[int, Path]:
    """By which to sort the formats of one recording: the best first."""
    ending = path.suffix.lower()
    return (AUDIO_ENDINGS.index(ending) if ending in AUDIO_ENDINGS else len(AUDIO_ENDINGS)), path


def unreadable_remarks(paths: Sequence[Path]) -> list[str]:
    """What to do with files that are not read as recordings, a line for each kind; nothing where there are none."""
    packed = [path for path in paths if path.suffix.lower() in ARCHIVE_ENDINGS]
    left = [path for path in paths if path.suffix.lower() in LEFTOVER_ENDINGS or path.name.endswith("~")]
    told = {*packed, *left}
    others = [path for path in paths if path not in told]
    remarks = [f"{_count(packed)} are archives: if there are recordings in them, unpack them"] if packed else []
    if left:
        remarks.append(f"{_count(left)} are what a download or an editor left, and do not count")
    if others:
        ending = others[0].suffix
        remarks.append(
            f"{_count(others)} cannot be read as audio; if they are recordings, pip install"
            f' "ser-lab[formats]" reads most kinds, or convert them to FLAC: ffmpeg -i old{ending} new.flac'
        )
    return remarks


def _count(paths: Sequence[Path]) -> str:
    endings = ", ".join(sorted({path.suffix.lower() or "no ending" for path in paths}))
    return f"{len(paths)} files ({endings}), such as {paths[0]},"
