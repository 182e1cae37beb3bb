"""A content-addressed cache of arrays on disk.

One folder for each kind of content and set of parameters, so that what was made with other parameters is
never served. In it lie shards: `<name>.npy`, arrays laid end to end, and `<name>.json`, which says where each
begins. A shard counts once its index is there, and the index is written last: a kill loses the shard at work only.
Writers need no lock, for a shard is named by what it holds; those that would do long work twice take one (`alone`),
and those that do different parts of it, such as several machines at once, one for each part.
"""

import json
import logging
import math
import operator
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.errors import StoreError
from ser.files import digest, hold, remove_leftovers, replacing

log = logging.getLogger("ser")

SHARD_BYTES = 32 * 2**20
SHARD_S = 60.0  # of work, which is the most that a kill may lose
QUIET_BYTES = 2**30  # checking so much takes a second or two
PARAMETERS, ABOUT, LOCK, LOCKS = "parameters.json", "about.json", "writer.lock", "writer*.lock"

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Entry:
    shard: str
    offset: int
    shape: tuple[int, ...]
    digest: str
    note: Mapping[str, str]


@dataclass(frozen=True)
class Shard:
    """Arrays laid end to end, memory-mapped, and where each lies."""

    array: Array
    entries: Mapping[str, _Entry]

    def __getitem__(self, key: str) -> Array:
        entry = self.entries[key]
        return self.array[entry.offset : entry.offset + math.prod(entry.shape)].reshape(entry.shape)

    def is_intact(self, key: str) -> bool:
        """Whether an array is as it was written."""
        return digest(self[key]) == self.entries[key].digest


def shard_names(folder: Path) -> list[str]:
    """Names of the shards in the folder of a store that have an index."""
    # Hidden files are being written.
    return sorted(path.stem for path in folder.glob("[!.]*.json") if path.name not in (PARAMETERS, ABOUT))


def read_shard(folder: Path, name: str) -> Shard:
    """Open a shard; its arrays' content is not looked at.

    Raises:
        ValueError: it is damaged.
    """
    try:
        index = json.loads((folder / f"{name}.json").read_text())
        array = np.load(folder / f"{name}.npy", mmap_mode="r")
        entries, end = {}, 0
        for key, entry in index.items():
            shape = tuple(map(operator.index, entry["shape"]))
            if entry["offset"] != end:
                raise ValueError
            entries[key] = _Entry(name, end, shape, entry["digest"], dict(entry.get("note", {})))
            end += math.prod(shape)
        if array.shape != (end,) or not entries:
            raise ValueError
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{folder / name}.npy is damaged") from None
    return Shard(array, entries)


