"""A content-addressed cache of arrays on disk, and the waveforms kept in it.

One folder for each kind of content and set of parameters, so that what was made with other parameters is
never served. In it lie shards: `<name>.npy`, arrays laid end to end, and `<name>.json`, which says where each
begins. A shard counts once its index is there, and the index is written last: a kill loses the shard at work only.
Writers need no lock, for a shard is named by what it holds.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser import audio
from ser.corpora.base import Utterance
from ser.errors import AudioError, StoreError
from ser.paths import replacing, sweep

SHARD_BYTES = 32 * 2**20
READ_AHEAD = 256  # clips
WAVEFORM_RECIPE = 1  # raise it when audio.load gives other samples than before

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Entry:
    shard: str
    offset: int
    shape: tuple[int, ...]
    digest: str


def digest(data: Any) -> str:
    """Hash of a bytes-like object, 128 bits in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Store:
    """Arrays of float32 by key, for one kind of content made with one set of parameters."""

    def __init__(self, folder: Path, *, kind: str, parameters: Mapping[str, Any]) -> None:
        described = json.dumps(dict(parameters), sort_keys=True, indent=1)
        self.folder = folder / f"{kind}-{digest(described.encode())[:16]}"
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            note = self.folder / "parameters.json"
            if not note.exists() or note.read_bytes() != described.encode():  # a whole store may be read-only
                with replacing(note) as beside:
                    beside.write_text(described)
        sweep(self.folder)
        self._entries: dict[str, _Entry] = {}
        self._shards: dict[str, Array] = {}
        for index in sorted(self.folder.glob("*.json")):
            if index.name != "parameters.json":
                self._open(index.stem)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> Array:
        """The array of a key, as a view of the memory-mapped shard."""
        entry = self._entries[key]
        flat = self._shards[entry.shard][entry.offset : entry.offset + int(np.prod(entry.shape))]
        return flat.reshape(entry.shape)

    def digest(self, key: str) -> str:
        """Hash of the content of a key's array: equal for identical recordings."""
        return self._entries[key].digest

    def add(self, items: Iterable[tuple[str, Array]]) -> None:
        """Keep arrays as they come, a shard at a time.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        waiting: dict[str, Array] = {}
        size = 0
        for key, array in items:
            waiting[key] = array
            size += array.nbytes
            if size >= SHARD_BYTES:
                self._write(waiting)
                waiting, size = {}, 0
        if waiting:
            self._write(waiting)

    def _write(self, arrays: Mapping[str, Array]) -> None:
        name = digest("".join(arrays).encode())
        index, offset = {}, 0
        for key, array in arrays.items():
            index[key] = {"offset": offset, "shape": array.shape, "digest": digest(np.ascontiguousarray(array))}
            offset += array.size
        with _writing(self.folder):
            with replacing(self.folder / f"{name}.npy") as beside:
                np.save(beside, np.concatenate([array.ravel() for array in arrays.values()]))
            with replacing(self.folder / f"{name}.json") as beside:
                beside.write_text(json.dumps(index))
        self._open(name)

    def _open(self, name: str) -> None:
        """Take a shard in; one that is damaged is passed over, and what it held is made again."""
        try:
            index = json.loads((self.folder / f"{name}.json").read_text())
            shard = np.load(self.folder / f"{name}.npy", mmap_mode="r")
            entries = {key: _Entry(name, e["offset"], tuple(e["shape"]), e["digest"]) for key, e in index.items()}
            whole = shard.shape == (sum(int(np.prod(entry.shape)) for entry in entries.values()),)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
            return
        if whole:
            self._shards[name] = shard
            self._entries |= entries


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"paths.store: cannot write to {folder} ({error.strerror or error}); free space or set paths.store=<folder>"
        ) from None


@dataclass
class Recordings:
    """Waveforms of a corpus, by utterance id.

    Attributes:
        waveforms: mono samples (samples,), float32, memory-mapped.
        digests: hash of each waveform's samples; the same recording under two names has one digest.
        files: hash of each file's content.
        broken: why a clip was left out, for those that could not be used.
    """

    waveforms: dict[str, Array] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def load_recordings(
    utterances: Sequence[Utterance], folder: Path, *, sample_rate: int, top_db: float | None
) -> Recordings:
    """Read, mix, resample and trim every clip once; later calls find the result in the store below `folder`.

    A clip is found again by the content of its file, so a changed file is read anew and a renamed one is not.

    Raises:
        StoreError: the store cannot be written.
    """
    parameters = {
        "sample_rate": sample_rate,
        "top_db": top_db,
        "recipe": WAVEFORM_RECIPE,
        "libraries": {name: version(name) for name in ("librosa", "soundfile", "soxr")},
    }
    store = Store(folder, kind="waveforms", parameters=parameters)
    recordings = Recordings()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys: dict[str, str] = {}
        for utterance, (key, problem) in zip(utterances, pool.map(_file_key, utterances), strict=True):
            if problem:
                recordings.broken[utterance.id] = problem
            else:
                keys[utterance.id] = key
        missing = {keys[u.id]: u for u in utterances if u.id in keys and keys[u.id] not in store}
        if missing:
            store.add(_read_clips(missing, pool, recordings.broken, sample_rate=sample_rate, top_db=top_db))
    paths = {utterance.id: utterance.path for utterance in utterances}
    for identity, key in keys.items():
        if key in store:
            recordings.waveforms[identity] = store[key]
            recordings.digests[identity] = store.digest(key)
            recordings.files[identity] = key
        else:
            # A broken file may be there under several names; it was read, and failed, once.
            read = missing[key]
            problem = recordings.broken[read.id].replace(str(read.path), str(paths[identity]))
            recordings.broken[identity] = problem
    return recordings


def _file_key(utterance: Utterance) -> tuple[str, str]:
    try:
        audio.check_file(utterance.path)
        with utterance.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest(), ""
    except AudioError as error:
        return "", str(error)
    except OSError as error:
        return "", f"{utterance.path}: cannot be read ({error.strerror})"


def _read_clips(
    missing: Mapping[str, Utterance],
    pool: ThreadPoolExecutor,
    broken: dict[str, str],
    *,
    sample_rate: int,
    top_db: float | None,
) -> Iterator[tuple[str, Array]]:
    from rich.progress import track

    def read(utterance: Utterance) -> Array | AudioError:
        try:
            return audio.load(utterance.path, sample_rate=sample_rate, top_db=top_db)
        except AudioError as error:
            return error

    def results() -> Iterator[tuple[tuple[str, Utterance], Array | AudioError]]:
        waiting = list(missing.items())
        for start in range(0, len(waiting), READ_AHEAD):  # not all at once: what is read waits in memory to be written
            some = waiting[start : start + READ_AHEAD]
            yield from zip(some, pool.map(read, [utterance for _, utterance in some]), strict=True)

    for (key, utterance), result in track(results(), "Reading audio", total=len(missing)):
        if isinstance(result, AudioError):
            broken[utterance.id] = str(result)
        else:
            yield key, result
