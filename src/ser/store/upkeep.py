"""What lies in the store: listed, checked, and thrown away."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ser.errors import StoreError
from ser.files import LEFTOVER_AGE_S, remove_leftovers
from ser.store.store import ABOUT, LOCK, LOCKS, PARAMETERS, Shard, map_threads, read_shard, shard_names

TOLD = ("sample_rate", "top_db", "encoder", "precision")  # of the parameters; the rest is for the program


@dataclass(frozen=True)
class Kept:
    """What was made with one set of parameters.

    Attributes:
        folder: where it lies; its name stands for it.
        about: its parameters in words.
        n_clips: how many clips it holds.
        n_bytes: on disk.
        last_used: seconds since 1970.
    """

    folder: Path
    about: str
    n_clips: int
    n_bytes: int
    last_used: float


def kept(folder: Path) -> list[Kept]:
    """All that lies in the store, what was used last first.

    Raises:
        StoreError: there is no such folder.
    """
    if not folder.is_dir():
        raise StoreError(f"--store: no folder {folder}; name the folder that paths.store says")
    found = []
    for note in sorted(folder.glob(f"*/{PARAMETERS}")):
        with suppress(FileNotFoundError):  # somebody else has thrown it away meanwhile
            found.append(_describe(note.parent))
    return sorted(found, key=lambda one: -one.last_used)


def damaged(folder: Path) -> list[Path]:
    """Files of what lies in `folder` whose content is not what was written; every byte is read."""
    bad, arrays = [], []
    for name in shard_names(folder):
        try:
            shard = read_shard(folder, name)
            arrays += [(folder / f"{name}.npy", shard, key) for key in shard.entries]
        except ValueError:
            bad.append(folder / f"{name}.npy")
    n_bytes = _size(folder)
    intact = map_threads(_is_intact, arrays, n_bytes=n_bytes, title=f"Checking {folder.name}")
    return sorted({*bad, *(path for (path, _, _), good in zip(arrays, intact, strict=True) if not good)})


def remove(folder: Path) -> bool:
    """Throw a folder of the store away, unless a run is computing what it holds, or a part of it; whether it went.

    Raises:
        StoreError: it cannot be removed.
    """
    with ExitStack() as held:
        try:
            for lock in {folder / LOCK, *folder.glob(LOCKS)}:
                held.enter_context(FileLock(lock).acquire(blocking=False))
            for name in shard_names(folder):  # first, so that what is left by a kill counts as nothing
                (folder / f"{name}.json").unlink(missing_ok=True)
            shutil.rmtree(folder)
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(f"--store: cannot remove {folder} ({error.strerror or error})") from None
    return True


def tidy(folder: Path) -> None:
    """Remove what killed writers have left in a folder of the store more than a day ago."""
    remove_leftovers(folder)
    for path in folder.glob("*.npy"):
        with suppress(OSError):
            is_old = time.time() - path.stat().st_mtime > LEFTOVER_AGE_S
            if is_old and not path.with_suffix(".json").exists():
                path.unlink()


def _is_intact(place: tuple[Path, Shard, str]) -> bool:
    _, shard, key = place
    return shard.is_intact(key)


def _describe(folder: Path) -> Kept:
    notes = [_read(folder / name) for name in (ABOUT, PARAMETERS)]
    words = list(dict.fromkeys(word for note in notes for word in _words(note)))
    keys = {key for name in shard_names(folder) for key in _read(folder / f"{name}.json")}
    return Kept(folder, ", ".join(words), len(keys), _size(folder), folder.stat().st_mtime)


def _size(folder: Path) -> int:
    """Bytes of all files; those that a run renames meanwhile are passed over."""
    total = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _words(values: Mapping[str, Any]) -> Iterator[str]:
    """Parameters such as "top_db 20.0"; without digests, and what only the program can read."""
    for key, value in values.items():
        if isinstance(value, Mapping) and key != "libraries":
            yield from _words(value)
        elif isinstance(value, str) and key == "feature":
            yield value
        elif isinstance(value, str | int | float) and key in TOLD:
            yield f"{key} {value}"


def choose(all_kept: Sequence[Kept], names: Sequence[str], older_than_days: float | None) -> list[Kept]:
    """Those of these names (none: all) that were last used more than so many days ago.

    Raises:
        StoreError: there is none of a name.
    """
    known = {one.folder.name for one in all_kept}
    for name in names:
        if name not in known:
            raise StoreError(f"{name}: nothing of that name is in the store; ser store list shows what is there")
    latest = time.time() - (older_than_days or 0) * 24 * 3600
    return [one for one in all_kept if (not names or one.folder.name in names) and one.last_used <= latest]
