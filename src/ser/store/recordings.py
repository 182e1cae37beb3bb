"""Waveforms of a corpus: read once, and kept in the store."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ser import audio
from ser.audio import CANCELLING, OTHER_LENGTH
from ser.corpora.base import WHOLE, Utterance
from ser.errors import AudioError
from ser.files import digest
from ser.store.store import Array, Store

READ_AHEAD = 256  # clips
WAVEFORM_RECIPE = 2  # raise it when ser.audio gives other samples than before

REMARKS = {
    OTHER_LENGTH: "files hold more or less sound than they say; what they hold is used",
    CANCELLING: "files have channels that cancel each other",
}


@dataclass
class Recordings:
    """Waveforms of a corpus, by utterance id.

    Attributes:
        waveforms: mono samples (samples,), float32, memory-mapped.
        digests: of each waveform's samples; the same recording under two names has one digest.
        keys: of the clips in the store: the digest of each file's content, and of a segment's times.
        broken: why a clip was left out, for those that could not be used.
        files: of each clip's file, the digest of its content.
        remarks: what somebody should know of a file, by kind; see `ser.audio.Reading`.
        parameters: all that the samples depend on beside the files.
        part: which part of a corpus these are, where several processes fill the store with a part each; empty: all.
        made: of the waveforms and of each frozen feature, how many clips were in the store, and how many are since.
    """

    waveforms: dict[str, Array] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""
    made: dict[str, tuple[int, int]] = field(default_factory=dict)

    def about(self, usable: Sequence[Utterance]) -> list[str]:
        """What somebody should know of the files that were read for some utterances."""
        told = []
        for kind, what in REMARKS.items():
            notes = {utterance.path: self.remarks.get(utterance.id, {}) for utterance in usable}
            found = [(path, note[kind]) for path, note in notes.items() if kind in note]
            if found:
                told.append(f"{len(found)} {what}, such as {found[0][0]} ({found[0][1]})")
        return told

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        rate: int = self.parameters["sample_rate"]
        return rate


def load_recordings(
    utterances: Sequence[Utterance],
    folder: Path,
    *,
    sample_rate: int,
    top_db: float | None,
    below_db: float | None = None,
    part: str = "",
) -> Recordings:
    """Read, mix, resample and trim every clip once; later calls find the result in the store below `folder`.

    A clip is found again by the content of its file, so a changed file is read anew and a renamed one is not.

    Args:
        utterances: of the corpus, or of a part of it.
        folder: of all stores.
        sample_rate: in Hz.
        top_db: what is so much below the loudest is trimmed from both ends; None: nothing.
        below_db: only what is so much below the loudest is kept, see `ser.audio.pauses`; None: all.
        part: see `Recordings`.

    Raises:
        StoreError: the store cannot be written.
    """
    parameters = {
        "sample_rate": sample_rate,
        "top_db": top_db,
        "recipe": WAVEFORM_RECIPE,
        "libraries": {name: version(name) for name in ("librosa", "soundfile", "soxr")},
        **({} if below_db is None else {"below_db": below_db}),
    }
    how = {"sample_rate": sample_rate, "top_db": top_db, "below_db": below_db}
    store = Store(folder, kind="waveforms", parameters=parameters)
    recordings = Recordings(parameters=parameters, part=part)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = {utterance.path: None for utterance in utterances}
        digests = dict(zip(paths, pool.map(_file_digest, paths), strict=True))
        keys: dict[str, str] = {}
        for utterance in utterances:
            found = digests[utterance.path]
            if isinstance(found, AudioError):
                recordings.broken[utterance.id] = str(found)
            else:
                keys[utterance.id] = _key(utterance, found)
                recordings.files[utterance.id] = found
        store.verify(keys.values())
        missing = {keys[u.id]: u for u in utterances if u.id in keys and keys[u.id] not in store}
        if missing:
            # A whole store may be read-only: what is missing there are clips that cannot be read.
            with store.alone(part) if os.access(store.folder, os.W_OK) else nullcontext():
                left = {key: utterance for key, utterance in missing.items() if key not in store}
                if left:
                    notes: dict[str, Mapping[str, str]] = {}
                    clips = _read_clips(left, pool, recordings.broken, notes, how)
                    store.add(clips, notes)
    n_made = sum(key in store for key in missing)
    recordings.made["waveforms"] = len({*keys.values()}) - len(missing), n_made
    by_name = {utterance.id: utterance for utterance in utterances}
    for name, key in keys.items():
        if key in store:
            recordings.waveforms[name] = store[key]
            recordings.digests[name] = store.digest(key)
            recordings.keys[name] = key
            if note := store.note(key):
                recordings.remarks[name] = note
        else:
            # A broken file may be there under several names; it was read, and failed, once.
            read = missing[key]
            problem = recordings.broken[read.id].replace(str(read.path), str(by_name[name].path))
            recordings.broken[name] = problem
    return recordings


def _file_digest(path: Path) -> str | AudioError:
    """Of a file's content; or why it cannot be read."""
    try:
        audio.check_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except AudioError as error:
        return error
    except OSError as error:
        return AudioError(f"{path}: cannot be read ({error.strerror})")


