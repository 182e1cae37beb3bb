"""Run folders are found and read, and gathered into rows."""

import json
from pathlib import Path

import numpy as np
import pytest

from ser.compare.reading import LeftOut, Run, find_runs, read_run
from ser.compare.rows import Row, differing, gather
from ser.errors import CompareError
from ser.runs.results import read_results
from ser.runs.status import Status
from tests.compare.made import LSTM, RESNET, clips, make_run


def read(*folders: Path) -> list[Run]:
    runs = [read_run(folder) for folder in folders]
    assert all(isinstance(run, Run) for run in runs), runs
    return [run for run in runs if isinstance(run, Run)]


def rows(*folders: Path) -> list[Row]:
    gathered, repeated = gather(read(*folders))
    assert repeated == []
    return gathered


def test_runs_are_found_below_a_folder_and_folds_belong_to_their_run(tmp_path: Path) -> None:
    sweep = tmp_path / "outputs" / "sweep"
    made = [make_run(sweep / "10"), make_run(sweep / "2", fold="all"), make_run(tmp_path / "outputs" / "one")]
    (sweep / ".hydra").mkdir()
    (sweep / "multirun.yaml").write_text("")
    (tmp_path / "outputs" / "listen").mkdir()
    assert find_runs([tmp_path]) == [made[2], made[1], made[0]]
    assert find_runs([made[1], sweep]) == [made[1], made[0]]
    assert find_runs([made[1] / "fold-1"]) == [made[1] / "fold-1"]


def test_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match="no run lies in"):
        find_runs([tmp_path])
    with pytest.raises(CompareError, match="nowhere: no such folder"):
        find_runs([tmp_path, tmp_path / "nowhere"])


def test_a_killed_run_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "a" / "fold-1").mkdir(parents=True)
    (tmp_path / "a" / "fold-1" / "split.csv").write_text("utterance\n")
    assert find_runs([tmp_path]) == [tmp_path / "a"]
    assert read_run(tmp_path / "a") == LeftOut(tmp_path / "a", "unfinished")


@pytest.mark.parametrize("state", ["failed", "pruned", "interrupted"])
def test_what_did_not_finish_is_left_out(tmp_path: Path, state: str) -> None:
    run = make_run(tmp_path / "run")
    Status(state, 1.0, "why").write(run)
    assert read_run(run) == LeftOut(run, state)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.json", "{"),
        ("metrics.json", "[1, 2]"),
        ("metrics.json", '{"loss": 0.1}'),
        ("predictions.csv", "utterance,speaker\n"),
        ("predictions.csv", "utterance,speaker,emotion,predicted,p_sad\na,b,glad,sad,1\n"),
        ("predictions.csv", "utterance,speaker,emotion,predicted,p_sad\na,b,sad,sad,1\n"),
        ("predictions.csv", "utterance,speaker,emotion,predicted,p_neutral,p_sad,p_angry\na,b,sad,sad,0,1,0\n"),
        ("predictions.csv", "utterance,speaker,emotion,predicted,p_neutral,p_sad,p_angry\na,b,glad,sad,0,1,0\n"),
        (".hydra/config.yaml", "a: [1"),
    ],
)
def test_what_is_damaged_or_foreign_is_left_out(tmp_path: Path, file: str, content: str) -> None:
    run = make_run(tmp_path / "run")
    (run / file).write_text(content)
    assert read_run(run) == LeftOut(run, "damaged, or not of this program")


def test_a_whole_report_counts_where_status_json_is_damaged(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "status.json").write_text('{"ready": true}')
    assert isinstance(read_run(run), Run)


def test_a_rehearsal_is_left_out(tmp_path: Path) -> None:
    """debug=fast hears a batch of everything: its score is no result."""
    run = make_run(tmp_path / "run")
    told = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    (run / "metrics.json").write_text(json.dumps({**told, "rehearsal": True}), encoding="utf-8")
    assert read_run(run) == LeftOut(run, "fast_dev_run")


def test_without_its_configuration_a_run_cannot_be_told_from_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / ".hydra" / "config.yaml").unlink()
    assert read_run(run) == LeftOut(run, "without .hydra/config.yaml")


def test_scores_are_those_of_metrics_json(tmp_path: Path) -> None:
    [row] = rows(make_run(tmp_path / "run", fold="all"))
    written = read_results(tmp_path / "run")
    assert row.pooled.tolist() == written.scores.confusion
    assert [training.fold for training in row.trainings] == [1, 2]
    assert [training.validation for training in row.trainings] == pytest.approx([0.61, 0.62])
    assert len(row.trainings[0].history) == 3
    right = np.trace(row.confusion_of_each, axis1=1, axis2=2) / row.confusion_of_each.sum(axis=(1, 2))
    assert right.tolist() == pytest.approx(written.folds["accuracy"].values)  # type: ignore[index]


