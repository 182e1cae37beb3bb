"""Waveforms of a corpus: read once, and kept in the store."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ser import audio
from ser.corpora.base import Utterance
from ser.errors import AudioError
from ser.store.store import Array, Store

READ_AHEAD = 256  # clips
WAVEFORM_RECIPE = 1  # raise it when audio.load gives other samples than before


@dataclass
class Recordings:
    """Waveforms of a corpus, by utterance id.

    Attributes:
        waveforms: mono samples (samples,), float32, memory-mapped.
        digests: of each waveform's samples; the same recording under two names has one digest.
        keys: of the clips in the store: the digest of each file's content.
        broken: why a clip was left out, for those that could not be used.
        parameters: all that the samples depend on beside the files.
    """

    waveforms: dict[str, Array] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        rate: int = self.parameters["sample_rate"]
        return rate


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
    recordings = Recordings(parameters=parameters)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys: dict[str, str] = {}
        for utterance, (key, problem) in zip(utterances, pool.map(_file_key, utterances), strict=True):
            if problem:
                recordings.broken[utterance.id] = problem
            else:
                keys[utterance.id] = key
        store.verify(keys.values())
        missing = {keys[u.id]: u for u in utterances if u.id in keys and keys[u.id] not in store}
        if missing:
            # A whole store may be read-only: what is missing there are clips that cannot be read.
            with store.alone() if os.access(store.folder, os.W_OK) else nullcontext():
                left = {key: utterance for key, utterance in missing.items() if key not in store}
                if left:
                    store.add(_read_clips(left, pool, recordings.broken, sample_rate=sample_rate, top_db=top_db))
    paths = {utterance.id: utterance.path for utterance in utterances}
    for name, key in keys.items():
        if key in store:
            recordings.waveforms[name] = store[key]
            recordings.digests[name] = store.digest(key)
            recordings.keys[name] = key
        else:
            # A broken file may be there under several names; it was read, and failed, once.
            read = missing[key]
            problem = recordings.broken[read.id].replace(str(read.path), str(paths[name]))
            recordings.broken[name] = problem
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
