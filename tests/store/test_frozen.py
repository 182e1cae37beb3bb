import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch

from ser.corpora.base import Utterance
from ser.errors import StoreError
from ser.features.base import FrozenFeature
from ser.preparation import prepare
from ser.store import frozen, store
from ser.store.frozen import Frames, batches, load_frames
from ser.store.recordings import Recordings, load_recordings
from ser.store.store import LOCK, Array
from tests.conftest import FAST, configured
from tests.frozen import HOP, FrozenNoise, FrozenSums, computed

RATE = 16_000
N_CLIPS = 30
CPU = torch.device("cpu")


def samples(seed: int, n_samples: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n_samples).astype(np.float32)


def record(root: Path, n_clips: int = N_CLIPS) -> Recordings:
    """Clips of different lengths, read into a store beside them."""
    root.mkdir(exist_ok=True)
    for number in range(n_clips):
        path = root / f"{number:02}.wav"
        if not path.exists():
            soundfile.write(path, samples(number, 2000 + 160 * (7 * number % 31)), RATE, subtype="FLOAT")
    return read(root)


def read(root: Path) -> Recordings:
    utterances = [Utterance(path.stem, path, "sad", None, "made") for path in sorted(root.glob("*.wav"))]
    return load_recordings(utterances, root.parent / "store", sample_rate=RATE, top_db=None)


def load(feature: FrozenFeature, recordings: Recordings, folder: Path) -> dict[str, Frames]:
    return dict(load_frames(feature, recordings, folder, device=CPU, precision="32"))


def frames_folder(folder: Path) -> Path:
    [found] = folder.glob("frames-*")
    return found


@torch.inference_mode()
def expected(recordings: Recordings, gain: float = 1.0) -> dict[str, npt.NDArray[np.float16]]:
    feature = FrozenNoise(gain=gain).eval()
    return {
        name: feature(torch.from_numpy(waveform.copy())[None], torch.tensor([len(waveform)]))[0][0]
        .numpy()
        .astype(np.float16)
        for name, waveform in recordings.waveforms.items()
    }


def assert_same(frames: dict[str, Array], others: dict[str, npt.NDArray[np.float16]]) -> None:
    assert frames.keys() == others.keys()
    for name, array in others.items():
        assert frames[name].dtype == np.float16
        np.testing.assert_array_equal(frames[name], array)


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return record(tmp_path / "clips")


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def feature(diary: Path) -> FrozenNoise:
    return FrozenNoise(str(diary))


