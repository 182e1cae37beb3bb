"""The search itself, with a launcher that trains nothing."""

import csv
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from joblib.externals.loky.process_executor import TerminatedWorkerError
from omegaconf import OmegaConf

from ser.commands.overrides import side_by_side
from ser.config import extras
from ser.config.places import conf_dir
from ser.config.schema import register
from ser.errors import ConfigError, ProcessError, ResumeError
from ser.runs import status
from ser.search.rerun import overrides_of
from ser.search.settings import read_settings
from ser.search.study import Search, _ending
from ser.search.trial import TRIAL, OptunaTrial, read_trial
from tests.facts import results

SPACE = ["optim.lr=tag(log, interval(1e-4, 1e-2))", "model.depth=10,18"]


@pytest.fixture(autouse=True)
def composing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    register()
    setup_globals()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield
    HydraConfig.instance().cfg = None


def good(folder: Path, cfg: Any) -> float:
    """A run that comes to its end; the more layers the better."""
    status.Status(status.FINISHED, 1.0).write(folder)
    return float(cfg.model.depth / 100 + cfg.optim.lr)


class Launcher:
    """Calls a function with run folder and configuration, instead of a run."""

    def __init__(self, act: Callable[[Path, Any], float | None] = good) -> None:
        self.act = act
        self.launched: list[list[Sequence[str]]] = []

    def launch(self, job_overrides: list[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        self.launched.append(job_overrides)
        results = []
        for overrides in job_overrides:
            cfg = self.loader.load_sweep_config(self.config, list(overrides))
            result = JobReturn(status=JobStatus.COMPLETED)
            result.return_value = self.act(Path("sweep", cfg.hydra.sweep.subdir), cfg)
            results.append(result)
        return results


def search(*words: str, act: Callable[[Path, Any], float | None] = good, space: Sequence[str] = SPACE) -> Any:
    """Run a search of 4 trials in the folder sweep, and return it."""
    launcher = Launcher(act)
    loader = GlobalHydra.instance().config_loader()
    own = ["hydra/sweeper=optuna", "hydra.sweep.dir=sweep", "hydra.job.config_name=train"]
    given = [*own, "hydra.sweeper.n_trials=4", "hydra.sweeper.startup_trials=2", *words, *space]
    cfg = loader.load_configuration("train", given, RunMode.MULTIRUN)
    launcher.loader, launcher.config = loader, cfg  # type: ignore[attr-defined]
    Path("sweep", ".hydra").mkdir(parents=True, exist_ok=True)
    arguments = OmegaConf.to_container(cfg.hydra.overrides.task)
    made: Any = Search(read_settings(cfg), cfg, loader, launcher, arguments)  # type: ignore[arg-type]
    made.run()
    return made


def rows() -> list[dict[str, str]]:
    with Path("sweep/trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_finds_the_best_and_says_how_to_have_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    done = search("epochs=3", "model.dropout=0.1", "experiment=assignment1_improved", "training.monitor=loss")
    assert [row["state"] for row in rows()] == ["complete"] * 4
    assert {"trial", "state", "val_uar", "optim.lr", "model.depth", "epochs", "seconds", "message", "folder"} == set(
        rows()[0]
    )
    best = max(rows(), key=lambda row: float(row["val_uar"]))
    found = yaml.safe_load(Path("sweep/best.yaml").read_text())
    assert str(found["trial"]) == best["trial"] and best["model.depth"] == "18"
    again = done.loader.load_configuration("train", found["overrides"], RunMode.RUN)
    trial = done.loader.load_sweep_config(done.config, done._overrides(done.study.trials[found["trial"]].params))
    settings = [{key: value for key, value in cfg.items() if key != "hydra"} for cfg in (again, trial)]
    assert (
        settings[0] == {**settings[1], "experiment": None}
        and again.optim.lr == float(best["optim.lr"])
        and again.training.monitor == "loss"
    )
    said = capsys.readouterr().out
    assert f"best on validation: trial {best['trial']}, UAR" in said and found["command"] in said
    assert "4 trials: 4 complete, 0 pruned, 0 failed" in said and "importance " in said
    assert said.count("(best") == 4
    assert {path.name for path in Path("sweep").glob("*.png")} == {"history.png", "importance.png"}
    assert not list(Path("sweep").rglob(TRIAL))


def test_features_side_by_side_are_had_again() -> None:
    loader = GlobalHydra.instance().config_loader()
    words = [*side_by_side("feature=[whisper,wavlm]"), "feature.parts.wavlm.layer=2"]
    searched = loader.load_configuration("train", [*words, "hydra.job.config_name=train"], RunMode.MULTIRUN)
    again = loader.load_configuration("train", overrides_of(loader, searched, words), RunMode.RUN)
    assert again.feature == searched.feature


def test_a_seed_gives_the_same_search_stopped_or_not() -> None:
    def stop(folder: Path, cfg: Any) -> float:
        if folder.name == "2":
            raise KeyboardInterrupt
        return good(folder, cfg)

    whole = search().study.trials
    Path("sweep").rename("whole")
    with pytest.raises(KeyboardInterrupt):
        search(act=stop)
    assert [trial.state.name for trial in search_states()] == ["COMPLETE"] * 2 + ["RUNNING"]
    stopped = search("resume=true").study.trials
    assert [trial.params for trial in stopped] == [trial.params for trial in whole]
    assert len({trial.params["optim.lr"] for trial in whole}) == 4
    Path("sweep").rename("stopped")
    assert [trial.params for trial in search("seed=1").study.trials] != [trial.params for trial in whole]


def search_states() -> list[Any]:
    import optuna

    return optuna.load_study(study_name="search", storage="sqlite:///sweep/study.db").trials


def test_a_trial_that_was_at_work_is_run_again() -> None:
    def die(folder: Path, cfg: Any) -> float:
        raise TerminatedWorkerError("worker killed")

    with pytest.raises(ProcessError, match=r"worker killed.*resume=true"):
        search(act=die)
    before = search_states()[0].params
    continued = []

    def go_on(folder: Path, cfg: Any) -> float:
        continued.append((folder.name, cfg.optim.lr, cfg.resume))
        return good(folder, cfg)

    done = search("resume=true", act=go_on)
    assert continued[0] == ("0", before["optim.lr"], False) and continued[1][0] == "1"
    assert [trial.number for trial in done.study.trials] == list(range(4)) and len(continued) == 4


def test_one_that_had_ended_before_it_was_told_is_not_run_again() -> None:
    def end(folder: Path, cfg: Any) -> float:
        status.Status({"0": status.PRUNED, "1": status.FAILED}.get(folder.name, status.FINISHED), 1.0).write(folder)
        if folder.name == "2":
            results(test=0.9, validation=0.75).write(folder)
            raise TerminatedWorkerError
        return 0.5

    with pytest.raises(ProcessError):
        search("hydra/launcher=joblib", "hydra.launcher.n_jobs=3", act=end)
    assert [row["state"] for row in rows()] == ["pruned", "failed", "complete"]
    done = search("resume=true")
    assert [row["state"] for row in rows()] == ["pruned", "failed", "complete", "complete"]
    assert done.study.trials[2].value == 0.75
    assert [len(batch) for batch in done.launcher.launched] == [1]


def test_a_killed_search_hears_of_the_trials_that_had_ended_meanwhile() -> None:
    def end_and_stop(folder: Path, cfg: Any) -> float:
        status.Status(status.FINISHED, 1.0).write(folder)
        results(validation=0.75).write(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search("hydra.sweeper.n_trials=1", act=end_and_stop)
    assert [trial.state.name for trial in search_states()] == ["RUNNING"]
    done = search("resume=true", "hydra.sweeper.n_trials=1")
    assert done.launcher.launched == [] and done.study.best_value == 0.75


def test_pruned_and_failed_trials_are_told_and_the_search_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def end(folder: Path, cfg: Any) -> float | None:
        if folder.name == "1":
            trial = read_trial(folder)
            assert trial is not None and trial.number == 1
            OptunaTrial(trial).report(0.25, step=3)
            status.Status(status.PRUNED, 2.0).write(folder)
            return None
        if folder.name == "2":
            status.Status(status.FAILED, 2.0, "model.depth must be even").write(folder)
            return None
        return good(folder, cfg)

    search(act=end)
    told = rows()
    assert [row["state"] for row in told] == ["complete", "pruned", "failed", "complete"]
    assert told[1]["val_uar"] == "0.25000" and told[2]["message"] == "model.depth must be even"
    said = capsys.readouterr().out
    assert "pruned after epoch 1, validation UAR 0.250" in said and "failed: model.depth must be even" in said
    assert "4 trials: 2 complete, 1 pruned, 1 failed" in said


def test_a_job_that_hydra_could_not_run_has_failed() -> None:
    launcher_result = JobReturn(status=JobStatus.FAILED)
    launcher_result.return_value = ValueError("no")
    assert _ending(Path(), launcher_result) == (None, status.FAILED)


def test_a_search_whose_first_trials_all_fail_is_ended() -> None:
    def fail(folder: Path, cfg: Any) -> None:
        status.Status(status.FAILED, 1.0, "corpus.root: no folder x").write(folder)

    with pytest.raises(ConfigError, match=r"its first 3 trials failed; the first: corpus\.root: no folder x"):
        search(act=fail)
    assert len(rows()) == 3


def test_more_trials_can_be_asked_for_later(capsys: pytest.CaptureFixture[str]) -> None:
    search("hydra.sweeper.n_trials=2")
    assert "importance needs 4 complete trials" in capsys.readouterr().out
    assert not Path("sweep/importance.png").exists()
    done = search("resume=true", "hydra.sweeper.n_trials=4")
    assert len(done.study.trials) == 4 and len(done.launcher.launched) == 2
    assert search("resume=true", "hydra.sweeper.n_trials=4").launcher.launched == []


def test_other_settings_are_refused_with_what_differs() -> None:
    search("hydra.sweeper.n_trials=1")
    with pytest.raises(ConfigError, match="holds an earlier search"):
        search()
    with pytest.raises(ResumeError, match=r"seed was 0, now 7; give its command again"):
        search("resume=true", "seed=7")
    with pytest.raises(ResumeError, match=r"model.depth was one of 10, 18, now one of 10, 34; give"):
        search("resume=true", space=[SPACE[0], "model.depth=10,34"])
    search("resume=true", "hydra.sweeper.pruner.name=none", "paths.data=elsewhere")


def test_several_at_once_are_drawn_and_told_together() -> None:
    done = search("launcher=joblib", "hydra.launcher.n_jobs=3")
    assert [len(batch) for batch in done.launcher.launched] == [3, 1]
    assert len({trial.params["optim.lr"] for trial in done.study.trials}) == 4
    assert "launcher" not in Path("sweep/best.yaml").read_text()  # one run alone has none


def test_a_setting_that_does_not_exist_is_refused_before_anything_is_run() -> None:
    with pytest.raises(HydraException, match=r"model\.deep"):
        search(space=["model.deep=1,2"])
    with pytest.raises(HydraException, match="absent"):
        search(space=["model=resnet,absent"])
    assert not Path("sweep/study.db").exists()


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials must lie between 1"),
        ("hydra.sweeper.n_trials=many", "hydra.sweeper.n_trials must be a whole number"),
        ("hydra.sweeper.startup_trials=1.5", "hydra.sweeper.startup_trials must be a whole number"),
        ("hydra.sweeper.pruner.name=best", "hydra.sweeper.pruner.name must be one of median, halving, none"),
        ("hydra.sweeper.pruner.warmup_epochs=-1", "hydra.sweeper.pruner.warmup_epochs must lie between"),
        ("+hydra.sweeper.pruner.speed=1", "hydra.sweeper.pruner.speed: no such setting"),
        ("hydra.sweeper.storage=nonsense", "hydra.sweeper.storage: the database cannot be opened"),
        ("hydra.sweeper.storage=postgresql://nowhere/x", "hydra.sweeper.storage: the database cannot be opened"),
    ],
)
def test_wrong_settings_are_refused_by_name(word: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        search(word)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_of_the_test_is_seen() -> None:
    """All that the database, trials.csv and best.yaml know of a run is its validation UAR."""

    def run(folder: Path, cfg: Any) -> float:
        results(test=0.987654, validation=0.5).write(folder)
        (folder / "predictions.csv").write_text("0.987654")
        return good(folder, cfg)

    search("hydra.sweeper.n_trials=2", act=run)
    dump = "\n".join(sqlite3.connect("sweep/study.db").iterdump())
    written = dump + "".join(Path("sweep", name).read_text() for name in ("trials.csv", "best.yaml"))
    assert "98765" not in written and "test" not in dump and "accuracy" not in dump


def test_a_database_of_ones_own() -> None:
    done = search("hydra.sweeper.storage=sqlite:///mine.db", "hydra.sweeper.n_trials=1")
    assert Path("mine.db").exists() and not Path("sweep/study.db").exists()
    assert done.study.study_name == str(Path("sweep").resolve())


def test_the_stub_is_a_launcher_as_hydra_has_them() -> None:
    from hydra.plugins.launcher import Launcher as Interface

    assert SimpleNamespace(**vars(Interface)).launch.__code__.co_varnames[1:3] == ("job_overrides", "initial_job_idx")


def test_a_search_without_optuna_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'a search needs the package optuna.*pip install "ser-lab\[search\]"'):
        search()


def test_a_check_is_not_searched() -> None:
    with pytest.raises(ConfigError, match="check=shuffled: the best settings of a check are good for nothing"):
        search("check=shuffled")
