import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ser.corpora import demo
from ser.corpora.demo import Demo, clip_names, make_actors
from ser.corpora.ravdess import ACTORS, CLIPS_PER_ACTOR, CLIPS_PER_EMOTION, RAVDESS_EMOTIONS
from ser.errors import CorpusNotFound, StoreError

pytest.importorskip("espeakng_loader")

MAN, WOMAN = "01", "02"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus with two actors only; not to be changed."""
    root = tmp_path_factory.mktemp("demo") / f"v{demo.RECIPE}"
    make_actors([MAN, WOMAN], root)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(path: Path) -> npt.NDArray[np.float64]:
    samples: npt.NDArray[np.float64] = soundfile.read(path)[0]
    return samples


def level_db(samples: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(samples**2)))


def pitch_hz(samples: npt.NDArray[np.float64]) -> float:
    """Median over the louder frames, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512]
    frames = frames[frames.std(axis=1) > samples.std()]
    lags = np.arange(demo.SAMPLE_RATE // 400, demo.SAMPLE_RATE // 70)
    likeness = [[np.corrcoef(frame[lag:], frame[:-lag])[0, 1] for lag in lags] for frame in frames]
    return float(demo.SAMPLE_RATE / np.median(lags[np.argmax(likeness, axis=1)]))


def test_names_are_those_of_ravdess() -> None:
    names = [name for actor in ACTORS for name in clip_names(actor)]
    assert len(set(names)) == len(names) == 1440
    assert Counter(RAVDESS_EMOTIONS[name.split("-")[2]] for name in names) == CLIPS_PER_EMOTION
    assert "03-01-01-02-01-01-07.wav" not in names  # neutral speech has no strong intensity


def test_reads_like_ravdess(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ACTORS", (MAN, WOMAN))
    utterances = Demo(root=root.parent).utterances()
    assert Counter(u.speaker for u in utterances) == {MAN: CLIPS_PER_ACTOR, WOMAN: CLIPS_PER_ACTOR}
    first = utterances[0]
    assert (first.id, first.corpus, first.emotion) == ("Actor_01/03-01-01-01-01-01-01", "demo", "neutral")
    assert (first.attributes["gender"], utterances[-1].attributes["gender"]) == ("male", "female")


OTHER_ORDER = """
import pathlib, sys
from ser.corpora import demo
names = demo.clip_names
demo.clip_names = lambda actor: names(actor)[::-9]
for actor in sys.argv[2:]:
    demo.make_actor(actor, pathlib.Path(sys.argv[1]) / actor)
"""


def test_a_clip_does_not_depend_on_the_clips_before_it(root: Path, tmp_path: Path) -> None:
    # eSpeak has one state for a whole process, hence in one of its own.
    subprocess.run([sys.executable, "-c", OTHER_ORDER, str(tmp_path), WOMAN, MAN], check=True)
    for actor in (WOMAN, MAN):
        made, first = contents(tmp_path / actor), contents(root / f"Actor_{actor}")
        assert made == {name: first[name] for name in clip_names(actor)[::-9]}


def test_what_is_whole_is_not_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_make_apart", lambda actor, root: pytest.fail(f"actor {actor} made again"))
    make_actors([MAN, WOMAN], root)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a process group")
def test_a_killed_run_leaves_nothing_half_made_and_the_next_completes_it(root: Path, tmp_path: Path) -> None:
    again, folder = tmp_path / root.name, tmp_path / root.name / f"Actor_{MAN}"
    code = "import sys, pathlib, ser.corpora.demo as d; d.make_actors([sys.argv[1]], pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, MAN, str(again)]
    run = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".making-*/*/*.wav")) and run.poll() is None:
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert [path for path in again.iterdir() if path.is_dir()] == []

    folder.mkdir()  # as if all clips but one had been deleted
    shutil.copy(root / f"Actor_{MAN}" / clip_names(MAN)[0], folder)
    make_actors([MAN], again)
    assert contents(folder) == contents(root / f"Actor_{MAN}")


def test_says_how_to_install_espeak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(CorpusNotFound, match=r'pip install "ser-lab\[demo\]", or use corpus=ravdess'):
        Demo(root=tmp_path).utterances()
    assert list(tmp_path.iterdir()) == []


def test_says_that_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"corpus\.root.*cannot be written"):
        Demo(root=tmp_path / "file").utterances()


def test_clips_hold_speech_between_silence(root: Path) -> None:
    for path in root.rglob("*.wav"):
        info, samples = soundfile.info(path), read(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert 1.2 < info.duration < 5
        assert np.abs(samples).max() < 0.96
        lead = level_db(samples[: demo.SAMPLE_RATE // 5])
        assert -70 < lead < -60
        assert level_db(samples) > lead + 20


def test_speakers_and_emotions_differ(root: Path) -> None:
    man, woman = (
        np.median([pitch_hz(read(root / f"Actor_{actor}" / name)) for name in clip_names(actor)[:4]])
        for actor in (MAN, WOMAN)
    )
    assert 80 < man < 150 < woman < 280
    levels: dict[str, list[float]] = {}
    for path in root.rglob("*.wav"):
        levels.setdefault(RAVDESS_EMOTIONS[path.stem.split("-")[2]], []).append(level_db(read(path)))
    assert np.mean(levels["sad"]) + 3 < np.mean(levels["neutral"]) < np.mean(levels["angry"]) - 3


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a POSIX signal")
def test_a_killed_speaker_process_ends_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def killed(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        return run([command[0], "-c", code], **options)

    monkeypatch.setattr(demo.subprocess, "run", killed)  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match=r"^corpus=demo: the clips of actor 0[12] could not be made in .*signal 9.*$"):
        make_actors([MAN, WOMAN], tmp_path / "root")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".root.lock", demo.SYNTHETIC_MARKER, "root"]

    monkeypatch.undo()
    make_actors([MAN], tmp_path / "root")
    assert len(contents(tmp_path / "root" / f"Actor_{MAN}")) == CLIPS_PER_ACTOR