def test_frames_are_computed_once_each_clip_alone(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ser")
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    lengths = [len(waveform) for waveform in recordings.waveforms.values()]
    assert computed(diary) == [[length] for length in sorted(lengths, reverse=True)]
    assert f"features of {N_CLIPS} of {N_CLIPS} clips are to be computed: about 0.0 MB in" in caplog.text
    assert f"computed the features of {N_CLIPS} clips in" in caplog.text
    caplog.clear()
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    assert computed(diary) == [] and not caplog.records


def test_several_threads_compute_the_same(
    recordings: Recordings, diary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(5)
        started = time.monotonic()
        frames = load(FrozenNoise(str(diary), pause_s=0.05), recordings, tmp_path / "store")
        assert time.monotonic() - started < 0.05 * N_CLIPS
        assert torch.get_num_threads() == 5
    finally:
        torch.set_num_threads(before)
    assert_same(frames, expected(recordings))
    assert len(computed(diary)) == N_CLIPS


@pytest.mark.parametrize("is_terminal", [True, False])
def test_tells_how_far_it_is(
    feature: FrozenNoise,
    recordings: Recordings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_terminal: bool,
) -> None:
    caplog.set_level(logging.INFO, "ser")
    monkeypatch.setattr(frozen, "LINE_S", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    load(feature, recordings, tmp_path / "store")
    lines = re.findall(r"features of (\d+)/30 clips, [\d.]+ a second, \d+ s left", caplog.text)
    assert lines == ([] if is_terminal else [str(n) for n in range(1, N_CLIPS + 1)])


def test_frames_are_memory_mapped(feature: FrozenNoise, recordings: Recordings, tmp_path: Path) -> None:
    base: Any = load(feature, recordings, tmp_path / "store")["03"]
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_other_frames_have_a_folder_of_their_own_and_another_title_has_not(
    diary: Path, recordings: Recordings, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    load(FrozenNoise(str(diary)), recordings, folder)
    computed(diary)
    load(FrozenNoise(str(diary), name="other"), recordings, folder)
    assert computed(diary) == []
    about = frames_folder(folder) / "about.json"  # the first one's: who comes later may not be allowed to write
    assert json.loads(about.read_text()) == {"feature": FrozenNoise(str(diary)).title}
    assert_same(load(FrozenNoise(str(diary), gain=2.0), recordings, folder), expected(recordings, gain=2.0))
    assert len(computed(diary)) == N_CLIPS
    trimmed = [Utterance(name, tmp_path / "clips" / f"{name}.wav", "sad", None, "made") for name in ("00", "01")]
    load(FrozenNoise(str(diary)), load_recordings(trimmed, folder, sample_rate=RATE, top_db=60.0), folder)
    assert len(computed(diary)) == 2
    load_frames(FrozenNoise(str(diary)), recordings, folder, device=CPU, precision="bf16-mixed")
    assert len(computed(diary)) == N_CLIPS
    assert len(list(folder.glob("frames-*"))) == 4


def test_a_changed_file_is_computed_alone_and_a_renamed_one_is_not(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path
) -> None:
    load(feature, recordings, tmp_path / "store")
    computed(diary)
    soundfile.write(tmp_path / "clips" / "05.wav", samples(99, 3333), RATE, subtype="FLOAT")
    (tmp_path / "clips" / "06.wav").rename(tmp_path / "clips" / "renamed.wav")
    changed = read(tmp_path / "clips")
    assert_same(load(feature, changed, tmp_path / "store"), expected(changed))
    assert computed(diary) == [[3333]]


def test_a_copy_is_not_computed_again(feature: FrozenNoise, diary: Path, tmp_path: Path) -> None:
    record(tmp_path / "clips", 2)
    shutil.copy(tmp_path / "clips" / "00.wav", tmp_path / "clips" / "copy.wav")
    recordings = read(tmp_path / "clips")
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    assert len(computed(diary)) == 2


def test_nothing_to_compute(feature: FrozenNoise, tmp_path: Path) -> None:
    assert load(feature, Recordings(), tmp_path / "store") == {}


def test_a_whole_store_is_read_without_writing(
    feature: FrozenNoise, recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(feature, recordings, tmp_path / "store")
    folder = frames_folder(tmp_path / "store")
    (folder / LOCK).unlink()
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


# Frames that cannot be used


class Poisoned(FrozenNoise):
    """Some clips have frames that are too large, not finite, or none."""

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        frames, n_frames = super().forward(waveforms, lengths)
        frames = frames.clone()
        for row, length in enumerate(lengths.tolist()):
            if length in POISONS:
                frames[row, 3, 5] = POISONS[length]
            if length == 1700:
                n_frames[row] = 0
        return frames, n_frames


POISONS = {1601: torch.nan, 1602: torch.inf, 1603: -torch.inf, 1604: 1e6, 1605: -1e6}


def test_clips_without_finite_frames_are_broken(tmp_path: Path, diary: Path) -> None:
    (tmp_path / "clips").mkdir()
    for length in (1600, 1601, 1602, 1603, 1604, 1605, 1700):
        soundfile.write(tmp_path / "clips" / f"{length}.wav", samples(length, length), RATE, subtype="FLOAT")
    for n_computed in (7, 0):
        recordings = read(tmp_path / "clips")
        frames = load(Poisoned(str(diary)), recordings, tmp_path / "store")
        assert list(frames) == ["1600", "1604", "1605"]
        assert frames["1604"][3, 5] == 65504 and frames["1605"][3, 5] == -65504
        assert set(recordings.broken) == {"1601", "1602", "1603", "1700"}
        assert recordings.broken["1601"].startswith("1601: the feature gives no frames")
        assert len(computed(diary)) == n_computed


def test_only_clips_without_frames(tmp_path: Path, diary: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", samples(0, 1601), RATE, subtype="FLOAT")
    for n_computed in (1, 0):
        assert load(Poisoned(str(diary)), read(tmp_path / "clips"), tmp_path / "store") == {}
        assert len(computed(diary)) == n_computed
    assert "damaged" not in caplog.text


# One frame a clip, in 32 bits


def test_one_frame_a_clip(recordings: Recordings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ser")
    feature = FrozenSums()
    nowhere = {"device": torch.device("cuda"), "precision": "16-mixed"}  # it needs the CPU, in 32 bits
    for words in (nowhere, {"device": CPU, "precision": "32"}):
        frames = load_frames(feature, recordings, tmp_path / "store", **words)
        for name, waveform in recordings.waveforms.items():
            assert frames[name].dtype == np.float32 and frames[name].shape == (3, 1)
            np.testing.assert_allclose(frames[name][:2, 0], [waveform.sum(), (waveform**2).sum()], rtol=1e-4, atol=1e-4)
            assert frames[name][2, 0] == 1e9
    assert caplog.text.count("computed the features of") == 1


def test_what_the_disk_must_hold_of_one_frame_a_clip(
    recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=N_CLIPS * 3 * 4 - 1))
    with pytest.raises(StoreError, match="make room"):
        load(FrozenSums(), recordings, tmp_path / "store")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=N_CLIPS * 3 * 4))
    load(FrozenSums(), recordings, tmp_path / "store")


# Batches, as on a GPU


def test_batches_depend_on_the_clips_alone() -> None:
    lengths = {f"{number}": int(length) for number, length in enumerate(np.random.default_rng(0).integers(1, 400, 99))}
    lengths["long"] = 5000
    made = batches(lengths, 1000)
    shuffled = list(lengths.items())
    random.Random(0).shuffle(shuffled)
    assert batches(dict(shuffled), 1000) == made
    assert sorted(name for batch in made for name in batch) == sorted(lengths)
    assert made[0] == ["long"]
    padded = [max(lengths[name] for name in batch) * len(batch) for batch in made]
    assert max(padded[1:]) <= 1000
    assert sum(padded) < 1.1 * sum(lengths.values())
    assert max(map(len, batches(lengths, 0))) == 1


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "_batch_samples", lambda feature, device: 20_000)


@pytest.mark.usefixtures("as_on_a_gpu")
def test_batches_give_the_frames_of_each_clip(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path
) -> None:
    frames = load(feature, recordings, tmp_path / "store")
    for name, array in expected(recordings).items():
        np.testing.assert_allclose(frames[name], array, atol=1e-2, rtol=2e-3)
    calls = computed(diary)
    assert len(calls) < N_CLIPS / 2 and sum(map(len, calls)) == N_CLIPS


@pytest.mark.usefixtures("as_on_a_gpu")
def test_what_is_lost_is_lost_in_whole_batches(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    before = {name: array.copy() for name, array in load(feature, recordings, tmp_path / "store").items()}
    calls = computed(diary)
    folder = frames_folder(tmp_path / "store")
    for index in random.Random(0).sample(store.shard_names(folder), 3):
        (folder / f"{index}.json").unlink()
    assert_same(load(feature, recordings, tmp_path / "store"), before)
    again = computed(diary)
    assert len(again) == 3 and all(call in calls for call in again)


# Damage


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def damages() -> Iterator[tuple[str, Any]]:
    yield "a bit of the arrays", lambda npy, index: flip(npy, -1000)
    yield "the last bit", lambda npy, index: flip(npy, -1)
    yield "a bit of the header", lambda npy, index: flip(npy, 20)
    yield "a bit of the index", lambda npy, index: flip(index, 60)
    yield "another type", lambda npy, index: np.save(npy, np.load(npy).astype(np.float32))
    yield "cut off", lambda npy, index: npy.write_bytes(npy.read_bytes()[:-1000])
    yield "no arrays", lambda npy, index: npy.unlink()
    yield "index cut off", lambda npy, index: index.write_bytes(index.read_bytes()[:50])


@pytest.mark.parametrize("damage", [damage for _, damage in damages()], ids=[name for name, _ in damages()])
def test_damage_is_found_said_and_mended(
    feature: FrozenNoise,
    recordings: Recordings,
    diary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Any,
) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 5000)
    load(feature, recordings, tmp_path / "store")
    folder = frames_folder(tmp_path / "store")
    name = max(folder.glob("*.npy"), key=lambda path: path.stat().st_size).stem
    n_inside = len(json.loads((folder / f"{name}.json").read_text()))
    damage(folder / f"{name}.npy", folder / f"{name}.json")
    computed(diary)
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    assert len(computed(diary)) == n_inside < N_CLIPS / 2
    assert caplog.text.count(f"{name}.npy was damaged; what it held is made again") == 1
    caplog.clear()
    assert_same(load(feature, recordings, tmp_path / "store"), expected(recordings))
    assert computed(diary) == [] and "damaged" not in caplog.text


# Disk


def test_refuses_what_the_disk_cannot_hold(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_frames = sum(len(waveform) for waveform in recordings.waveforms.values()) / HOP
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=int(n_frames * 8 * 2 * 0.9)))
    with pytest.raises(StoreError, match=r"paths\.store: the features need about 0.0 MB in .*make room"):
        load(feature, recordings, tmp_path / "store")
    assert computed(diary) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=int(n_frames * 8 * 2 * 1.1)))
    load(feature, recordings, tmp_path / "store")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    load(feature, recordings, tmp_path / "store")  # what is there needs no room


