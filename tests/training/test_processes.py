"""Several processes on the CPU that train together."""

import csv
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ser.training import processes
from ser.training.checkpoints import RandomState
from tests.components import make
from tests.conftest import Command
from tests.forked import SUBPROCESS, Running, start

# Nothing random but the order of the clips: the two processes draw numbers of their own.
SETTINGS = ["split=random", "augment=none", "model.dropout=0", "model.depth=10", "model.width=8", "feature.n_bands=32"]
SETTINGS += ["epochs=2", "batch_size=16", "loss.class_weights=true", "optim.lr=0.0003", "trainer.accelerator=cpu"]
SETTINGS += ["training.calibrate=true"]
FILES = {
    *(".hydra", "train.log", "split.csv", "predictions.csv", "validation.csv", "metrics.json", "report.txt"),
    *("confusion.png", "curves.png", "calibration.png", "report.html", "history.csv", "checkpoints", "status.json"),
    "environment.json",
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_give_what_one_gives(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ser.calibration.FEWEST", 2)
    assert command(*SETTINGS, "hydra.run.dir=one").code == 0
    before = dict(os.environ)
    outcome = command(*SETTINGS, "trainer=ddp", "hydra.run.dir=two")
    assert outcome.code == 0, outcome.output
    assert dict(os.environ) == before and not torch.distributed.is_initialized()
    one, two = (json.loads(Path(run, "metrics.json").read_text(encoding="utf-8")) for run in ("one", "two"))
    assert two["device"] == "2 x cpu"
    assert {path.name for path in Path("two").iterdir()} == FILES, "one set of output files"
    assert outcome.output.count("clips for training") == 1 and "Traceback" not in outcome.output

    alone, together = rows(Path("one/predictions.csv")), rows(Path("two/predictions.csv"))
    assert [row["utterance"] for row in together] == [row["utterance"] for row in alone], "no clip twice, none missing"
    validated = [[row["utterance"] for row in rows(Path(run, "validation.csv"))] for run in ("one", "two")]
    assert validated[0] == validated[1] and len(validated[0]) > 10
    probabilities = [
        np.array([[float(value) for name, value in row.items() if name.startswith("p_")] for row in run])
        for run in (alone, together)
    ]
    assert np.abs(probabilities[0] - probabilities[1]).max() < 0.02
    assert two["uar"] == pytest.approx(one["uar"], abs=0.05)
    fitted = [run["calibration"]["temperature"] for run in (one, two)]
    assert fitted[0] == pytest.approx(fitted[1], rel=0.1) and 1.0 not in fitted
    for a, b in zip(rows(Path("one/history.csv")), rows(Path("two/history.csv")), strict=True):
        assert float(a["val_loss"]) == pytest.approx(float(b["val_loss"]), abs=0.01)
        assert float(a["train_loss"]) == pytest.approx(float(b["train_loss"]), abs=0.05)


@pytest.fixture
def in_training(few: Path, tmp_path: Path, no_figures: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A long run of two processes in the midst of training."""
    monkeypatch.setattr(processes, "subprocess", SUBPROCESS)
    corpus = ["corpus=ravdess", f"corpus.root={few}", f"paths.store={few.parent / 'store'}"]
    run = start(*corpus, *SETTINGS, "epochs=500", "trainer=ddp", "hydra.run.dir=run", folder=tmp_path)
    run.wait_for("run/checkpoints/last.ckpt")
    yield run
    run.kill()


def test_a_killed_process_ends_the_run_with_one_message(in_training: Running) -> None:
    [other] = Path(f"/proc/{in_training.pid}/task/{in_training.pid}/children").read_text().split()
    os.kill(int(other), signal.SIGKILL)
    assert in_training.wait() == 1, in_training.output
    assert "training process 1 died (signal 9)" in in_training.output and "resume=true" in in_training.output
    assert "Traceback" not in in_training.output


def test_termination_ends_all_processes(in_training: Running) -> None:
    """As timeout, a shell that is closed, and clusters do: all are told at once, wherever they are."""
    os.killpg(in_training.pid, signal.SIGTERM)
    assert in_training.wait() == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        for _ in range(200):
            os.killpg(in_training.pid, 0)
            time.sleep(0.05)


def test_a_training_process_ends_with_the_main_one(few: Path, tmp_path: Path, no_figures: None) -> None:
    """As a user has it: the other process is not forked."""
    corpus = ["corpus=ravdess", f"corpus.root={few}", f"paths.store={few.parent / 'store'}"]
    run = start(*corpus, *SETTINGS, "epochs=500", "trainer=ddp", "hydra.run.dir=run", folder=tmp_path)
    run.wait_for("run/checkpoints/last.ckpt")
    [other] = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    assert b"ser.commands.training_process" in Path(f"/proc/{other}/cmdline").read_bytes()
    run.kill()
    for _ in range(200):
        if not is_alive(int(other)):
            return
        time.sleep(0.05)
    raise AssertionError("it outlives the main process")


def is_alive(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_batch_of_one_value_a_channel_can_be_learnt_from() -> None:
    model = make("model/resnet", n_bands=32, n_classes=4, depth=10, width=4).train()
    log_probabilities = model(torch.randn(1, 32, 4), torch.tensor([4]))
    log_probabilities[0, 0].backward()
    assert log_probabilities.isfinite().all()


REFUSALS = {
    "more processes than clips in a batch": (["trainer=ddp", "batch_size=1"], ["batch_size=1", "2 processes"]),
    "several machines without a launcher": (["trainer=ddp", "trainer.num_nodes=2"], ["num_nodes=2", "torchrun"]),
    "no process": (["trainer.devices=0"], ["trainer.devices must be a number of processes"]),
}


@pytest.mark.parametrize(("overrides", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(overrides: list[str], said: list[str], command: Command) -> None:
    outcome = command(*SETTINGS, *overrides, "hydra.run.dir=run")
    assert outcome.code == 1 and "Traceback" not in outcome.output
    for words in said:
        assert words in outcome.output


def test_under_a_launcher_the_folder_must_be_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    outcome = command(*SETTINGS, "trainer=ddp")
    assert outcome.code == 1 and "hydra.run.dir is needed" in outcome.output


LAUNCHERS = {
    "torchrun without trainer=ddp": (
        {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2"},
        [],
        "2 processes were started, but trainer.devices=1 and trainer.num_nodes=1 ask for 1",
    ),
    "more tasks than devices": (
        {"SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS_PER_NODE": "4"},
        ["trainer=ddp", "trainer.devices=2"],
        "4 processes were started, but trainer.devices=2 and trainer.num_nodes=1 ask for 2",
    ),
    "tasks, but none a node": ({"SLURM_STEP_NUM_TASKS": "2"}, ["trainer=ddp"], "--ntasks-per-node"),
}


@pytest.mark.parametrize(("started", "overrides", "said"), LAUNCHERS.values(), ids=LAUNCHERS.keys())
def test_a_launcher_and_the_settings_must_agree(
    started: dict[str, str], overrides: list[str], said: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in started.items():
        monkeypatch.setenv(name, value)
    outcome = command(*SETTINGS, *overrides, "hydra.run.dir=run")
    assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output


def test_inside_a_job_of_slurm_one_process_trains_alone(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within sbatch or salloc, but not started by srun."""
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "job")
    outcome = command(*SETTINGS, "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output


def test_each_process_draws_random_numbers_of_its_own() -> None:
    def drawn(rank: int) -> float:
        torch.manual_seed(0)
        state = RandomState()
        state.on_train_start(SimpleNamespace(global_rank=rank), None)  # type: ignore[arg-type]
        return float(torch.rand(()))

    assert len({drawn(rank) for rank in range(4)}) == 4
    torch.manual_seed(0)
    alone = float(torch.rand(()))
    assert drawn(0) == alone
