"""Sweeps: sweep.csv however they end, going on with what is missing, several runs at once."""

import gc
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from joblib.externals.loky.process_executor import TerminatedWorkerError
from omegaconf import OmegaConf

from ser.commands import main as ser
from ser.config.places import conf_dir
from ser.config.schema import Config, register
from ser.errors import Aborted
from ser.experiment import Outcome
from ser.launch import run_folder, sweep_table, workers
from ser.launch import sweep_folder as folder_of_a_sweep
from tests.conftest import FAST, Command
from tests.launch.sweeping import rows, states

ROOT = conf_dir().parent
SMALL = [*FAST[:-1], "epochs=1"]
FILES = ("predictions.csv", "history.csv", "metrics.json", "status.json", ".hydra/config.yaml", "train.log")


def kept(run: Path) -> dict[str, tuple[bytes, int]]:
    return {name: ((run / name).read_bytes(), (run / name).stat().st_mtime_ns) for name in FILES}


def test_two_by_two_with_failing_runs_and_only_those_again(
    command: Command, few: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = ["-m", "hydra.sweep.dir=sweep", f"corpus.root={few},absent", "seed=0,1", *SMALL]
    outcome = command(*grid)
    gc.collect()
    assert outcome.code == 1
    assert "Launching 4 jobs locally" in outcome.output  # Hydra's words
    assert "4 runs: 2 finished, 2 failed" in outcome.output and "Traceback" not in outcome.output
    assert "failed: sweep/2, sweep/3: corpus.root: no folder absent" in outcome.output
    assert "ser compare sweep" in outcome.output and "resume=true" in outcome.output
    found = rows()
    assert [(row["number"], row["corpus.root"], row["seed"], row["folder"]) for row in found] == [
        *(("0", str(few), "0", "0"), ("1", str(few), "1", "1")),
        *(("2", "absent", "0", "2"), ("3", "absent", "1", "3")),
    ]
    assert states() == ["finished", "finished", "failed", "failed"]
    metrics = json.loads(Path("sweep/1/metrics.json").read_text(encoding="utf-8"))
    for name in ("uar", "accuracy", "macro_f1"):
        assert float(found[1][f"test_{name}"]) == pytest.approx(metrics[name], abs=1e-5)
        assert float(found[1][f"val_{name}"]) == metrics["validation"][name]
    assert "no folder absent" in found[2]["message"] and found[2]["test_uar"] == ""

    assert ser(["compare", "sweep", "--html", "page.html"]) == 0
    said = capfd.readouterr().out
    assert "left out: 2 of 4 runs; failed (2): sweep/2, sweep/3" in said and "1: sweep/{0,1}" in said
    assert "<svg" in Path("page.html").read_text(encoding="utf-8")

    shutil.copytree(few, "absent")
    Path("sweep", workers.STOP).touch()  # as a try leaves it that was killed after Ctrl-C
    before = [kept(Path("sweep", name)) for name in "01"]
    outcome = command(*grid, "resume=true")
    gc.collect()
    assert outcome.code == 0, outcome.output
    assert "4 runs: 4 finished" in outcome.output and states() == ["finished"] * 4
    assert [kept(Path("sweep", name)) for name in "01"] == before
    assert Path("sweep/2/predictions.csv").exists()

    outcome = command(*grid, "resume=true")
    assert outcome.code == 0 and "4 runs: 4 finished" in outcome.output
    assert "run folder" not in outcome.output


def test_the_newest_sweep_of_the_same_command_that_is_not_complete(command: Command, few: Path) -> None:
    grid = ["-m", "corpus.root=absent", "seed=0,1", *SMALL]
    assert command(*grid, "paths.outputs=outputs").code == 1
    gc.collect()
    [folder] = Path("outputs").glob("*/*-sweep")
    shutil.copytree(few, "absent")
    for words, piece in {
        ("epochs=9", "resume=true"): "no sweep of this command",
        ("seed=0,2", f"resume={folder}"): "run 1 was seed=1 where it is now seed=2",
        ("seed=0,1,2", "resume=true", f"hydra.sweep.dir={folder}"): "it had 2 runs, now 3",
    }.items():
        outcome = command(*grid, *words)
        gc.collect()
        assert outcome.code == 1 and piece in outcome.output, outcome.output
    outcome = command(*grid, "resume=true", "paths.outputs=./outputs", "trainer.log_every_n_steps=7")
    assert outcome.code == 0 and states(folder) == ["finished", "finished"], outcome.output


def test_refusals(command: Command, tmp_path: Path) -> None:
    outcome = command("-m", "seed=0,1", "hydra.sweep.subdir=one")
    gc.collect()
    assert outcome.code == 1 and "several runs would share the folder" in outcome.output
    (tmp_path / "sweep" / ".hydra").mkdir(parents=True)
    with run_folder.FileLock(tmp_path / "sweep" / ".hydra" / "sweep.lock"):
        outcome = command("-m", "seed=0,1", "hydra.sweep.dir=sweep")
    assert outcome.code == 1 and "another sweep is at work" in outcome.output


def test_folders_named_by_interpolations(command: Command) -> None:
    grid = ["-m", "hydra.sweep.dir=a (sweep)", "corpus=ravdess", "corpus.root=absent", "seed=0,1"]
    for subdir, names in {
        "s${seed}": ["s0", "s1"],
        "'${hydra.job.override_dirname}'": [f"corpus.root=absent,corpus=ravdess,seed={seed}" for seed in (0, 1)],
    }.items():
        keys = "hydra.job.config.override_dirname.exclude_keys=[split,paths.store]"
        outcome = command(*grid, f"hydra.sweep.subdir={subdir}", keys)
        gc.collect()
        assert outcome.code == 1 and "2 runs: 2 failed" in outcome.output, outcome.output
        assert [row["folder"] for row in rows("a (sweep)")] == names
        assert "ser compare" not in outcome.output
        shutil.rmtree("a (sweep)")
    outcome = command("-m", "hydra.sweep.dir=one", "corpus.root=absent", "seed=0")
    assert outcome.code == 1 and "1 run: 1 failed" in outcome.output
    gc.collect()
    outcome = command("-m", "seed=0,1", "hydra.sweep.dir='${nope}'")
    assert outcome.code == 1 and "nope" in outcome.output and "sweep folder" not in outcome.output, outcome.output


def test_damaged_and_foreign_files_do_not_keep_a_sweep_from_going_on(command: Command) -> None:
    grid = ["-m", "corpus.root=absent", "seed=0,1", "paths.outputs=outputs"]
    assert command(*grid).code == 1
    gc.collect()
    [folder] = Path("outputs").glob("*/*-sweep")
    for number, content in enumerate(["", "{", "- 1", "hydra: 1", "hydra: {overrides: {task: 1}}", "\0"]):
        Path("outputs", str(number)).mkdir()
        Path("outputs", str(number), "multirun.yaml").write_text(content, encoding="utf-8")
    (folder / "0" / "status.json").write_text('{"state": "fini', encoding="utf-8")
    (folder / "1" / "metrics.json").write_text("{", encoding="utf-8")
    (folder / ".hydra" / "planned.json").write_text("", encoding="utf-8")
    outcome = command(*grid, "resume=true")
    gc.collect()
    assert outcome.code == 1 and f"sweep folder {folder};" in outcome.output, outcome.output
    assert states(folder) == ["failed", "failed"]
    (folder / "multirun.yaml").write_text("", encoding="utf-8")
    assert f"sweep folder {folder};" in command(*grid, f"resume={folder}").output
    gc.collect()
    assert f"sweep folder {folder};" in command(*grid, "resume=true").output, "it was written anew"


def test_what_goes_wrong_before_a_run_or_a_sweep_ends_the_program(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(folder_of_a_sweep, "holds_a_run", broken)
    monkeypatch.setattr(run_folder, "holds_a_run", broken)
    for words in (["-m", "hydra.sweep.dir=sweep", "seed=0,1"], ["hydra.run.dir=sweep"]):
        with pytest.raises(ZeroDivisionError, match="a fault"):
            command(*words, "corpus.root=absent")
        gc.collect()
        assert not Path("sweep").exists()


def test_a_run_in_which_a_library_ends_the_program_has_failed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(config: Config, folder: Path) -> Outcome:
        if config.seed == 0:
            sys.exit("no such thing")
        return Outcome("", interrupted=False)

    monkeypatch.setattr("ser.experiment.run", leave)
    outcome = command("-m", "hydra.sweep.dir=sweep", "seed=0,1")
    assert outcome.code == 1 and "failed: sweep/0: SystemExit: no such thing" in outcome.output, outcome.output
    assert states() == ["failed", "finished"]


@pytest.mark.parametrize("at_once", [False, True])
def test_ctrl_c_in_a_run_ends_the_sweep(at_once: bool, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> Outcome:
        if at_once:
            raise Aborted
        return Outcome("stopped", interrupted=True)

    monkeypatch.setattr("ser.experiment.run", stop)
    outcome = command("-m", "hydra.sweep.dir=sweep", "seed=0,1")
    assert outcome.code == 130 and "Traceback" not in outcome.output
    assert "the sweep was stopped; the same command with resume=true runs what is missing" in outcome.output
    assert states() == ["interrupted", "not begun"]


def test_a_run_that_another_process_is_at_work_on_is_left_alone(command: Command) -> None:
    grid = ["-m", "hydra.sweep.dir=sweep", "corpus.root=absent", "seed=0,1"]
    assert command(*grid).code == 1
    gc.collect()
    Path("sweep/0/status.json").unlink()
    log = Path("sweep/0/train.log").read_bytes()
    with run_folder.FileLock("sweep/0/.hydra/run.lock"):
        outcome = command(*grid, "resume=true")
    assert outcome.code == 1 and "at work still on run 0;" in outcome.output
    assert states() == ["unfinished", "failed"] and Path("sweep/0/train.log").read_bytes() == log


def test_a_process_that_died_is_told_without_a_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        def launch(self, *_: Any, **__: Any) -> None:
            raise TerminatedWorkerError("A worker process was unexpectedly terminated.\nAnd so on.")

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda self, **_: Dying())
    outcome = command("-m", "hydra.sweep.dir=sweep", "seed=0,1", *SMALL)
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert "or time: A worker process was unexpectedly terminated; the same command with resume=true" in outcome.output
    assert states() == ["not begun", "not begun"]


HOLD = """
import sys
from pathlib import Path
from ser.launch.workers import take_gpu
print(take_gpu(["0", "1", "2"], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_gpus_are_shared_out_evenly(tmp_path: Path) -> None:
    def hold() -> "subprocess.Popen[str]":
        words = [sys.executable, "-c", HOLD, str(tmp_path / "locks")]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def gpu_of(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    holders = [hold() for _ in range(6)]
    try:
        gpus = [gpu_of(holder) for holder in holders]
        assert Counter(gpus) == {"0": 2, "1": 2, "2": 2}
        gone = holders.pop()
        gone.kill()
        gone.communicate()
        holders.append(hold())
        assert gpu_of(holders[-1]) == gpus[-1]
    finally:
        for holder in holders:
            holder.communicate()


def test_gpus_that_are_named_and_how_many_runs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-a1")
    assert workers.visible_gpus() == ["2", "GPU-a1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert workers.visible_gpus() == []
    monkeypatch.setattr(os, "cpu_count", lambda: 32)
    assert [workers.sensible_number(n) for n in (0, 1, 4)] == [8, 1, 4]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert workers.sensible_number(0) == 2


def test_keys_that_vary(tmp_path: Path) -> None:
    words = [["model=resnet", "optim.lr=0.1", "+a='x=y'"], ["model=resnet", "optim.lr=0.2", "+a='x=y'"]]
    jobs = [sweep_table.PlannedRun(number, overrides, tmp_path / str(number)) for number, overrides in enumerate(words)]
    assert sweep_table.varying(jobs) == ["optim.lr"] and sweep_table.varying(jobs[:1]) == []
    (tmp_path / ".hydra").mkdir()
    sweep_table.write_planned(tmp_path, jobs)
    assert sweep_table.read_planned(tmp_path) == jobs
    assert sweep_table.update(tmp_path) == sweep_table.rows(tmp_path)
    assert [row["optim.lr"] for row in rows(tmp_path)] == ["0.1", "0.2"]


def values_of(parameter: dict[str, Any]) -> list[Any]:
    return parameter.get("values") or [parameter[name] for name in ("value", "min", "max") if name in parameter]


@pytest.mark.parametrize("file", sorted((ROOT / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_wandb_sweep_composes(file: Path) -> None:
    sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert sweep["program"] == "train.py" and sweep["command"][-1] == "${args_no_hyphens}"
    assert sweep["metric"] == {"name": "val/uar", "goal": "maximize"}
    parameters = sweep["parameters"]
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for number in range(max(len(values_of(parameter)) for parameter in parameters.values())):
            chosen = {name: values_of(parameter) for name, parameter in parameters.items()}
            words = [f"{name}={values[min(number, len(values) - 1)]}" for name, values in chosen.items()]
            cfg: Any = OmegaConf.to_container(compose("train", overrides=words), resolve=True)
            for group in ("model", "optim"):
                settings = {key: value for key, value in cfg[group].items() if not key.startswith("_")}
                assert all(not isinstance(value, float) or math.isfinite(value) for value in settings.values())
