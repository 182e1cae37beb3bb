import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ser import audio
from ser.corpora.base import Segment, Utterance
from ser.errors import AudioError, StoreError
from ser.store import store
from ser.store.recordings import Recordings, load_recordings
from ser.store.store import Store
from ser.store.upkeep import remove
from tests.conftest import FAST, Command

RATE = 16_000
Array = npt.NDArray[np.float32]


def noise(seed: int, n_samples: int = 2000) -> Array:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n_samples).astype(np.float32)


def write_clips(root: Path, n_clips: int) -> list[Utterance]:
    root.mkdir(exist_ok=True)
    for number in range(n_clips):
        soundfile.write(root / f"{number:02}.wav", noise(number, 2000 + 100 * number), RATE, subtype="FLOAT")
    return listing(root)


def listing(root: Path) -> list[Utterance]:
    return [Utterance(path.stem, path, "sad", None, "made") for path in sorted(root.glob("*.wav"))]


def load(utterances: list[Utterance], folder: Path, **settings: Any) -> Recordings:
    return load_recordings(utterances, folder, **{"sample_rate": RATE, "top_db": None, **settings})


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the clips that are read and resampled from now on."""
    names: list[str] = []
    original = audio.read_segments

    def counted(path: Path, segments: Sequence[audio.Segment]) -> list[audio.Reading | AudioError]:
        names.append(path.stem)
        return original(path, segments)

    monkeypatch.setattr(audio, "read_segments", counted)
    return names


def assert_content(recordings: Recordings, utterances: list[Utterance]) -> None:
    assert sorted(recordings.waveforms) == sorted(recordings.digests) == sorted(u.id for u in utterances)
    for utterance in utterances:
        np.testing.assert_array_equal(recordings.waveforms[utterance.id], audio.read(utterance.path)[0])


# The store itself


def test_reading_clips_keeps_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utterances = write_clips(tmp_path / "clips", 2)
    free = []
    read = audio.read_segments

    def watched(path: Path, segments: Sequence[audio.Segment]) -> list[audio.Reading | AudioError]:
        [folder] = (tmp_path / "store").glob("waveforms-*")
        free.append(remove(folder))
        return read(path, segments)

    monkeypatch.setattr(audio, "read_segments", watched)
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert free == [False, False]


def test_parts_are_filled_at_once_and_each_by_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ser")
    first, second = (Store(tmp_path, kind="things", parameters={}) for _ in range(2))

    def again() -> None:
        with second.alone("1-of-2"):
            second.add([(key, noise(1)) for key in ("a", "b") if key not in second])

    with first.alone("1-of-2"):
        with second.alone("2-of-2"):
            assert not remove(first.folder)
        waiting = threading.Thread(target=again)
        waiting.start()
        while "another run is filling part 1-of-2" not in caplog.text:
            time.sleep(0.01)
        first.add([("a", noise(0))])
    waiting.join()
    np.testing.assert_array_equal(second["a"], noise(0))
    assert "b" in second and remove(first.folder) and not first.folder.exists()


def test_gives_back_what_was_added(tmp_path: Path) -> None:
    arrays = {"a": noise(0), "b": noise(1, 12).reshape(3, 4), "c": noise(2, 1)}
    kept = Store(tmp_path, kind="things", parameters={"x": 1})
    kept.add(arrays.items())
    for opened in (kept, Store(tmp_path, kind="things", parameters={"x": 1})):
        assert "d" not in opened
        for key, array in arrays.items():
            assert key in opened
            np.testing.assert_array_equal(opened[key], array)
        assert len({opened.digest(key) for key in arrays}) == len(arrays)


def test_arrays_are_memory_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    kept = Store(tmp_path, kind="things", parameters={})
    kept.add([("a", noise(0))])
    base: Any = kept["a"]
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        kept["a"][0] = 1


def test_other_kinds_and_parameters_do_not_share(tmp_path: Path) -> None:
    Store(tmp_path, kind="things", parameters={"x": 1, "y": None}).add([("a", noise(0))])
    assert "a" in Store(tmp_path, kind="things", parameters={"y": None, "x": 1})
    for kind, parameters in (("things", {"x": 2, "y": None}), ("things", {"x": 1}), ("others", {"x": 1, "y": None})):
        assert "a" not in Store(tmp_path, kind=kind, parameters=parameters)


def test_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    kept = Store(tmp_path, kind="things", parameters={"rate": 3, "top": None})
    assert json.loads((kept.folder / "parameters.json").read_text()) == {"rate": 3, "top": None}


def test_half_precision(tmp_path: Path) -> None:
    array = noise(0).reshape(4, -1).astype(np.float16)
    empty = np.zeros((4, 0), np.float16)
    kept = Store(tmp_path, kind="things", parameters={}, dtype=np.float16)
    kept.add([("a", array)])
    kept.add([("empty", empty)])
    kept = Store(tmp_path, kind="things", parameters={}, dtype=np.float16)
    assert kept["a"].dtype == np.float16 and kept["empty"].shape == (4, 0)
    np.testing.assert_array_equal(kept["a"], array)


def test_a_shard_is_written_once_a_minute_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_S", 0.05)
    kept = Store(tmp_path, kind="things", parameters={})

    def slow() -> Iterator[tuple[str, Array]]:
        for number in range(6):
            time.sleep(0.03)
            yield str(number), noise(number)
            assert len(kept._entries) >= number - 2

    kept.add(slow())
    assert 2 < len(store.shard_names(kept.folder)) < 6


def test_what_is_made_together_is_not_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    kept = Store(tmp_path, kind="things", parameters={})
    kept.add_batches([[("a", noise(0)), ("b", noise(1))], [("c", noise(2))]])
    held = [set(store.read_shard(kept.folder, name).entries) for name in store.shard_names(kept.folder)]
    assert sorted(held, key=len) == [{"c"}, {"a", "b"}]


def test_ctrl_c_keeps_what_is_whole(tmp_path: Path) -> None:
    whole = [[("a", noise(0)), ("b", noise(1))], [("c", noise(2))]]

    def interrupted(n_whole: int) -> Iterator[list[tuple[str, Array]]]:
        yield from whole[:n_whole]
        raise KeyboardInterrupt

    for n_whole, keys in ((0, ""), (2, "abc")):
        kept = Store(tmp_path, kind="things", parameters={"n": n_whole})
        with pytest.raises(KeyboardInterrupt):
            kept.add_batches(interrupted(n_whole))
        opened = Store(tmp_path, kind="things", parameters={"n": n_whole})
        assert [key for key in "abc" if key in opened] == list(keys)
    for key, array in (pair for batch in whole for pair in batch):
        np.testing.assert_array_equal(opened[key], array)


def test_the_folder_tells_when_it_was_used(tmp_path: Path) -> None:
    folder = Store(tmp_path, kind="things", parameters={}).folder
    os.utime(folder, (0, 0))
    Store(tmp_path, kind="things", parameters={})
    assert time.time() - folder.stat().st_mtime < 60


def test_stores_that_users_have_stay_valid(tmp_path: Path) -> None:
    parameters = {"sample_rate": 16000, "top_db": None, "recipe": 1}
    kept = Store(tmp_path, kind="waveforms", parameters=parameters)
    kept.add([("a", np.arange(5, dtype=np.float32)), ("b", np.ones(3, np.float32))])
    assert kept.folder.name == "waveforms-83437c8667d6628d"
    [name] = store.shard_names(kept.folder)
    assert name == "3dc9ae220222e2e156b2a5abb60d01c7"
    assert json.loads((kept.folder / f"{name}.json").read_text()) == {
        "a": {"offset": 0, "shape": [5], "digest": kept.digest("a")},
        "b": {"offset": 5, "shape": [3], "digest": "0e2942e7550ae7f13719a89dd4ee4b8f"},
    }


def test_nothing_to_add(tmp_path: Path) -> None:
    kept = Store(tmp_path, kind="things", parameters={})
    kept.add([])
    assert [path.name for path in kept.folder.iterdir()] == ["parameters.json"]


# Recordings


def test_clips_are_read_once(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 5)
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert sorted(reads) == [u.id for u in utterances]
    reads.clear()
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert reads == []


def test_other_parameters_read_anew(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 2)
    load(utterances, tmp_path / "store")
    for settings in ({"sample_rate": 8000}, {"top_db": 20.0}, {"top_db": 30.0}):
        reads.clear()
        recordings = load(utterances, tmp_path / "store", **settings)
        assert sorted(reads) == ["00", "01"]
        for utterance in utterances:
            expected = audio.load(utterance.path, **{"sample_rate": RATE, "top_db": None, **settings})
            np.testing.assert_array_equal(recordings.waveforms[utterance.id], expected)


def test_a_changed_file_is_read_again_and_a_renamed_one_is_not(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 4)
    load(utterances, tmp_path / "store")
    reads.clear()
    stamp = utterances[1].path.stat()
    soundfile.write(utterances[1].path, noise(99, 2100), RATE, subtype="FLOAT")  # as long as before
    os.utime(utterances[1].path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    utterances[2].path.rename(tmp_path / "clips" / "renamed.wav")
    changed = listing(tmp_path / "clips")
    assert_content(load(changed, tmp_path / "store"), changed)
    assert reads == ["01"]


def test_a_corpus_that_changes_between_two_runs(
    command: Command, speech: Path, tmp_path: Path, reads: list[str]
) -> None:
    """What changed is read anew, the rest comes from the store, and the hashes in the report tell."""
    root = tmp_path / "corpus"
    clips = sorted((speech / "Actor_01").glob("*.wav"))
    for number in range(16):
        path = root / ("sad" if number % 2 else "happy") / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips[number].read_bytes())

    def hashes(run: str) -> tuple[str, str]:
        settings = ("corpus=folder", f"corpus.root={root}", f"paths.store={tmp_path}/store", "epochs=1")
        outcome = command(*FAST, *settings, f"hydra.run.dir={run}")
        assert outcome.code == 0, outcome.output
        metrics = json.loads(Path(run, "metrics.json").read_text(encoding="utf-8"))
        return metrics["corpus"]["fingerprint"], metrics["split"]["hash"]

    before = hashes("before")
    assert len(reads) == 16
    reads.clear()
    (root / "happy" / "04.wav").write_bytes(clips[30].read_bytes())
    (root / "happy" / "06.wav").unlink()
    (root / "sad" / "16.wav").write_bytes(clips[31].read_bytes())
    after = hashes("after")
    assert sorted(reads) == ["04", "16"] and before[0] != after[0] and before[1] != after[1]


def test_a_clip_that_is_gone_is_not_served(tmp_path: Path) -> None:
    utterances = write_clips(tmp_path / "clips", 3)
    load(utterances, tmp_path / "store")
    utterances[0].path.unlink()
    recordings = load(utterances, tmp_path / "store")
    assert list(recordings.waveforms) == ["01", "02"]
    assert "00.wav" in recordings.broken["00"]


def test_identical_recordings_have_one_digest_and_are_read_once(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 2)
    (tmp_path / "clips" / "copy.wav").write_bytes(utterances[0].path.read_bytes())
    samples, rate = soundfile.read(utterances[0].path, dtype="float32")
    soundfile.write(tmp_path / "clips" / "other_file.wav", samples, rate, subtype="DOUBLE")
    utterances = listing(tmp_path / "clips")
    recordings = load(utterances, tmp_path / "store")
    assert_content(recordings, utterances)
    assert recordings.digests["00"] == recordings.digests["copy"] == recordings.digests["other_file"]
    assert recordings.digests["00"] != recordings.digests["01"]
    assert len(reads) == 3


def test_broken_clips_are_listed_and_the_others_served(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    good = write_clips(root, 3)
    (root / "text.wav").write_text("no audio")
    soundfile.write(root / "silent.wav", np.zeros(5000), RATE)
    (root / "folder.wav").mkdir()
    absent = Utterance("absent", root / "absent.wav", "sad", None, "made")
    for _ in range(2):  # the second time from the store
        recordings = load([absent, *listing(root)], tmp_path / "store")
        assert_content(recordings, good)
        assert set(recordings.broken) == {"absent", "text", "silent", "folder"}
        for name in ("absent", "text", "silent", "folder"):
            assert f"{name}.wav" in recordings.broken[name]


def test_a_broken_file_under_two_names_is_listed_under_both(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.wav").write_text("no audio")
    broken = load(listing(tmp_path), tmp_path / "store").broken
    assert "one.wav" in broken["one"]
    assert "two.wav" in broken["two"]


def test_only_broken_clips(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    recordings = load(listing(tmp_path), tmp_path / "store")
    assert (recordings.waveforms, list(recordings.broken)) == ({}, ["text"])


# Damage


def shards(folder: Path, ending: str) -> list[Path]:
    [inside] = folder.iterdir()
    return sorted(path for path in inside.glob(f"[!.]*.{ending}") if path.name != "parameters.json")


def truncate(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def damages() -> Iterator[tuple[str, Any]]:
    yield "a bit of the samples", lambda npy, index: flip(npy, 5000)
    yield (
        "a bit of an offset",
        lambda npy, index: index.write_text(index.read_text().replace('"offset": 0', '"offset": 1')),
    )
    yield "a bit of a digest", lambda npy, index: flip(index, -10)
    yield "no index", lambda npy, index: index.unlink()
    yield "no arrays", lambda npy, index: npy.unlink()
    yield "arrays cut off", lambda npy, index: truncate(npy, 5000)
    yield "arrays cut off in the header", lambda npy, index: truncate(npy, 60)
    yield "arrays cut off after the magic", lambda npy, index: truncate(npy, 8)
    yield "arrays of no length", lambda npy, index: truncate(npy, 0)
    yield "arrays are zeros", lambda npy, index: npy.write_bytes(bytes(npy.stat().st_size))
    yield "another shape", lambda npy, index: np.save(npy, np.zeros((2, 3), np.float32))
    yield "a single number", lambda npy, index: np.save(npy, np.float32(1))
    yield "a pickle", lambda npy, index: np.save(npy, np.array([{}]), allow_pickle=True)
    yield "index cut off", lambda npy, index: truncate(index, 50)
    yield "index of no length", lambda npy, index: truncate(index, 0)
    yield "garbage index", lambda npy, index: index.write_bytes(b"\xff\xfe\x00garbage")
    yield "index is a list", lambda npy, index: index.write_text("[1, 2]")
    yield "index is a number", lambda npy, index: index.write_text("3")
    yield "index of numbers", lambda npy, index: index.write_text('{"a": 1}')
    yield "index of words", lambda npy, index: index.write_text('{"a": {"offset": "x", "shape": "yz", "digest": 1}}')
    yield "empty index", lambda npy, index: index.write_text("{}")


@pytest.mark.parametrize("damage", [damage for _, damage in damages()], ids=[name for name, _ in damages()])
def test_a_damaged_shard_is_said_and_made_again(
    tmp_path: Path, reads: list[str], caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    utterances = write_clips(tmp_path / "clips", 3)
    before = load(utterances, tmp_path / "store")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "store").rglob("*.npy")}
    reads.clear()
    [npy], [index] = (shards(tmp_path / "store", ending) for ending in ("npy", "json"))
    damage(npy, index)
    is_said = index.exists()  # without an index it is what a killed writer leaves
    after = load(utterances, tmp_path / "store")
    assert caplog.text.count(f"{npy} was damaged; what it held is made again") == is_said
    caplog.clear()
    assert_content(after, utterances)
    assert after.digests == before.digests
    assert sorted(reads) == ["00", "01", "02"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "store").rglob("*.npy")} == whole
    reads.clear()
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert reads == []
    assert not caplog.text


def test_only_the_damaged_shard_is_made_again(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    utterances = write_clips(tmp_path / "clips", 4)
    load(utterances, tmp_path / "store")
    reads.clear()
    shards(tmp_path / "store", "json")[2].unlink()
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert len(reads) == 1


def test_what_a_killed_writer_leaves_is_passed_over(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 3)
    load(utterances[:2], tmp_path / "store")
    [folder] = (tmp_path / "store").iterdir()
    (folder / ".abc-xyz.npy").write_bytes(b"\x93NUMPY")
    (folder / ".abc-xyz.json").write_text('{"a": {"off')
    (folder / ".parameters-xyz.json").write_text("")
    np.save(folder / "abc.npy", noise(0))
    reads.clear()
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert reads == ["02"]


def test_leftovers_of_killed_writers_are_swept_up_after_a_day(tmp_path: Path) -> None:
    kept = Store(tmp_path, kind="things", parameters={})
    for name, days in ((".shard-abcd1234.npy", 2), (".parameters-abcd1234.json", 2), (".young-abcd1234.npy", 0.5)):
        (kept.folder / name).touch()
        os.utime(kept.folder / name, (time.time() - days * 86_400,) * 2)
    Store(tmp_path, kind="things", parameters={})
    assert {path.name for path in kept.folder.iterdir()} == {"parameters.json", ".young-abcd1234.npy"}


def test_opening_a_store_writes_nothing_that_is_there(tmp_path: Path) -> None:
    note = Store(tmp_path, kind="things", parameters={"x": 1}).folder / "parameters.json"
    content, before = note.read_bytes(), note.stat()
    Store(tmp_path, kind="things", parameters={"x": 1})
    assert (note.stat().st_ino, note.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    note.write_bytes(content[:3])
    Store(tmp_path, kind="things", parameters={"x": 1})
    assert note.read_bytes() == content


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind")
def test_folders_that_cannot_be_written_are_read(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 3)
    (tmp_path / "clips").chmod(0o500)
    load(utterances[:2], tmp_path / "store")
    [inside] = (tmp_path / "store").iterdir()
    folders = (tmp_path / "store", inside)
    for folder in folders:
        folder.chmod(0o500)
    try:
        reads.clear()
        assert_content(load(utterances[:2], tmp_path / "store"), utterances[:2])
        assert reads == []
        with pytest.raises(StoreError, match=r"paths\.store: cannot write to .*Permission denied"):
            load(utterances, tmp_path / "store")
    finally:
        for folder in (*folders, tmp_path / "clips"):
            folder.chmod(0o700)


FILL = """
import sys, threading
from pathlib import Path
from ser import audio
from ser.store import store
from ser.corpora.base import Segment, Utterance
from ser.store.recordings import load_recordings

