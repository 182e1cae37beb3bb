"""Finding the recordings of a list that was made elsewhere: under the user's root, whatever stands before."""

from collections.abc import Iterable
from pathlib import Path, PurePath

from ser.corpora.files import AUDIO_ENDINGS, UNREADABLE_ENDINGS, files_below, preference
from ser.corpora.keys import nfc
from ser.errors import CorpusError

Parts = tuple[str, ...]


def locate(written: Iterable[str], root: Path) -> dict[str, Path]:
    """Of each path the file below `root` that has most folders in common with it, counted from its name backwards.

    Case does not count, nor does the format (`take.mp4` may be there as `take.wav`). A file goes to the path that is
    nearest to it, and what nothing is left for is left out. Where no file is called so, `JE_n23` may be `JE/n23`.

    Raises:
        CorpusError: a path may be either of two files, or a file either of two paths.
    """
    files: dict[str, list[tuple[Parts, Path]]] = {}
    joined: dict[str, list[tuple[Parts, Path]]] = {}
    for path in files_below(root):
        if path.suffix.lower() in (*AUDIO_ENDINGS, *UNREADABLE_ENDINGS):
            parts = _parts(str(path.relative_to(root)))
            files.setdefault(parts[-1], []).append((parts, path))
            joined.setdefault("_".join(parts[-2:]), []).append((parts, path))
    near: dict[int, list[tuple[str, Parts, Path]]] = {}
    for name in dict.fromkeys(written):
        parts = _parts(name)
        for own, path in files.get(parts[-1]) or joined.get(parts[-1], []):
            near.setdefault(_common(parts, own), []).append((name, own, path))
    found: dict[str, Path] = {}
    taken: set[Parts] = set()
    for depth in sorted(near, reverse=True):
        takes: dict[str, dict[Parts, list[Path]]] = {}
        for name, own, path in near[depth]:
            if name not in found and own not in taken:
                takes.setdefault(name, {}).setdefault(own, []).append(path)
        takers: dict[Parts, str] = {}
        for name, copies in takes.items():
            if len(copies) > 1:
                first, second = [paths[0] for paths in copies.values()][:2]
                raise _ambiguous(f"{name} may be {first} or {second}")
            [(own, paths)] = copies.items()
            if own in takers:
                raise _ambiguous(f"{paths[0]} may be {takers[own]} or {name}")
            takers[own], found[name] = name, min(paths, key=preference)
        taken.update(takers)
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
