"""The run folder before a run: free, or the right one to go on with. Nothing is trained here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ser.config.places import conf_dir
from ser.config.schema import register
from ser.launch.run_folder import RunFolder, make
from ser.launch.sweep_folder import SweepFolder
from ser.runs.folder import differences, holds_a_run, is_unfinished


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def composed(*overrides: str) -> DictConfig:
    """With Hydra's own part, as a callback gets it."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("train", overrides=list(overrides), return_hydra_config=True)
    cfg.hydra.runtime.output_dir = ""
    return cfg


def run(folder: str, *overrides: str, age: int = 0, **results: Any) -> Path:
    """What a run with these settings left; `results` of metrics.json, if it got so far."""
    path = Path(folder)
    (path / ".hydra").mkdir(parents=True)
    cfg = composed(*overrides)
    OmegaConf.save(OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"]), path / ".hydra" / "config.yaml")
    (path / ".hydra" / "hydra.yaml").touch()
    (path / "split.csv").touch()
    if results:
        (path / "metrics.json").write_text(json.dumps(results))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def chosen(*overrides: str) -> Path:
    """The folder that a command gets."""
    cfg = composed(*overrides)
    callback = RunFolder()
    callback.on_run_start(cfg)
    callback.on_run_end(cfg)
    HydraConfig.instance().cfg = None
    return Path(cfg.hydra.run.dir)


def refusal(*overrides: str) -> str:
    with pytest.raises(SystemExit) as stop:
        chosen(*overrides)
    assert isinstance(stop.value.code, str) and "\n" not in stop.value.code
    return stop.value.code


def test_what_holds_a_run() -> None:
    for name in ("empty", "run", "folds/fold-1", "other"):
        Path(name).mkdir(parents=True)
    Path("run/split.csv").touch()
    Path("folds/fold-1/split.csv").touch()
    Path("other/notes.txt").touch()
    found = {name: holds_a_run(Path(name)) for name in ("empty", "run", "folds", "other", "nowhere")}
    assert found == {"empty": False, "run": True, "folds": True, "other": False, "nowhere": False}


def test_what_is_unfinished() -> None:
    killed, finished = run("killed"), run("finished", uar=0.5)
    stopped = run("stopped", uar=0.3, interrupted={"epoch": 2, "n_epochs": 4})
    Path("folds/fold-1").mkdir(parents=True)
    Path("folds/fold-1/split.csv").touch()
    Path("empty").mkdir()
    paths = (killed, stopped, Path("folds"), finished, Path("empty"), Path("nowhere"))
    assert [is_unfinished(path) for path in paths] == [True, True, True, False, False, False]


def test_differences_are_named() -> None:
    path = run("run", "seed=1", "model.dropout=0.5")
    assert differences(path, composed("seed=1", "model.dropout=0.5")) == []
    assert differences(path, composed("seed=2", "model.dropout=0.5")) == ["seed was 1, now 2"]
    changed = differences(path, composed("augment=none"))
    assert "model.dropout was 0.5, now 0.2" in changed and "seed was 1, now 0" in changed
    assert any(change.startswith("augment._target_ was 'ser.augment.specaugment.SpecAugment', now") for change in changed)
    assert changed == sorted(changed)


def test_where_things_lie_is_no_difference() -> None:
    path = run("run")
    assert differences(path, composed("paths.outputs=elsewhere", "paths.store=there", "ckpt_path=last")) == []


@pytest.mark.parametrize("text", ["a: [", "", "- 1\n"])
def test_a_damaged_configuration_is_a_difference(text: str) -> None:
    path = run("run")
    (path / ".hydra" / "config.yaml").write_text(text)
    assert differences(path, composed()) != []
    (path / ".hydra" / "config.yaml").unlink()
    assert differences(path, composed()) == [f"{path}/.hydra/config.yaml cannot be read"]


def test_the_newest_run_that_matches_goes_on() -> None:
    run("outputs/2026-01-01/a", age=50)
    right = run("outputs/2026-01-01/b", age=40)
    run("outputs/2026-01-02/c", "seed=1", age=30)  # other settings
    run("outputs/2026-01-02/d", age=20, uar=0.4)  # finished
    Path("outputs/2026-01-02/e").mkdir()  # no run
    assert chosen("ckpt_path=last") == right
    assert chosen("ckpt_path=last", "seed=1") == Path("outputs/2026-01-02/c")
    assert "no unfinished run with these settings below outputs" in refusal("ckpt_path=last", "seed=2")
    newest = run("outputs/2026-01-01/f", age=10, uar=0.1, interrupted={})
    assert chosen("ckpt_path=last") == newest
    named = run("outputs/first", age=9)
    assert chosen("ckpt_path=last") == named, "it may lie at any depth"
    fold = run("outputs/folds/fold-1", age=8)
    (fold / ".hydra" / "hydra.yaml").unlink()
    run("outputs/seeds/0", age=7)
    Path("outputs/seeds/multirun.yaml").touch()
    assert chosen("ckpt_path=last") == named, "a fold is no run, and a run of a sweep must be named"


def test_a_run_that_is_named_goes_on() -> None:
    run("mine", "seed=1")
    assert chosen("ckpt_path=last", "seed=1", "hydra.run.dir=mine") == Path("mine")
    said = refusal("ckpt_path=last", "hydra.run.dir=mine")
    assert "seed was 1, now 0" in said and "give the same command again" in said
    run("done", uar=0.5)
    assert "is finished" in refusal("ckpt_path=last", "hydra.run.dir=done")
    assert chosen("ckpt_path=last", "hydra.run.dir=new") == Path("new")


def test_home_may_be_written_short() -> None:
    home = Path.home()
    assert chosen("hydra.run.dir='~/new'") == home / "new"
    run("home/mine")
    assert chosen("ckpt_path=last", "hydra.run.dir='~/mine'") == home / "mine"
    run("home/out/2026-01-01/a")
    assert chosen("ckpt_path=last", "paths.outputs='~/out'") == home / "out/2026-01-01/a"
    cfg = composed("hydra.sweep.dir='~/sweep'")
    SweepFolder().on_multirun_start(cfg)
    assert cfg.hydra.sweep.dir == str(home / "sweep") and (home / "sweep").is_dir()


def test_an_earlier_run_is_not_lost() -> None:
    run("mine")
    assert "holds an earlier run" in refusal("hydra.run.dir=mine") and "ckpt_path=last" in refusal("hydra.run.dir=mine")
    with pytest.raises(SystemExit, match=r"hydra\.sweep\.dir: mine holds an earlier run"):
        SweepFolder().on_multirun_start(composed("hydra.sweep.dir=mine"))


def test_a_folder_that_cannot_be_made_is_named() -> None:
    Path("file").touch()
    with pytest.raises(SystemExit, match=r"paths\.outputs: cannot write to file/run .*hydra\.run\.dir=<folder>"):
        make(Path("file/run"), "hydra.run.dir")


# The command as far as the run folder: Hydra, the callback, and work that takes a moment.
AT_ONCE = """
import sys, time
from pathlib import Path
import hydra
from ser.config.schema import register
from ser.command_line import run_command
from ser.paths import conf_dir

register()

@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def work(cfg):
    Path("mine", f"worked-{cfg.seed}").touch()
    deadline = time.monotonic() + 20
    while not Path("go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)

run_command(work)
"""


def test_of_two_runs_at_once_one_wins_and_the_other_is_refused() -> None:
    program = [sys.executable, "-c", AT_ONCE, "hydra.run.dir=mine"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.Popen([*program, f"seed={seed}"], env=environment, stderr=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]
    while all(one.poll() is None for one in runs):  # until one is refused
        os.sched_yield()
    Path("go").touch()
    said = [one.communicate(timeout=60)[1] for one in runs]
    codes = [one.returncode for one in runs]
    assert sorted(codes) == [0, 1], said
    winner, loser = codes.index(0), codes.index(1)
    assert said[winner] == ""
    assert said[loser] == "hydra.run.dir: another run is at work in mine; wait for it, or name another folder\n"
    assert [path.name for path in Path("mine").glob("worked-*")] == [f"worked-{winner + 1}"]
    assert OmegaConf.load(Path("mine/.hydra/config.yaml")).seed == winner + 1
