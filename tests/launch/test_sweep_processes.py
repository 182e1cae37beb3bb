"""Sweeps whose runs are in several processes: killed, stopped, shared out."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import FAST
from sweeping import states

from ser.config.places import conf_dir

ROOT = conf_dir().parent

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, few: Path) -> Iterator[Start]:
    """`start("seed=0,1", ...)` starts `python train.py -m` in a process of its own, all in the sweep folder `sweep`."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        corpus = ["corpus=ravdess", f"corpus.root={few}", "split=random", "hydra.sweep.dir=sweep"]
        store = [] if any(word.startswith("paths.store=") for word in words) else [f"paths.store={few.parent}/store"]
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), "-m", *corpus, *store, *FAST[:-1], *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_for(n: int, pattern: str, process: "subprocess.Popen[str]", folder: Path) -> None:
    for _ in range(1200):
        if len(list(folder.glob(pattern))) >= n:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError(f"no {pattern}")


def assert_all_end(session: int) -> None:
    """No process of a session outlives it for long."""
    for _ in range(100):
        if not members(session):
            return
        time.sleep(0.1)
    raise AssertionError(f"still alive: {members(session)}")


def members(session: int) -> list[int]:
    """The processes, still alive, of a session."""
    listed = subprocess.run(["ps", "-eo", "pid,sid,stat"], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in listed.splitlines()[1:]]
    return [int(pid) for pid, sid, stat in fields if int(sid) == session and not stat.startswith("Z")]


def test_killed_with_its_workers_and_gone_on_with(start: Start, tmp_path: Path) -> None:
    words = ("seed=0,0,0", "epochs=10", "launcher=joblib", "hydra.launcher.n_jobs=2")
    process = start(*words)
    wait_for(1, "sweep/0/checkpoints/last.ckpt", process, tmp_path)
    process.kill()
    assert_all_end(process.pid)
    assert states(tmp_path / "sweep") == ["unfinished", "unfinished", "not begun"]
    process = start(*words, "resume=true")
    output = process.communicate()[0]
    assert process.returncode == 0 and "going on from" in output, output
    assert states(tmp_path / "sweep") == ["finished", "finished", "finished"]
    for name in ("predictions.csv", "history.csv"):
        stopped, whole = (tmp_path / "sweep" / number / name for number in "02")
        assert stopped.read_bytes() == whole.read_bytes()


def test_ctrl_c_stops_all_that_are_at_work(start: Start, tmp_path: Path) -> None:
    words = ("seed=0,1,2", "epochs=500", "launcher=joblib", "hydra.launcher.n_jobs=2", "paths.store=store")
    process = start(*words)
    wait_for(2, "sweep/*/history.csv", process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate()[0]
    assert process.returncode == 130 and "Traceback" not in output, output
    assert states(tmp_path / "sweep") == ["interrupted", "interrupted", "not begun"]
    assert_all_end(process.pid)
    assert "[0] run folder" in output and "[1] run folder" in output
    assert len(list((tmp_path / "store").rglob("*.npy"))) == 1, "the audio was read by one, for both"


def test_jobs_in_the_manner_of_slurm(start: Start, tmp_path: Path) -> None:
    process = start("seed=0,1", "epochs=1", "launcher=submitit_local")
    output = process.communicate()[0]
    assert process.returncode == 0 and "2 runs: 2 finished" in output, output
    assert states(tmp_path / "sweep") == ["finished", "finished"]


def test_processes_that_train_together_in_each_run_of_a_sweep(start: Start, tmp_path: Path) -> None:
    process = start("seed=0,1", "epochs=1", "trainer=ddp", "trainer.accelerator=cpu")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    devices = [json.loads(path.read_text(encoding="utf-8"))["device"] for path in tmp_path.glob("sweep/*/metrics.json")]
    assert devices == ["2 x cpu", "2 x cpu"]
