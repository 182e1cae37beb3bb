"""Finding the recordings of a list that was made elsewhere: under the user's root, whatever stands before."""

from collections.abc import Iterable
from pathlib import Path, PurePath

from ser.corpora.files import AUDIO_ENDINGS, UNREADABLE_ENDINGS, files_below, preference
from ser.corpora.keys import nfc
from ser.errors import CorpusError

Parts = tuple[str, ...]


def locate(written: Iterable[str], root: Path) -> dict[str, Path]:
    """Of each path the file below `root` that has most folders in common with it, counted from its name backwards.

    Case does not count, nor does the format (`take.mp4` may be there as `take.wav`). What is not there is left out.

    Raises:
        CorpusError: a path may be either of two files, or a file either of two paths.
    """
    files: dict[str, list[tuple[Parts, Path]]] = {}
    for path in files_below(root):
        if path.suffix.lower() in (*AUDIO_ENDINGS, *UNREADABLE_ENDINGS):
            parts = _parts(str(path.relative_to(root)))
            files.setdefault(parts[-1], []).append((parts, path))
    claims: dict[Path, list[tuple[int, str]]] = {}
    for name in written:
        parts = _parts(name)
        depths = [(_common(parts, own), own, path) for own, path in files.get(parts[-1], [])]
        depth = max((depth for depth, _, _ in depths), default=0)
        takes: dict[Parts, list[Path]] = {}
        for own_depth, own, path in depths:
            if own_depth == depth:
                takes.setdefault(own, []).append(path)
        if len(takes) > 1:
            first, second = [paths[0] for paths in takes.values()][:2]
            raise _ambiguous(f"{name} may be {first} or {second}")
        for paths in takes.values():
            claims.setdefault(min(paths, key=preference), []).append((depth, name))
    found = {}
    for path, names in claims.items():
        depth = max(depth for depth, _ in names)
        nearest = list(dict.fromkeys(name for own_depth, name in names if own_depth == depth))
        if len(nearest) > 1:
            raise _ambiguous(f"{path} may be {nearest[0]} or {nearest[1]}")
        found[nearest[0]] = path
    return found


def _parts(path: str) -> Parts:
    pure = PurePath(nfc(path).replace("\\", "/").casefold())
    return *pure.parent.parts, pure.stem


def _common(one: Parts, other: Parts) -> int:
    """How many of the last parts are the same."""
    same = [a == b for a, b in zip(reversed(one), reversed(other), strict=False)]
    return same.index(False) if False in same else len(same)


def _ambiguous(what: str) -> CorpusError:
    return CorpusError(
        f"corpus.root: {what}; name the folder that holds one copy only, with its folders called as in the list"
    )
