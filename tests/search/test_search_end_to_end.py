"""Searches as a user starts them, in processes of their own."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.conftest import FAST, Command
from tests.forked import Running, fork_workers, start

LR = "optim.lr=tag(log, interval(1e-4, 1e-2))"
SEARCH = ["-m", "hydra/sweeper=optuna", *FAST, "epochs=3", LR, "model.dropout=0.1,7", "hydra.sweep.dir=sweep"]


def begin(speech: Path, *words: str) -> Running:
    """The command in a process of its own; the words are those that the fixture `command` adds."""
    corpus = ["corpus=ravdess", f"corpus.root={speech}", "split=random", f"paths.store={speech.parent / 'store'}"]
    return start(*words, *corpus, folder=Path.cwd(), first=fork_workers)


def states() -> dict[str, str]:
    with Path("sweep/trials.csv").open() as file:
        return {row["trial"]: row["state"] for row in csv.DictReader(file)}


def test_a_killed_search_goes_on_prunes_and_survives_a_failure(command: Command, speech: Path) -> None:
    killed_run = begin(speech, *SEARCH, "hydra.sweeper.n_trials=1")
    killed_run.wait_for("sweep/0/checkpoints/last.ckpt")
    killed_run.kill()
    assert not Path("sweep/0/status.json").exists() and not Path("sweep/trials.csv").exists()

    # Next come one that fails, and one that is judged against a trial which was perfect all along but for its end.
    study = optuna.load_study(study_name="search", storage="sqlite:///sweep/study.db")
    killed = study.trials[0]
    bad, fair = ({"optim.lr": 1e-3, "model.dropout": dropout} for dropout in ("7", "0.1"))
    study.enqueue_trial(bad)
    study.enqueue_trial(fair)
    perfect = optuna.trial.create_trial(
        value=0.01, params=fair, distributions=killed.distributions, intermediate_values={1: 1.0, 2: 1.0, 3: 1.0}
    )
    study.add_trial(perfect)

    pruner = ["hydra.sweeper.pruner.startup_trials=2", "hydra.sweeper.pruner.warmup_epochs=0"]
    outcome = command(*SEARCH, "resume=true", "hydra.sweeper.n_trials=4", *pruner)
    assert outcome.code == 0, outcome.output
    assert states() == {"0": "complete", "1": "failed", "2": "pruned", "3": "complete"}
    assert "failed: model.dropout must lie between" in outcome.output
    assert "Traceback" not in outcome.output and "UAR" not in outcome.output.split("search folder")[-1]
    assert "pruned after epoch 1" in outcome.output and "best on validation: trial 0" in outcome.output

    trials = optuna.load_study(study_name="search", storage="sqlite:///sweep/study.db").trials
    assert trials[0].params == killed.params and len(trials[0].intermediate_values) == 3
    first: Any = json.loads(Path("sweep/0/metrics.json").read_text())
    assert trials[0].value == first["validation"]["uar"]
    assert "going on from" in Path("sweep/0/train.log").read_text()
    assert json.loads(Path("sweep/2/status.json").read_text())["state"] == "pruned"
    left = {path.name for path in Path("sweep/2").rglob("*")}
    assert "history.csv" in left and not left & {"metrics.json", "predictions.csv", "last.ckpt", "trial.json"}
    dump = "\n".join(sqlite3.connect("sweep/study.db").iterdump())
    assert str(first["macro_f1"]) not in dump and "test" not in dump


@pytest.mark.usefixtures("no_figures")
def test_several_processes_take_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: Path) -> None:
    monkeypatch.chdir(tmp_path)
    joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_trials=2"]
    run = begin(few, "-m", "hydra/sweeper=optuna", *FAST, LR, "hydra.sweep.dir=sweep", *joblib)
    assert run.wait() == 0, run.output
    assert states() == {"0": "complete", "1": "complete"}
    trials = optuna.load_study(study_name="search", storage="sqlite:///sweep/study.db").trials
    assert [sorted(trial.intermediate_values) for trial in trials] == [[1, 2], [1, 2]]


def test_without_m_a_search_is_refused(command: Command) -> None:
    outcome = command("search=resnet_melspec")
    assert outcome.code == 1 and "put -m before the other words" in outcome.output and not Path("outputs").exists()


def test_mistakes_end_in_one_message(command: Command) -> None:
    for words, said in (
        (["search=absent"], "search=absent: no such search; choose from crnn_melspec, lstm_wav2vec, resnet_melspec"),
        (["search=resnet_melspec", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials must lie between 1"),
        (["search=resnet_melspec", "split.fold=1,2"], "search space: split.fold cannot be searched"),
        (["search=resnet_melspec", "model.deep=1,2"], "model.deep: no such setting; did you mean model.depth"),
    ):
        outcome = command("-m", *words)
        assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output, outcome.output
