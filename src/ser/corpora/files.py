"""What corpora of people's own recordings share: which files are audio, and how names are read."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from ser.errors import CorpusError

# Lossless first: of a recording that is there in several formats, the first of these counts.
AUDIO_ENDINGS = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".oga", ".opus", ".mp3")
UNREADABLE_ENDINGS = (".m4a", ".aac", ".wma", ".webm", ".mp4", ".amr", ".3gp")

_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")


def nfc(text: str) -> str:
    """Text with every letter in one piece (NFC); macOS may write が as か and a voicing mark (NFD)."""
    return unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """A name as it is compared: NFC, without blanks around it, and one blank for several (the ideographic one too).

    >>> clean("　山田  太郎 ")
    '山田 太郎'
    """
    return " ".join(nfc(text).split())


def emotion_name(text: str) -> str:
    """An emotion as `ser.corpora.labels` spells it: clean and in lower case, so that Happy and happy are one class.

    >>> emotion_name(" Happy "), emotion_name("喜び")
    ('happy', '喜び')
    """
    return nfc(clean(text).casefold())


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
        CorpusError: a folder cannot be looked into, or a name is not Unicode.
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
        yield from (check_unicode(Path(folder, name)) for name in sorted(filter(is_visible, names)))


def is_visible(name: str) -> bool:
    """Whether a file or folder of this name is the user's own, not hidden and not left by a system."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS


def check_unicode(path: Path) -> Path:
    """Refuse a path with bytes that are no Unicode, such as Shift_JIS names out of a ZIP file: no table can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise CorpusError(
            f"corpus: the name of {shown} is not Unicode; rename it, or unpack its archive again with the encoding of"
            " its names (unzip -O cp932 for Shift_JIS)"
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


def unreadable_remark(paths: Sequence[Path]) -> list[str]:
    """How to convert files whose format cannot be read; nothing where there are none."""
    if not paths:
        return []
    endings = ", ".join(sorted({path.suffix.lower() for path in paths}))
    return [
        f"{len(paths)} files in formats that cannot be read ({endings}), such as {paths[0]}; convert them to FLAC:"
        f" ffmpeg -i old{paths[0].suffix} new.flac"
    ]