def test_a_disk_that_fills_up_nevertheless(
    feature: FrozenNoise, recordings: Recordings, diary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        monkeypatch.setattr(store, "SHARD_BYTES", 1000)
        (disk / "filler").write_bytes(bytes(80_000))
        with monkeypatch.context() as patched:
            patched.setattr(frozen, "_check_space", lambda *_, **__: None)
            with pytest.raises(StoreError, match=r"paths\.store: cannot write to .* \(No space.*; free space or set"):
                load(feature, recordings, disk)
        folder = frames_folder(disk)
        n_kept = len(store.shard_names(folder))
        assert 0 < n_kept < N_CLIPS and not [path for path in folder.glob(".*") if path.is_file()]
        (disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        computed(diary)
        assert_same(load(feature, recordings, disk), expected(recordings))
        assert 0 < len(computed(diary)) < N_CLIPS
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


# Ctrl-C


class Interrupted(FrozenNoise):
    """Ctrl-C comes at a clip of 5040 samples."""

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if 5040 in lengths:
            raise KeyboardInterrupt
        return super().forward(waveforms, lengths)


def test_what_is_whole_at_ctrl_c_is_not_computed_again(recordings: Recordings, diary: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(Interrupted(str(diary)), recordings, tmp_path / "store")
    assert len(store.shard_names(frames_folder(tmp_path / "store"))) == 1
    computed(diary)
    assert_same(load(FrozenNoise(str(diary)), recordings, tmp_path / "store"), expected(recordings))
    lengths = [len(waveform) for waveform in recordings.waveforms.values()]
    left = [length for [length] in computed(diary)]
    assert sorted(left) == sorted(length for length in lengths if length <= 5040) and 5 < len(left) < N_CLIPS - 5


# Several processes

FORKING = """
import json, logging, os, sys
from pathlib import Path
import torch
from tests.frozen import FrozenNoise
from ser.store import frozen
from ser.store import store
from ser.corpora.base import Utterance
from ser.store.recordings import load_recordings

def work(root, folder, diary, said, pause_s):
    logging.basicConfig(filename=said, level=logging.INFO)
    store.SHARD_BYTES = 3000
    utterances = [Utterance(p.stem, p, "sad", None, "made") for p in sorted(Path(root).glob("*.wav"))]
    recordings = load_recordings(utterances, Path(root).parent / "store", sample_rate=16000, top_db=None)
    made = frozen.load_frames(
        FrozenNoise(diary, pause_s=pause_s), recordings, Path(folder), device=torch.device("cpu"), precision="32"
    )
    assert len(made) == len(utterances)

for line in sys.stdin:
    children = []
    for job in json.loads(line):
        children.append(os.fork())
        if children[-1] == 0:
            sys.stdin.close()
            work(*job)
            os._exit(0)
    print(json.dumps(children), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)
"""


class Forker:
    """Runs extractions in processes of their own, which begin at once: what is slow to import is there already."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKING],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *jobs: tuple[Path, Path, Path, Path, float]) -> list[int]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([[*map(str, job[:4]), job[4]] for job in jobs]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def codes(self) -> list[int]:
        return self._answer()

    def _answer(self) -> list[int]:
        assert self.process.stdout
        answer: list[int] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    made = Forker()
    yield made
    assert made.process.stdin
    made.process.stdin.close()
    made.process.wait(30)


def contents(folder: Path) -> dict[str, str]:
    """Digest of each array by key, as the indexes of the shards have it."""
    inside = frames_folder(folder)
    indexes = [json.loads((inside / f"{name}.json").read_text()) for name in store.shard_names(inside)]
    return {key: entry["digest"] for index in indexes for key, entry in index.items()}


def test_killed_at_any_moment_it_goes_on(
    forker: Forker, recordings: Recordings, diary: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    pause_s = 0.02
    forker.start((tmp_path / "clips", whole, diary, tmp_path / "said", pause_s))
    assert forker.codes() == [0]
    assert len(computed(diary)) == N_CLIPS
    moments = random.Random(0)
    n_killed, n_calls = 0, 0
    for _ in range(12):
        [child] = forker.start((tmp_path / "clips", killed, diary, tmp_path / "said", pause_s))
        time.sleep(moments.uniform(0.02, 0.25))
        os.kill(child, signal.SIGKILL)
        n_killed += forker.codes() == [-signal.SIGKILL]
        n_calls += len(computed(diary))
    assert n_killed > 5
    frames = load(FrozenNoise(str(diary)), recordings, killed)
    n_calls += len(computed(diary))
    assert N_CLIPS <= n_calls < 3 * N_CLIPS, "it goes on, and does not begin anew"
    assert_same(frames, expected(recordings))
    assert contents(killed) == contents(whole)
    assert "damaged" not in caplog.text + (tmp_path / "said").read_text()


def test_two_runs_at_once_compute_each_clip_once(
    forker: Forker, recordings: Recordings, diary: Path, tmp_path: Path
) -> None:
    jobs = [(tmp_path / "clips", tmp_path / "shared", diary, tmp_path / f"said-{number}", 0.02) for number in range(3)]
    forker.start(*jobs)
    assert forker.codes() == [0, 0, 0]
    assert len(computed(diary)) == N_CLIPS
    said = [(tmp_path / f"said-{number}").read_text() for number in range(3)]
    assert sum("another run is filling" in text for text in said) == 2
    assert sum("computed the features of" in text for text in said) == 1
    assert_same(load(FrozenNoise(str(diary)), recordings, tmp_path / "shared"), expected(recordings))


def test_who_waits_for_one_that_is_killed_goes_on_with_its_work(
    forker: Forker, recordings: Recordings, diary: Path, tmp_path: Path
) -> None:
    first, second = ((tmp_path / "clips", tmp_path / "shared", diary, tmp_path / f"said-{n}", 0.03) for n in range(2))
    children = forker.start(first, second)
    deadline = time.monotonic() + 30
    while "waiting for it" not in "".join(path.read_text() for path in tmp_path.glob("said-*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    waiting = next(n for n in range(2) if "waiting for it" in (tmp_path / f"said-{n}").read_text())
    os.kill(children[1 - waiting], signal.SIGKILL)
    codes = forker.codes()
    assert codes[waiting] == 0 and codes[1 - waiting] == -signal.SIGKILL
    assert N_CLIPS <= len(computed(diary)) < 1.5 * N_CLIPS
    assert_same(load(FrozenNoise(str(diary)), recordings, tmp_path / "shared"), expected(recordings))


# From the store into training


@pytest.mark.usefixtures("no_figures")
def test_training_reads_frames_from_the_store(few: Path, tmp_path: Path, diary: Path) -> None:
    from ser.experiment import run

    places = [f"corpus.root={few}", f"paths.store={tmp_path / 'store'}"]
    overrides = [word for word in FAST if not word.startswith("feature.")]
    config = configured("corpus=ravdess", "split=random", "augment=none", *places, *overrides)
    config.feature = {"_target_": "tests.frozen.FrozenNoise", "diary": str(diary)}
    (tmp_path / "run").mkdir()
    assert "accuracy" in run(config, tmp_path / "run").report
    assert len(computed(diary)) == 64
    prepared = prepare(config, tmp_path / "run")
    assert prepared.rate == 100.0
    batch = next(iter(prepared.data(prepared.folds[0]).train_dataloader()))
    assert batch.inputs.shape[1] == 8 and batch.inputs.dtype == torch.float32
    assert batch.inputs.shape[2] == int(batch.lengths.max())
    assert computed(diary) == []
