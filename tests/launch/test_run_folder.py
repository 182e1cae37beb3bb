"""The run folder before a run: free, or the right one to go on with. Nothing is trained here."""

import json
import logging
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
from ser.errors import ConfigError, SerError
from ser.launch.callbacks import CallbackFailed, make
from ser.launch.run_folder import RunFolder
from ser.launch.sweep_folder import SweepFolder
from ser.runs.folder import differences, holds_a_run, is_unfinished
from tests.conftest import Command


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
    """The folder that a command gets; with -m that of the sweep."""
    cfg = composed(*(word for word in overrides if word != "-m"))
    if "-m" in overrides:
        sweep = SweepFolder()
        sweep.on_multirun_start(cfg)
        sweep.on_multirun_end(cfg)
    else:
        callback = RunFolder()
        callback.on_run_start(cfg)
        callback.on_run_end(cfg)
    HydraConfig.instance().cfg = None
    return Path(cfg.hydra.sweep.dir if "-m" in overrides else cfg.hydra.run.dir)


def refusal(*overrides: str) -> str:
    with pytest.raises(CallbackFailed) as stop:
        chosen(*overrides)
    assert isinstance(stop.value.__cause__, SerError)
    said = str(stop.value.__cause__)
    assert "\n" not in said
    return said


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
    was = "augment._target_ was 'ser.augment.specaugment.SpecAugment', now"
    assert any(change.startswith(was) for change in changed)
    assert changed == sorted(changed)


def test_where_things_lie_is_no_difference() -> None:
    path = run("run")
    assert differences(path, composed("paths.outputs=elsewhere", "paths.store=there", "resume=true")) == []


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
    assert chosen("resume=true") == right
    assert chosen("resume=true", "seed=1") == Path("outputs/2026-01-02/c")
    assert "no unfinished run with these settings below outputs" in refusal("resume=true", "seed=2")
    newest = run("outputs/2026-01-01/f", age=10, uar=0.1, interrupted={})
    assert chosen("resume=true") == newest
    named = run("outputs/first", age=9)
    assert chosen("resume=true") == named, "it may lie at any depth"
    fold = run("outputs/folds/fold-1", age=8)
    (fold / ".hydra" / "hydra.yaml").unlink()
    run("outputs/seeds/0", age=7)
    Path("outputs/seeds/multirun.yaml").touch()
    assert chosen("resume=true") == named, "a fold is no run, and a run of a sweep must be named"
    assert chosen("resume=outputs/seeds/0") == Path("outputs/seeds/0")


@pytest.mark.parametrize("name", ["resume={}", "resume=true hydra.run.dir={}"])
def test_a_run_that_is_named_goes_on(name: str) -> None:
    def named(folder: str) -> list[str]:
        return name.format(folder).split()

    run("mine", "seed=1")
    assert chosen(*named("mine"), "seed=1") == Path("mine")
    said = refusal(*named("mine"))
    assert "the run in mine had other settings: seed was 1, now 0; give its command again" in said
    run("done", uar=0.5)
    assert refusal(*named("done")) == "resume: the run in done is finished; see its report.txt"
    Path("sweep").mkdir()
    Path("sweep/multirun.yaml").touch()
    assert refusal(*named("sweep")).startswith("resume: sweep holds a sweep; to go on with it, put -m before")


def test_a_command_that_serves_for_every_try_begins_a_run_where_there_is_none() -> None:
    assert chosen("resume=true", "hydra.run.dir=new") == Path("new")
    assert chosen("resume=new") == Path("new"), "it was killed before it wrote anything"
    assert refusal("resume=newer").startswith("resume: no run in newer; name the folder of one, or give resume=true")
    assert not Path("newer").exists()