def map_threads(function: Any, items: Iterable[Any], *, n_bytes: int, title: str) -> list[Any]:
    """Results of a function that lets go of Python's lock, such as making digests; with a bar where that takes long."""
    from rich.progress import track

    items = list(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(function, items)
        quiet = n_bytes < QUIET_BYTES or not sys.stdout.isatty()
        return list(track(results, title, total=len(items), disable=quiet))


class Store:
    """Arrays by key, for one kind of content made with one set of parameters.

    Args:
        folder: of all stores; this one lies in a folder therein.
        kind: of the content; part of the folder's name.
        parameters: JSON values that the content depends on, beside its keys.
        dtype: of the arrays.
        about: JSON values for people; nothing depends on them.

    Raises:
        StoreError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: str,
        parameters: Mapping[str, Any],
        dtype: npt.DTypeLike = np.float32,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        described = json.dumps(dict(parameters), sort_keys=True, indent=1)
        self.folder = folder / f"{kind}-{digest(described.encode())[:16]}"
        self.dtype = np.dtype(dtype)
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            note = self.folder / PARAMETERS
            if not note.exists() or note.read_bytes() != described.encode():  # a whole store may be read-only
                _write_text(note, described)
            if about is not None and not (self.folder / ABOUT).exists():
                _write_text(self.folder / ABOUT, json.dumps(dict(about), sort_keys=True, indent=1))
        with suppress(OSError):
            os.utime(self.folder)  # tells when it was last used
        remove_leftovers(self.folder)
        self._entries: dict[str, _Entry] = {}
        self._shards: dict[str, Shard] = {}
        self._checked: set[str] = set()
        self.refresh()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> Array:
        """The array of a key, as a view of the memory-mapped shard."""
        return self._shards[self._entries[key].shard][key]

    def digest(self, key: str) -> str:
        """Hash of the content of a key's array: equal for identical recordings."""
        return self._entries[key].digest

    def note(self, key: str) -> Mapping[str, str]:
        """What was noted when a key's array was made."""
        return self._entries[key].note

    def refresh(self) -> None:
        """Take in shards that others have written."""
        for name in shard_names(self.folder):
            if name not in self._shards:
                self._open(name)

    def verify(self, keys: Iterable[str]) -> None:
        """Hash the arrays of those of the keys that are there; a shard that is damaged is said and removed."""
        keys = sorted({key for key in keys if key in self} - self._checked)
        n_bytes = sum(self[key].nbytes for key in keys)
        shards = {key: self._shards[self._entries[key].shard] for key in keys}
        intact = map_threads(lambda key: shards[key].is_intact(key), keys, n_bytes=n_bytes, title="Checking the store")
        self._checked.update(keys)
        for name in {self._entries[key].shard for key, good in zip(keys, intact, strict=True) if not good}:
            self._remove(name)

    @contextmanager
    def alone(self, part: str = "") -> Iterator[None]:
        """Keep others that call this out meanwhile; wait for one that is at work, and take in what it has made.

        Args:
            part: of the work, a word for a file's name; those at work on other parts are not kept out.

        Raises:
            StoreError: the folder cannot be written.
        """
        name, what = (LOCKS.replace("*", f"-{part}"), f"part {part} of ") if part else (LOCK, "")
        with _writing(self.folder):
            lock = hold(self.folder / name, f"another run is filling {what}{self.folder}; waiting for it")
        with lock:
            self.refresh()
            yield

    def add(self, items: Iterable[tuple[str, Array]], notes: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Keep arrays as they come, a shard at a time.

        Args:
            items: key and array.
            notes: what else is to be kept of a key; looked at when its array has come.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        self.add_batches(([item] for item in items), notes)

    def add_batches(
        self, batches: Iterable[Iterable[tuple[str, Array]]], notes: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """As `add`; what is made together is kept together, or lost together.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        waiting: dict[str, Array] = {}
        size, begun = 0, time.monotonic()
        try:
            for batch in batches:
                made = dict(batch)
                waiting |= made
                size += sum(array.nbytes for array in made.values())
                if size >= SHARD_BYTES or time.monotonic() - begun >= SHARD_S:
                    self._write(waiting, notes or {})
                    waiting, size, begun = {}, 0, time.monotonic()
        except KeyboardInterrupt:
            if waiting:
                self._write(waiting, notes or {})
            raise
        if waiting:
            self._write(waiting, notes or {})

    def _write(self, arrays: Mapping[str, Array], notes: Mapping[str, Mapping[str, str]]) -> None:
        name = digest("".join(arrays).encode())
        index: dict[str, dict[str, Any]] = {}
        offset = 0
        for key, array in arrays.items():
            index[key] = {"offset": offset, "shape": array.shape, "digest": digest(np.ascontiguousarray(array))}
            index[key] |= {"note": dict(notes[key])} if notes.get(key) else {}
            offset += array.size
        with _writing(self.folder):
            with replacing(self.folder / f"{name}.npy") as beside:
                np.save(beside, np.concatenate([array.ravel() for array in arrays.values()]))
            _write_text(self.folder / f"{name}.json", json.dumps(index))
        self._open(name)

    def _open(self, name: str) -> None:
        """Take a shard in; one that is damaged is removed, and what it held is made again."""
        try:
            shard = read_shard(self.folder, name)
            if shard.array.dtype != self.dtype:
                raise ValueError
        except ValueError:
            self._remove(name)
            return
        self._shards[name] = shard
        self._entries |= shard.entries

    def _remove(self, name: str) -> None:
        log.warning("%s was damaged; what it held is made again", self.folder / f"{name}.npy")
        self._shards.pop(name, None)
        self._entries = {key: entry for key, entry in self._entries.items() if entry.shard != name}
        with suppress(OSError):  # read-only: it is passed over each time
            for ending in ("json", "npy"):
                (self.folder / f"{name}.{ending}").unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"paths.store: cannot write to {folder} ({error.strerror or error}); free space or set paths.store=<folder>"
        ) from None
