"""Which recordings are meant: files, folders with all below them, and patterns."""

import os
from collections.abc import Sequence
from pathlib import Path

from ser.corpora.files import AUDIO_ENDINGS, UNREADABLE_ENDINGS, files_below
from ser.errors import PredictError
from ser.files import printable

ENDINGS = {*AUDIO_ENDINGS, *UNREADABLE_ENDINGS}


def find_recordings(places: Sequence[str]) -> list[Path]:
    """The files that are named, those below folders by their endings, and those that patterns fit; each once.

    Raises:
        PredictError: a place does not exist, or there is no recording in it.
    """
    found: dict[str, Path] = {}
    for name in places:
        place = Path(name).expanduser()
        hits = [place]
        if any(letter in name for letter in "*?[") and not place.exists():
            hits = sorted(Path(place.anchor or ".").glob(str(place.relative_to(place.anchor))))
            hits = [hit for hit in hits if not hit.name.startswith(".")]
        elif not place.exists():
            raise PredictError(f"{printable(name)}: there is no such recording or folder; check the name")
        some = [file for hit in hits for file in (_below(hit) if hit.is_dir() else [hit])]
        if not some:
            raise PredictError(f"{printable(name)}: no recording is there; name files, or a folder with some below it")
        for file in some:
            found.setdefault(os.path.normpath(file.absolute()), file)
    return list(found.values())


def _below(folder: Path) -> list[Path]:
    return [file for file in files_below(folder) if file.suffix.casefold() in ENDINGS]