def test_a_sweep_that_is_named_goes_on() -> None:
    Path("sweep").mkdir()
    Path("sweep/multirun.yaml").touch()
    assert chosen("-m", "resume=sweep") == chosen("-m", "resume=true", "hydra.sweep.dir=sweep") == Path("sweep")
    assert chosen("-m", "resume=true", "hydra.sweep.dir=new") == Path("new")
    run("mine")
    assert refusal("-m", "resume=mine") == "resume: mine holds a run, but no sweep; to go on with it, leave -m away"
    assert refusal("-m", "resume=newer").startswith("resume: no sweep in newer; name the folder of one")
    assert refusal("-m", "resume=true").startswith("resume=true: no sweep of this command below outputs;")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("resume=a hydra.run.dir=b", "resume=a and hydra.run.dir both name the folder; leave one of them out"),
        ("-m resume=a hydra.sweep.dir=b", "resume=a and hydra.sweep.dir both name the folder; leave one of them out"),
        ("resume=", "resume is empty; name a folder, or leave it out"),
        ("hydra.run.dir=", "hydra.run.dir is empty; name a folder, or leave it out"),
        ("-m hydra.sweep.dir=", "hydra.sweep.dir is empty; name a folder, or leave it out"),
        ("launcher=joblib", "launcher=joblib starts the runs of a sweep; put -m before the other words"),
        ("search=crnn_melspec", "search=crnn_melspec is a search, of many runs; put -m before the other words"),
        ("model=[]", "model: nothing is chosen; set model=<name>, --help lists the names"),
    ],
)
def test_words_that_cannot_be_followed(words: str, said: str) -> None:
    assert refusal(*words.split()) == said


def test_home_may_be_written_short() -> None:
    home = Path.home()
    assert chosen("hydra.run.dir='~/new'") == home / "new"
    run("home/mine")
    assert chosen("resume='~/mine'") == chosen("resume=true", "hydra.run.dir='~/mine'") == home / "mine"
    run("home/out/2026-01-01/a")
    assert chosen("resume=true", "paths.outputs='~/out'") == home / "out/2026-01-01/a"
    assert chosen("-m", "hydra.sweep.dir='~/sweep'") == home / "sweep" and (home / "sweep").is_dir()


def test_an_earlier_run_is_not_lost() -> None:
    run("mine")
    said = refusal("hydra.run.dir=mine")
    assert "mine holds an earlier run, which would be lost;" in said and said.endswith("by resume=true")
    said = refusal("-m", "hydra.sweep.dir=mine")
    assert said.startswith("hydra.sweep.dir: mine holds earlier runs, which would be lost;")


@pytest.mark.parametrize("rank", [0, 1])
def test_of_processes_started_together_only_the_main_one_looks_after_the_folder(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    together = ("trainer=ddp", "trainer.accelerator=cpu")
    assert refusal(*together).startswith("hydra.run.dir is needed here")
    run("mine", *together)
    if rank == 0:
        assert "holds an earlier run" in refusal(*together, "hydra.run.dir=mine")
        assert chosen(*together, "resume=mine") == Path("mine") and Path("mine/.hydra/run.lock").exists()
    else:
        assert chosen(*together, "hydra.run.dir=mine") == chosen(*together, "resume=mine") == Path("mine")
        assert not Path("mine/.hydra/run.lock").exists()


def test_a_folder_that_cannot_be_made_is_named() -> None:
    Path("file").touch()
    with pytest.raises(ConfigError, match=r"paths\.outputs: cannot write to file/run .*hydra\.run\.dir=<folder>"):
        make(Path("file/run"), "hydra.run.dir")


# The command as far as the run folder: Hydra, the callback, and work that takes a moment.
AT_ONCE = """
import sys, time
from pathlib import Path
import hydra
from ser.config.schema import register
from ser.commands.messages import run_command
from ser.config.places import conf_dir

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


QUICK = ["epochs=1", "model=probe", "feature=mfcc", "augment=none"]


@pytest.mark.parametrize("flags", [[], ["-m"]])
def test_paths_are_relative_to_where_the_command_is_given(
    command: Command, few: Path, tmp_path: Path, flags: list[str]
) -> None:
    (tmp_path / "clips").symlink_to(few)
    place = "hydra.sweep.dir=run" if flags else "hydra.run.dir=run"
    words = [*QUICK, "hydra.job.chdir=true", "corpus.root=clips", place, *(["seed=0,1"] if flags else [])]
    outcome = command(*flags, *words)
    assert outcome.code == 0 and "hydra.job.chdir is not used" in outcome.output
    assert Path.cwd() == tmp_path and sorted(path.name for path in tmp_path.iterdir()) == ["clips", "run"]
    assert (tmp_path / "run" / ("1/report.txt" if flags else "report.txt")).is_file()


def test_hydra_s_own_logging_may_be_chosen(
    command: Command, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for logger in map(logging.getLogger, list(logging.root.manager.loggerDict)):
        monkeypatch.setattr(logger, "disabled", logger.disabled)  # for the tests that follow in this process
    outcome = command(*QUICK, f"corpus.root={few}", "hydra.run.dir=run", "hydra/job_logging=disabled")
    assert outcome.code == 0 and (tmp_path / "run" / "report.txt").is_file()