root, folder = Path(sys.argv[1]), Path(sys.argv[2])
n_before_stop, store.SHARD_BYTES = int(sys.argv[3]), int(sys.argv[4])
original = audio.read_segments

def read(path, segments):
    if int(path.stem) >= n_before_stop:
        threading.Event().wait()
    return original(path, segments)

audio.read_segments = read
print("ready", flush=True)
sys.stdin.readline()
utterances = [Utterance(path.stem, path, "sad", None, "made") for path in sorted(root.glob("*.wav"))]
recordings = load_recordings(utterances, folder, sample_rate=16000, top_db=None)
assert sorted(recordings.waveforms) == [u.id for u in utterances]
assert all((recordings.waveforms[u.id] == audio.read(u.path)[0]).all() for u in utterances)
"""


def fill(root: Path, folder: Path, *, n_before_stop: int, shard_bytes: int) -> subprocess.Popen[str]:
    """A process that fills the store as soon as it is sent a line, and stands still at a given clip."""
    command = [sys.executable, "-c", FILL, *map(str, (root, folder, n_before_stop, shard_bytes))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_is_continued(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 9)
    process = fill(tmp_path / "clips", tmp_path / "store", n_before_stop=6, shard_bytes=1)
    with process:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not (tmp_path / "store").exists() or len(shards(tmp_path / "store", "json")) < 6:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert sorted(reads) == ["06", "07", "08"]


def test_two_processes_fill_one_store_at_once(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 40)
    sizes = (1, 50_000)  # so that their shards hold different clips
    processes = [
        fill(tmp_path / "clips", tmp_path / "store", n_before_stop=999, shard_bytes=size) for size in (*sizes, sizes[0])
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert_content(load(utterances, tmp_path / "store"), utterances)
    assert reads == []
    assert not list((tmp_path / "store").rglob(".*"))


def test_says_that_the_folder_cannot_be_written(tmp_path: Path) -> None:
    utterances = write_clips(tmp_path / "clips", 1)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"paths\.store.*file"):
        load(utterances, tmp_path / "file")


def test_says_that_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utterances = write_clips(tmp_path / "clips", 2)

    def save(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", save)
    with pytest.raises(StoreError, match=r"paths\.store.*No space left on device"):
        load(utterances, tmp_path / "store")
    monkeypatch.undo()
    assert not list((tmp_path / "store").rglob("*.npy"))
    assert_content(load(utterances, tmp_path / "store"), utterances)


def test_segments_are_cut_from_a_recording_that_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    [whole] = write_clips(tmp_path / "clips", 1)
    samples = noise(9, 4 * RATE)
    soundfile.write(whole.path, samples, RATE, subtype="FLOAT")
    cuts = {
        "a": Segment(0.5, 1.5),
        "b": Segment(1.0, 3.25),
        "c": Segment(3.5),
        "d": Segment(3.0, 9.0),
        "e": Segment(5.0),
    }
    utterances = [whole, *(replace(whole, id=name, segment=segment) for name, segment in cuts.items())]
    for _ in range(2):
        recordings = load(utterances, tmp_path / "store")
        expected = {whole.id: samples, "a": samples[8000:24000], "b": samples[16000:52000], "c": samples[56000:]}
        assert sorted(recordings.waveforms) == sorted(expected)
        for name, content in expected.items():
            np.testing.assert_array_equal(recordings.waveforms[name], content)
        assert {name: problem.partition(": ")[2] for name, problem in recordings.broken.items()} == {
            "d": "lasts 4.00 s; the segment from 3 s to 9 s is not in it",
            "e": "lasts 4.00 s; the segment from 5 s to its end is not in it",
        }
    assert reads == ["00", "00"]  # the second time for those that cannot be used


def test_channels_are_judged_segment_by_segment(tmp_path: Path) -> None:
    first, then = noise(1, RATE), noise(2, 3 * RATE)
    stereo = np.concatenate([np.stack([first, -first], axis=1), np.stack([then, then], axis=1)])
    soundfile.write(tmp_path / "a.wav", stereo, RATE, subtype="FLOAT")
    cuts = {"a": Segment(0, 1), "b": Segment(2, 3), "c": Segment(0.5, 4)}
    utterances = [Utterance(name, tmp_path / "a.wav", "sad", None, "made", {}, cut) for name, cut in cuts.items()]
    for chosen in (utterances, utterances[:1]):
        recordings = load(chosen, tmp_path / f"store {len(chosen)}")
        np.testing.assert_array_equal(recordings.waveforms["a"], first)
        assert recordings.remarks["a"] == {"channels": "its loudest channel alone is used"}
    recordings = load(utterances, tmp_path / "store 3")
    np.testing.assert_array_equal(recordings.waveforms["b"], then[RATE : 2 * RATE])
    assert recordings.remarks.keys() == {"a"} and len(recordings.waveforms["c"]) == 3.5 * RATE


def test_a_long_recording_is_not_called_short(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(1_800_000) / 2, 1000)
    cuts = {"a": Segment(0, 1500), "b": Segment(1700, 1750), "c": Segment(1790, 1900)}
    made = [Utterance(name, tmp_path / "a.wav", "sad", None, "made", {}, cut) for name, cut in cuts.items()]
    recordings = load(made, tmp_path / "store")
    assert "too long (over 600 s)" in recordings.broken["a"] and "lasts 1800.00 s" in recordings.broken["c"]
    assert len(recordings.waveforms["b"]) == 50 * RATE


def test_what_is_said_of_a_file_is_said_again_when_it_is_not_read(tmp_path: Path, reads: list[str]) -> None:
    utterances = write_clips(tmp_path / "clips", 3)
    content = bytearray(utterances[0].path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = bytes(4)
    utterances[0].path.write_bytes(content)
    stereo = np.stack([noise(5), -noise(5)], axis=1)
    soundfile.write(utterances[1].path, stereo, RATE, subtype="FLOAT")
    for _ in range(2):
        recordings = load(utterances, tmp_path / "store")
        assert recordings.remarks == {
            "00": {"length": "says 0.0 s, holds 0.1 s"},
            "01": {"channels": "its loudest channel alone is used"},
        }
        np.testing.assert_array_equal(recordings.waveforms["00"], noise(0))
        np.testing.assert_array_equal(recordings.waveforms["01"], noise(5))
    assert reads == ["00", "01", "02"]
