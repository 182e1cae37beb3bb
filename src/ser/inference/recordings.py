"""Which recordings are meant: files, folders with all below them, and patterns."""

from collections.abc import Sequence
from pathlib import Path

from ser.corpora.files import AUDIO_ENDINGS, UNREADABLE_ENDINGS, files_below
from ser.errors import PredictError

ENDINGS = {*AUDIO_ENDINGS, *UNREADABLE_ENDINGS}


def find_recordings(places: Sequence[str]) -> list[Path]:
    """The files that are named, those below folders by their endings, and those that patterns fit; each once.

    Raises:
        PredictError: a place does not exist, or there is no recording in it.
    """
    found: dict[Path, None] = {}
    for name in places:
        place = Path(name).expanduser()
        if place.is_dir():
            some = [file for file in files_below(place) if file.suffix.casefold() in ENDINGS]
        elif any(letter in name for letter in "*?[") and not place.exists():
            some = sorted(Path(place.anchor or ".").glob(str(place.relative_to(place.anchor))))
        elif place.exists():
            some = [place]
        else:
            raise PredictError(f"{name}: there is no such recording or folder; check the name")
        if not some:
            raise PredictError(f"{name}: no recording is there; name files, or a folder with some below it")
        found |= dict.fromkeys(some)
    return list(found)
