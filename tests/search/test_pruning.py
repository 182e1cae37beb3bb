"""A trial tells the search how it does, and ends when it is bad."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch

from ser.runs.names import MAIN_SCORES
from ser.search.database import open_database, sqlite_url
from ser.search.pruning import PruneBadTrials, Pruned
from ser.search.settings import Pruner
from ser.search.trial import Trial, read_trial


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    """A study with one complete trial, whose UAR was 0.5 after each of 12 epochs."""
    study = optuna.create_study(study_name="search", storage=open_database(sqlite_url(tmp_path)), direction="maximize")
    steps = dict.fromkeys(range(1, 13), 0.5)
    study.add_trial(optuna.trial.create_trial(value=0.5, intermediate_values=steps))
    return study


def trial_of(study: optuna.Study, folder: Path, **pruner: Any) -> Trial:
    settings = {"name": "median", "startup_trials": 1, "warmup_epochs": 0, **pruner}
    return Trial(sqlite_url(folder), "search", study.ask().number, settings)


def told(callback: PruneBadTrials, *scores: float, first: int = 1, loss: float = 1.0, every: int = 1) -> int | None:
    """The epoch after which the trial is pruned whose validation UAR is `scores`; validated `every` so many."""
    for epoch, score in enumerate(scores, start=first):
        trainer = SimpleNamespace(
            current_epoch=epoch - 1,
            check_val_every_n_epoch=every,
            is_global_zero=True,
            callback_metrics={"val/uar": torch.tensor(score), "val/loss": torch.tensor(loss)},
            lightning_module=SimpleNamespace(scores=MAIN_SCORES),
            strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
        )
        try:
            callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        except Pruned:
            return epoch
    return None


def pruning(trial: Trial, *earlier: float, monitor: str = "uar", is_last: bool = True) -> PruneBadTrials:
    return PruneBadTrials(trial, earlier, n_epochs=4, monitor=monitor, is_last=is_last)


def test_a_bad_trial_is_pruned_and_a_good_one_is_not(study: optuna.Study, tmp_path: Path) -> None:
    assert told(pruning(trial_of(study, tmp_path)), 0.4) == 1
    assert told(pruning(trial_of(study, tmp_path)), 0.6, 0.1, 0.1) is None
    assert told(pruning(trial_of(study, tmp_path, warmup_epochs=2)), 0.4, 0.4, 0.4) == 3
    assert told(pruning(trial_of(study, tmp_path, startup_trials=2)), 0.1, 0.1, 0.1) is None
    assert told(pruning(trial_of(study, tmp_path, name="none")), 0.1, 0.1, 0.1) is None


def test_what_is_told_is_the_epoch_kept_so_far(study: optuna.Study, tmp_path: Path) -> None:
    trial = trial_of(study, tmp_path)
    told(pruning(trial), 0.6, 0.7, 0.5)
    assert study.trials[trial.number].intermediate_values == pytest.approx({1: 0.6, 2: 0.7, 3: 0.7})
    by_loss = trial_of(study, tmp_path)
    callback = pruning(by_loss, monitor="loss")
    told(callback, 0.6, loss=1.0)
    told(callback, 0.8, first=2, loss=2.0)
    told(callback, 0.7, first=3, loss=0.5)
    assert study.trials[by_loss.number].intermediate_values == pytest.approx({1: 0.6, 2: 0.6, 3: 0.7})


def test_epochs_without_validation_are_passed_over(study: optuna.Study, tmp_path: Path) -> None:
    trial = trial_of(study, tmp_path)
    assert told(pruning(trial), 0.1, 0.6, 0.1, 0.7, every=2) is None
    assert study.trials[trial.number].intermediate_values == pytest.approx({2: 0.6, 3: 0.6, 4: 0.7})


def test_with_folds_it_is_the_mean_and_steps_count_on(study: optuna.Study, tmp_path: Path) -> None:
    trial = trial_of(study, tmp_path)
    assert told(pruning(trial, 0.9, 0.8), 0.1, 0.4) is None
    assert study.trials[trial.number].intermediate_values == pytest.approx({9: 0.6, 10: 0.7})
    assert told(pruning(trial_of(study, tmp_path), 0.4, 0.4), 0.1) == 1


def test_after_the_last_epoch_nothing_is_saved_by_pruning(study: optuna.Study, tmp_path: Path) -> None:
    trial = trial_of(study, tmp_path, warmup_epochs=3)
    assert told(pruning(trial), 0.1, 0.1, 0.1, 0.1) is None
    assert told(pruning(trial_of(study, tmp_path, warmup_epochs=3), is_last=False), 0.1, 0.1, 0.1, 0.1) == 4


def test_a_trial_that_goes_on_remembers_and_tells_an_epoch_twice(study: optuna.Study, tmp_path: Path) -> None:
    trial = trial_of(study, tmp_path)
    first = pruning(trial)
    told(first, 0.6, 0.7)
    again = pruning(trial)
    again.load_state_dict(first.state_dict())
    assert told(again, 0.2, 0.2, first=2) is None
    assert study.trials[trial.number].intermediate_values == pytest.approx({1: 0.6, 2: 0.7, 3: 0.7})


def test_a_trial_is_read_back(tmp_path: Path) -> None:
    trial = Trial("sqlite:///study.db", "search", 3, {"name": "none"})
    assert read_trial(tmp_path) is None
    trial.write(tmp_path / "3")
    assert read_trial(tmp_path / "3") == trial


def test_pruners_are_optunas() -> None:
    assert isinstance(Pruner("halving", 4, 5).make(), optuna.pruners.SuccessiveHalvingPruner)
    assert isinstance(Pruner("none", 4, 5).make(), optuna.pruners.NopPruner)
