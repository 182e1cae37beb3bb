"""A logger that fails is told once and left alone; the run ends whole."""

import errno
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ser.config import extras
from ser.errors import Aborted
from ser.loggers import job
from ser.loggers.base import Job, Logger
from ser.loggers.guard import Loggers, build_loggers
from ser.loggers.job import describe
from ser.runs.facts import CorpusFacts, Facts, Interruption, SplitFacts
from ser.runs.predictions import Predictions
from ser.runs.report import Evaluation, summarize
from ser.runs.results import Results
from ser.store.recordings import Recordings
from tests.conftest import FAST, Command, configured
from tests.facts import FACTS, facts

JOB = Job(Path("run"), "train", "resnet", None, [], Path("outputs"), {})
SPLIT = SplitFacts("random", 2, 3, seed=0, hash="0", speaker_independent=True, n_train=3, n_val=1)
CORPUS = CorpusFacts("demo", None, n_utterances=4, n_broken=0, fingerprint="1")
METHODS = ["start", "log_epoch", "log_results", "close"]


class Recording(Logger):
    """Remembers what it is told, and raises at one method if asked to."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.told: list[str] = []
        self.exit_code: int | None = None

    def _take(self, what: str) -> None:
        self.told.append(what)
        if what == self.failing:
            raise TimeoutError("the server\nis gone")

    def start(self, job: Job) -> None:
        self._take("start")

    def log_epoch(self, epoch: int, scores: Any) -> None:
        self._take("log_epoch")

    def log_results(self, evaluation: Evaluation, recordings: Recordings) -> None:
        self._take("log_results")

    def close(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._take("close")


def evaluation(told: Facts = FACTS) -> Evaluation:
    predictions = Predictions([{"emotion": "sad", "predicted": "sad"}], ["sad"])
    return Evaluation(Results(summarize(predictions), told), predictions)


def job_of(loggers: Loggers) -> None:
    with loggers.running(JOB):
        loggers.log_epoch(1, {})
        loggers.log_epoch(2, {})
        loggers.log_results(evaluation(), Recordings())


@pytest.mark.parametrize("failing", METHODS)
def test_one_that_raises_is_told_once_and_left_alone(failing: str, caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = Recording(failing), Recording()
    loggers = Loggers({"broken": broken, "whole": whole})
    with caplog.at_level(logging.WARNING, "ser"):
        job_of(loggers)
        job_of(loggers)  # the next fold
    assert caplog.messages == [
        "logging to broken has stopped: TimeoutError: the server is gone; the run goes on, and its files in run are"
        " complete without it"
    ]
    assert broken.told[-1] == failing and broken.told.count(failing) == 1
    assert whole.told == 2 * ["start", "log_epoch", "log_epoch", "log_results", "close"]


@pytest.mark.parametrize(
    ("error", "exit_code"), [(ValueError(), 1), (Aborted(), 130), (KeyboardInterrupt(), 130), (None, 0)]
)
def test_a_job_is_closed_however_it_ends(error: BaseException | None, exit_code: int) -> None:
    recording = Recording()
    try:
        with Loggers({"it": recording}).running(JOB):
            if error is not None:
                raise error
    except type(error):  # type: ignore[misc]
        pass
    assert recording.exit_code == exit_code


def test_an_interrupted_job_is_closed_as_such() -> None:
    recording = Recording()
    loggers = Loggers({"it": recording})
    with loggers.running(JOB):
        loggers.log_results(evaluation(facts(interrupted=Interruption(1, 9))), Recordings())
    assert recording.exit_code == 130


def test_a_run_ends_whole_whatever_its_loggers_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {method: Recording(method) for method in METHODS}
    monkeypatch.setattr("ser.experiment.build_loggers", lambda settings: Loggers(broken))
    outcome = command(*FAST[:-1], "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    for method in METHODS:
        assert outcome.output.count(f"logging to {method} has stopped") == 1
    assert json.loads(Path("run/status.json").read_text(encoding="utf-8"))["state"] == "finished"
    assert Path("run/metrics.json").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk without any room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_full_disk_of_the_logger(name: str, small_disk: Path, command: Command) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC
    Path("run").mkdir()
    Path("run", name).symlink_to(small_disk)
    outcome = command(*FAST, f"logger={name}", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count(f"logging to {name} has stopped") == 1 and "No space left" in outcome.output
    assert "Traceback" not in outcome.output
    assert Path("run/metrics.json").exists()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_package_is_told(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    outcome = command(*FAST, f"logger={name}", "hydra.run.dir=run")
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert f"logger={name} needs the package {name}" in outcome.output and f'"ser-lab[{name}]"' in outcome.output


def test_a_run_without_hydra_is_described_too(tmp_path: Path) -> None:
    config = configured(f"paths.outputs={tmp_path / 'outputs'}")
    described = describe(config, tmp_path / "outputs" / "today" / "a" / "fold-2", "fold", SPLIT, CORPUS)
    assert described.group == "today/a" and described.name.endswith("fold 2")
    assert described.config["protocol"] == {"name": "random", "hash": "0", "fold": 2, "n_folds": 3, "seed": 0} | {
        "speaker_independent": True
    }
    told = described.config["corpus"]
    assert (told["name"], told["fingerprint"], told["n_utterances"]) == ("demo", "1", 4)
    assert described.config["model"]["depth"] == config.model["depth"] and told["root"] == config.corpus["root"]
    assert described.tags == [] and config.check is None
    config.check = "shuffled"
    elsewhere = describe(config, tmp_path / "a", "pooled", SPLIT, CORPUS)
    assert (elsewhere.group, elsewhere.tags) == ("a", ["check=shuffled"])
    config.labels.name, config.corpus = "big4", {"parts": {"demo": {}, "own": {}}}
    several = describe(config, tmp_path / "a", "pooled", SPLIT, replace(CORPUS, name="demo+own"))
    assert several.tags == ["check=shuffled", "labels=big4", "demo", "own"]


def test_a_key_of_the_group_that_is_no_logger_is_refused(command: Command) -> None:
    outcome = command(*FAST, "+logger.nonsense=1", "hydra.run.dir=run")
    assert outcome.code == 1 and "logger.nonsense" in outcome.output and "Traceback" not in outcome.output


@pytest.mark.parametrize("words", [[], ["logger=[]"], ["logger=wandb", "logger.wandb=null"]])
def test_null_and_nothing_are_no_logger(words: list[str], tmp_path: Path) -> None:
    loggers = build_loggers(configured(*words).logger)
    assert not loggers and loggers.for_trainer(tmp_path) == []


def test_folds_within_a_sweep_are_a_group_and_carry_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = tmp_path / "today" / "x-sweep"
    monkeypatch.setattr(job, "_asked", lambda: (["seed=1"], {"model": "crnn"}, sweep))
    config = configured(f"paths.outputs={tmp_path}")
    fold = describe(config, sweep / "0" / "fold-2", "fold", SPLIT, CORPUS)
    assert (fold.group, fold.tags, fold.name) == ("today/x-sweep/0", ["today/x-sweep"], "crnn seed=1 fold 2")
    assert describe(config, sweep / "0", "train", SPLIT, CORPUS).group == fold.config["sweep"] == "today/x-sweep"