def test_runs_that_differ_in_seed_and_fold_are_one_row(tmp_path: Path) -> None:
    half = len(clips()) // 2
    folders = [
        make_run(tmp_path / f"{seed}-{fold}", seed=seed, fold=fold, tested=part)
        for seed in (0, 1)
        for fold, part in ((1, clips()[:half]), (2, clips()[half:]))
    ]
    folders.append(make_run(tmp_path / "all", seed=2, fold="all", logger={"_target_": "x"}, tta=3, experiment="e"))
    [row] = rows(*folders)
    assert [(one.seed, one.fold) for one in row.trainings] == [(s, f) for s in (0, 1, 2) for f in (1, 2)]
    assert len(row.clips) == len(clips())
    assert row.named.sum(axis=1).tolist() == [3] * len(clips())
    assert row.pooled.sum() == 3 * len(clips())


def test_a_clip_is_one_clip_however_often_it_is_tested(tmp_path: Path) -> None:
    [row] = rows(*(make_run(tmp_path / str(seed), seed=seed) for seed in range(3)))
    np.testing.assert_allclose(row.confusions.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(row.confusions.sum(axis=0), row.pooled / 3)
    assert set((3 * row.rightly).round(6)) <= {0, 1, 2, 3}


def test_a_seed_that_was_run_again_counts_once(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name) for name in ("old", "new")]
    whole = make_run(tmp_path / "whole", seed=1, fold="all")
    part = make_run(tmp_path / "part", seed=1, fold=2)
    [row], repeated = gather(read(*folders, whole, part))
    assert [run.folder.name for run in row.runs] == ["new", "whole"]
    assert repeated == [LeftOut(part, "repeated"), LeftOut(folders[0], "repeated")]


def test_only_what_differs_is_a_column(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", optim={"_target_": "ser.training.optim.OneCycle", "lr": 0.01})
    b = make_run(tmp_path / "b", optim={"_target_": "ser.training.optim.OneCycle", "lr": 0.02}, epochs=9)
    assert differing(rows(a, b)) == {"optim.lr": ["0.01", "0.02"], "epochs": ["3", "9"]}
    assert differing(rows(a)) == {}


def test_how_it_is_shown_is_no_difference(tmp_path: Path) -> None:
    quiet = {"enable_progress_bar": False, "log_every_n_steps": 1, "profiler": "simple", "max_epochs": "${epochs}"}
    make_run(tmp_path / "a", seed=0, debug="profile", resume=True, trainer=quiet)
    make_run(tmp_path / "b", seed=1, search="resnet_melspec", trainer={"max_epochs": 3})
    assert len(rows(tmp_path / "a", tmp_path / "b")) == 1


def test_epochs_are_one_column_by_whichever_name(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=9)
    b = make_run(tmp_path / "b", trainer={"max_epochs": 12}, typed=["trainer.max_epochs=12"])
    assert differing(rows(a, b)) == {"epochs": ["9", "12"]}


def test_what_changes_the_training_is_a_column(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", training={"patience": None}, trainer={"precision": "32"})
    trainer = {"precision": "bf16-mixed"}
    b = make_run(tmp_path / "b", training={"patience": 5}, trainer=trainer, callbacks={"x": {"y": 1}})
    assert differing(rows(a, b)) == {
        **{"training.patience": ["null", "5"], "trainer.precision": ["32", "bf16-mixed"], "callbacks.x.y": ["–", "1"]}
    }


def test_a_setting_may_be_a_list_of_mappings(tmp_path: Path) -> None:
    folders = [
        make_run(tmp_path / f"{extra}-{seed}", seed=seed, model={**RESNET, "extra": [{"a": extra, "b": [1]}]})
        for extra in (1, 2)
        for seed in (0, 1)
    ]
    gathered = rows(*folders)
    assert [len(row.runs) for row in gathered] == [2, 2]
    assert differing(gathered) == {"model.extra": ['[{"a": 1, "b": [1]}]', '[{"a": 2, "b": [1]}]']}


def test_of_different_models_only_the_choice_is_shown(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", model=RESNET, choices={"model": "resnet"})
    b = make_run(tmp_path / "b", model=LSTM)
    assert differing(rows(a, b)) == {"model": ["resnet", "recurrent"]}


def test_settings_of_the_same_choice_are_shown_beside_it(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", model=RESNET, choices={"model": "resnet"})
    b = make_run(tmp_path / "b", model=LSTM, choices={"model": "lstm"})
    c = make_run(tmp_path / "c", model={**LSTM, "hidden": 128}, choices={"model": "lstm"})
    assert differing(rows(a, b, c)) == {"model": ["resnet", "lstm", "lstm"], "model.hidden": ["–", "64", "128"]}


def test_what_was_typed_is_shown_across_choices(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", model=RESNET, choices={"model": "resnet"})
    b = make_run(tmp_path / "b", model={**LSTM, "dropout": 0.5}, choices={"model": "lstm"}, typed=["model.dropout=0.5"])
    assert differing(rows(a, b)) == {"model": ["resnet", "lstm"], "model.dropout": ["0.2", "0.5"]}


def test_the_experiment_is_shown_with_what_it_set(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=3, choices={"experiment": "short"})
    b = make_run(tmp_path / "b", epochs=9, choices={"experiment": None})
    assert differing(rows(a, b)) == {"experiment": ["short", "–"], "epochs": ["3", "9"]}
