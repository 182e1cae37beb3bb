"""A logger that fails is told once and left alone; the run ends whole."""

import errno
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import FAST, Command

from ser.config import extras
from ser.errors import Aborted
from ser.loggers import job
from ser.loggers.base import Job, Logger, Results
from ser.loggers.guard import Loggers, build_loggers
from ser.loggers.job import describe
from ser.runs.predictions import Predictions

JOB = Job(Path("run"), "train", "resnet", None, [], {})
RESULTS = Results({}, Predictions([], [], [], []), {}, 16000)
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

    def log_results(self, results: Results) -> None:
        self._take("log_results")

    def close(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._take("close")


def job_of(loggers: Loggers) -> None:
    with loggers.running(JOB):
        loggers.log_epoch(1, {})
        loggers.log_epoch(2, {})
        loggers.log_results(RESULTS)


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
        loggers.log_results(Results({"interrupted": {"epoch": 1}}, RESULTS.predictions, {}, 16000))
    assert recording.exit_code == 130


@pytest.mark.parametrize("failing", METHODS)
def test_a_run_ends_whole_whatever_its_logger_does(
    failing: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.experiment.build_loggers", lambda settings: {"broken": Recording(failing)})
    outcome = command(*FAST[:-1], "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("logging to broken has stopped") == 1
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


def test_nothing_is_imported_that_was_not_asked_for() -> None:
    program = (
        "import sys; from ser import experiment; from ser.loggers.guard import build_loggers;"
        "assert build_loggers({'csv': {'_target_': 'ser.loggers.csv.Csv'}}) == {};"
        "build_loggers({'wandb': {'_target_': 'ser.loggers.wandb.Wandb', 'tags': []}});"
        "print([name for name in ('wandb', 'tensorboard', 'mlflow') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_package_is_told(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    outcome = command(*FAST, f"logger={name}", "hydra.run.dir=run")
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert f"logger={name} needs the package {name}" in outcome.output and f'"ser-lab[{name}]"' in outcome.output


def test_a_run_without_hydra_is_described_too(tmp_path: Path) -> None:
    protocol = {"name": "random", "hash": "0", "fold": 2, "n_folds": 3, "seed": 0, "speaker_independent": True}
    corpus = {"name": "demo", "fingerprint": "1", "n_utterances": 4}
    settings = {"paths": {"outputs": str(tmp_path / "outputs")}, "corpus": {"root": None}}
    described = describe(settings, tmp_path / "outputs" / "today" / "a" / "fold-2", "fold", protocol, corpus)
    assert described.group == "today/a" and described.name.endswith("fold 2")
    assert described.config["protocol"] == protocol and described.config["corpus"]["name"] == "demo"
    elsewhere = describe(settings, tmp_path / "a", "pooled", protocol, corpus)
    assert elsewhere.group == "a"


def test_a_key_of_the_group_that_is_no_logger_is_refused(command: Command) -> None:
    outcome = command(*FAST, "+logger.nonsense=1", "hydra.run.dir=run")
    assert outcome.code == 1 and "logger.nonsense" in outcome.output and "Traceback" not in outcome.output


def test_an_empty_group_is_no_logger() -> None:
    assert build_loggers({"offline": True}) == {}


def test_folds_within_a_sweep_are_a_group_and_carry_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = tmp_path / "today" / "x-sweep"
    monkeypatch.setattr(job, "_asked", lambda: (["seed=1"], {"model": "crnn"}, sweep))
    protocol = {"name": "random", "hash": "0", "fold": 2, "n_folds": 3, "seed": 0, "speaker_independent": True}
    corpus = {"name": "demo", "fingerprint": "1", "n_utterances": 4}
    settings = {"paths": {"outputs": str(tmp_path)}, "corpus": {}}
    fold = describe(settings, sweep / "0" / "fold-2", "fold", protocol, corpus)
    assert (fold.group, fold.tags, fold.name) == ("today/x-sweep/0", ["today/x-sweep"], "crnn seed=1 fold 2")
    assert describe(settings, sweep / "0", "train", protocol, corpus).group == fold.config["sweep"] == "today/x-sweep"
