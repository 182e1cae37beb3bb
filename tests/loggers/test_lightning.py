"""Lightning's own loggers, by their class."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger

from ser.errors import ConfigError
from ser.experiment import run
from ser.files import read_csv
from ser.loggers.base import Job
from ser.loggers.guard import build_loggers
from tests.conftest import FAST, configured

pytestmark = pytest.mark.usefixtures("no_figures")

CSV = "logger.mine._target_=pytorch_lightning.loggers.CSVLogger"


class Failing(CSVLogger):
    """Fails when it is told of an epoch."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        raise OSError("the disk\nis gone")


class Unreachable(CSVLogger):
    """Fails when it begins."""

    @property
    def experiment(self) -> Any:
        raise TimeoutError("no server")


class Lacking(CSVLogger):
    """Needs a package that is not there."""

    def __init__(self) -> None:
        raise ModuleNotFoundError("no package of that name")


@pytest.fixture
def words(few: Path, tmp_path: Path) -> list[str]:
    places = [f"corpus.root={few}", f"paths.store={few.parent / 'store'}", f"paths.outputs={tmp_path}"]
    return ["corpus=ravdess", *places, "split=random", "trainer=cpu", *FAST]


def test_each_fold_has_a_logger_of_its_own_and_the_same_result(
    words: list[str], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folds = ["split=kfold", "split.k=2", "split.fold=all"]
    for name, logger in {"plain": [], "logged": [CSV]}.items():
        (tmp_path / name).mkdir()
        run(configured(*words, *folds, *logger), tmp_path / name)
    for fold in ("fold-1", "fold-2"):
        plain, logged = tmp_path / "plain" / fold, tmp_path / "logged" / fold
        for name in ("history.csv", "predictions.csv"):
            assert (plain / name).read_bytes() == (logged / name).read_bytes()
        [told] = logged.rglob("version_0/metrics.csv")
        values = [row["val/uar"] for row in read_csv(told) if row["val/uar"]]
        kept = [float(row["val_uar"]) for row in read_csv(logged / "history.csv")]
        assert [float(value) for value in values] == pytest.approx(kept, abs=1e-5)
        assert sum(row["train/loss"] != "" for row in read_csv(told)) == 2
        assert not list(plain.rglob("version_*"))
    assert not [warning for warning in recwarn if "log_every_n_steps" in str(warning.message)]


def test_one_that_fails_is_told_once_and_left_alone(
    words: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loggers = [f"logger.{name}._target_=tests.loggers.test_lightning.{name}" for name in ("Failing", "Unreachable")]
    evaluation = run(configured(*words, *loggers, CSV), tmp_path).evaluation
    assert evaluation is not None and len(evaluation.history) == 2
    so = f"the run goes on, and its files in {tmp_path} are complete without it"
    assert [message for message in caplog.messages if "logging to" in message] == [
        f"logging to Unreachable has stopped: TimeoutError: no server; {so}",
        f"logging to Failing has stopped: OSError: the disk is gone; {so}",
    ]
    [whole] = tmp_path.rglob("metrics.csv")
    assert len(read_csv(whole)) == 2 * 2  # training and validation


def test_where_the_files_go_may_be_said(tmp_path: Path) -> None:
    elsewhere = build_loggers(
        configured(CSV, f"logger.mine.save_dir={tmp_path / 'there'}", "logger.mine.name=x").logger
    )
    with elsewhere.running(Job(tmp_path, "train", "a", None, [], tmp_path, {})):
        [one], [other] = (elsewhere.for_trainer(tmp_path / "run") for _ in range(2))
    assert one is not other
    assert one.save_dir == str(tmp_path / "there") and one.name == "x"


REFUSED = {
    "an argument that it has not": ([CSV, "logger.mine.colour=red"], "CSVLogger cannot be made: .*colour"),
    "no such class": (
        ["logger.mine._target_=pytorch_lightning.loggers.Nowhere"],
        "logger.mine._target_: no such class",
    ),
    "no class at all": (["logger.mine.name=x"], "logger.mine: it is not chosen; add logger=mine"),
    "no mapping": (["logger.mine=3"], "logger.mine: it is not chosen"),
    "no logger": (["logger.mine._target_=pathlib.Path"], "logger.mine: pathlib.Path is no logger"),
}


@pytest.mark.parametrize(("overrides", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_before_any_work(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_loggers(configured(*overrides).logger)


def test_a_package_that_is_missing_is_told_in_one_message(tmp_path: Path) -> None:
    loggers = build_loggers(configured("logger.mine._target_=tests.loggers.test_lightning.Lacking").logger)
    with (
        loggers.running(Job(tmp_path, "train", "a", None, [], tmp_path, {})),
        pytest.raises(ConfigError, match=r"logger.mine: .*Lacking cannot be made: no package"),
    ):
        loggers.for_trainer(tmp_path)
