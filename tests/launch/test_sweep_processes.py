"""Sweeps whose runs are in several processes: killed, stopped, shared out."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import FAST, Command
from tests.forked import Running, fork_workers, start
from tests.launch.sweeping import states

Start = Callable[..., Running]


@pytest.fixture
def begin(tmp_path: Path, few: Path, no_figures: None) -> Iterator[Start]:
    """`begin("seed=0,1", ...)` begins `python train.py -m` in a process of its own, all in the sweep folder `sweep`."""
    begun: list[Running] = []

    def run(*words: str, first: Callable[[], None] | None = None) -> Running:
        corpus = ["corpus=ravdess", f"corpus.root={few}", "split=random", "hydra.sweep.dir=sweep"]
        store = [] if any(word.startswith("paths.store=") for word in words) else [f"paths.store={few.parent}/store"]
        begun.append(start("-m", *corpus, *store, *FAST[:-1], *words, folder=tmp_path, first=first))
        return begun[-1]

    yield run
    for one in begun:
        one.kill()


def assert_all_end(session: int) -> None:
    """No process of a session outlives it for long."""
    for _ in range(100):
        if not members(session):
            return
        time.sleep(0.1)
    raise AssertionError(f"still alive: {members(session)}")


def members(session: int) -> list[str]:
    """The processes, still alive, of a session: number, state, and in what of the kernel each waits."""
    listed = subprocess.run(["ps", "-eo", "sid,stat,pid,wchan"], capture_output=True, text=True, check=True).stdout
    fields = [line.split(maxsplit=2) for line in listed.splitlines()[1:]]
    return [f"{one} ({stat})" for sid, stat, one in fields if int(sid) == session and not stat.startswith("Z")]


def test_killed_with_its_workers_and_gone_on_with(begin: Start, command: Command, few: Path, tmp_path: Path) -> None:
    words = ("seed=0,0,0", "epochs=10", "launcher=joblib", "hydra.launcher.n_jobs=2")
    run = begin(*words, first=fork_workers)
    run.wait_for("sweep/0/checkpoints/last.ckpt")
    run.kill()
    assert_all_end(run.pid)
    assert states(tmp_path / "sweep") == ["unfinished", "unfinished", "not begun"]
    # Without workers, which came to their end above: the launcher is no part of what is run.
    outcome = command("-m", *FAST[:-1], *words[:2], f"corpus.root={few}", "hydra.sweep.dir=sweep", "resume=true")
    assert outcome.code == 0 and "going on from" in outcome.output, outcome.output
    assert states(tmp_path / "sweep") == ["finished", "finished", "finished"]
    for name in ("predictions.csv", "history.csv"):
        stopped, whole = (tmp_path / "sweep" / number / name for number in "02")
        assert stopped.read_bytes() == whole.read_bytes()


def test_ctrl_c_stops_all_that_are_at_work(begin: Start, tmp_path: Path) -> None:
    words = ("seed=0,1,2", "epochs=500", "launcher=joblib", "hydra.launcher.n_jobs=2", "paths.store=store")
    run = begin(*words)
    run.wait_for("sweep/*/history.csv", n=2)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() == 130 and "Traceback" not in run.output, run.output
    assert states(tmp_path / "sweep") == ["interrupted", "interrupted", "not begun"]
    assert_all_end(run.pid)
    assert "[0] run folder" in run.output and "[1] run folder" in run.output
    assert len(list((tmp_path / "store").rglob("*.npy"))) == 1, "the audio was read by one, for both"


def test_jobs_in_the_manner_of_slurm(begin: Start, tmp_path: Path) -> None:
    run = begin("seed=0", "epochs=1", "launcher=submitit_local")
    assert run.wait() == 0 and "1 run: 1 finished" in run.output, run.output
    assert states(tmp_path / "sweep") == ["finished"]


def test_processes_that_train_together_in_each_run_of_a_sweep(command: Command, few: Path) -> None:
    words = ["seed=0,1", "trainer=ddp", "trainer.accelerator=cpu", f"corpus.root={few}", "hydra.sweep.dir=sweep"]
    outcome = command("-m", *FAST[:-1], "epochs=1", *words)
    assert outcome.code == 0, outcome.output
    devices = [json.loads(path.read_text(encoding="utf-8"))["device"] for path in Path("sweep").glob("*/metrics.json")]
    assert devices == ["2 x cpu", "2 x cpu"]