def _key(utterance: Utterance, file_digest: str) -> str:
    """By which a clip is found again: the content of its file, and the times of its segment."""
    if utterance.segment == WHOLE:
        return file_digest
    return digest(f"{file_digest} {utterance.segment}".encode())


def _read_clips(
    missing: Mapping[str, Utterance],
    pool: ThreadPoolExecutor,
    broken: dict[str, str],
    notes: dict[str, Mapping[str, str]],
    how: Mapping[str, Any],
) -> Iterator[tuple[str, Array]]:
    """Keys and waveforms of what can be used, file by file; `broken` and `notes` take in what is said of the clips.

    Args:
        how: they are prepared, see `ser.audio.prepare`.
    """
    from rich.progress import Progress

    def read(clips: Mapping[str, Utterance]) -> list[tuple[Array, Mapping[str, str]] | AudioError]:
        path = next(iter(clips.values())).path
        readings = audio.read_segments(path, [utterance.segment for utterance in clips.values()])
        readings.reverse()
        return [prepare(utterance, readings.pop()) for utterance in clips.values()]  # popped, to keep no original

    def prepare(
        utterance: Utterance, reading: audio.Reading | AudioError
    ) -> tuple[Array, Mapping[str, str]] | AudioError:
        if isinstance(reading, AudioError):
            return reading
        name = f"{utterance.path}" if utterance.segment == WHOLE else f"{utterance.path}, {utterance.segment} s"
        try:
            return audio.prepare(name, reading, **how), reading.remarks
        except AudioError as error:
            return error

    by_file: dict[Path, dict[str, Utterance]] = {}
    for key, utterance in missing.items():
        by_file.setdefault(utterance.path, {})[key] = utterance
    with Progress() as progress:
        bar = progress.add_task("Reading audio", total=len(missing))
        for some in _groups(by_file.values()):  # not all at once: what is read waits in memory to be written
            for clips, results in zip(some, pool.map(read, some), strict=True):
                for (key, utterance), result in zip(clips.items(), results, strict=True):
                    progress.advance(bar)
                    if isinstance(result, AudioError):
                        broken[utterance.id] = str(result)
                    else:
                        waveform, notes[key] = result
                        yield key, waveform


def _groups(files: Iterable[Mapping[str, Utterance]]) -> Iterator[list[Mapping[str, Utterance]]]:
    """Files of `READ_AHEAD` clips together, or of one file more."""
    group: list[Mapping[str, Utterance]] = []
    for clips in files:
        group.append(clips)
        if sum(map(len, group)) >= READ_AHEAD:
            yield group
            group = []
    if group:
        yield group
