"""metrics.json and report.txt, against scikit-learn; and their making again."""

import json
import os
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from sklearn.metrics import classification_report

from ser.corpora.base import Utterance
from ser.files import write_csv
from ser.runs.facts import Ensemble, Interruption, Member, Seconds, Validation
from ser.runs.names import PREDICTIONS, fold_folder, fold_folders
from ser.runs.pooled import pool
from ser.runs.predictions import Predictions, predictions_of, read_predictions
from ser.runs.report import Evaluation, read_evaluation, render, rewrite_report, write_report
from ser.runs.results import read_results
from tests.facts import FACTS, facts

pytestmark = pytest.mark.usefixtures("no_figures")

LABELS = ["neutral", "sad", "angry", "wide awake"]
KEYS = {"accuracy", "uar", "macro_f1", "weighted_f1", "n_test", "per_class", "labels", "confusion"}
HISTORY = [
    {"epoch": epoch, "train_loss": "1.2", "val_loss": "1.3", "val_uar": f"0.{epoch}", "lr": "0.001"}
    for epoch in (1, 2, 3)
]


def utterances(truth: list[int]) -> list[Utterance]:
    return [
        Utterance(
            f"声, {i:03}", Path(f'/音声/"a, b"/{i:03}.wav'), LABELS[label], f"話者{i % 3}", "made", {"gender": "f, m"}
        )
        for i, label in enumerate(truth)
    ]


def predict(seed: int = 0, n: int = 60, absent: int | None = None) -> Predictions:
    """Predictions, right in half of the cases, with one class absent from the truth if asked for."""
    random = np.random.default_rng(seed)
    truth = random.integers(len(LABELS), size=n)
    truth[truth == absent] = 0
    probabilities = random.dirichlet(np.ones(len(LABELS)), n)
    for row, label in zip(probabilities[: n // 2], truth, strict=False):
        best = row.argmax()
        row[[label, best]] = row[[best, label]]
    return predictions_of(utterances(truth.tolist()), LABELS, probabilities.astype(np.float32))


def numbers(line: str) -> list[str]:
    return re.findall(r"(?<=\s)\d+(?:\.\d+)?(?=\s|$)", line)


def table(text: str) -> dict[str, list[str]]:
    """The rows of a per-class table by name."""
    rows = {}
    for line in text.splitlines():
        match = re.fullmatch(rf"\s*({'|'.join(LABELS)}|accuracy|macro avg|weighted avg)(\s+[\d.]+)+\s*", line)
        if match:
            rows[match[1]] = numbers(line)
    return rows


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".txt", ".csv")}


def test_metrics_json(tmp_path: Path) -> None:
    made = predict()
    write_report(tmp_path, FACTS, made)
    results = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert results["corpus"] == {"name": "made", "notice": None, "n_utterances": 200, "n_broken": 0} | {
        "fingerprint": "abc"
    }
    assert results["split"]["n_train"] == 120 and results["audit"] == {
        "shared_speakers": [],
        "n_unknown": 0,
        "identical": [],
        "n_known": 0,
        "n_gone": 0,
        "n_namesakes": 0,
    }
    assert results["validation"] is None and results["git_commit"] is None
    assert not results.keys() & {"tta_views", "tta", "chosen", "untested", "interrupted", "ensemble", "folds"}
    assert results.keys() >= KEYS
    assert (results["n_test"], results["labels"]) == (60, LABELS)
    assert list(results["per_class"]) == LABELS
    expected = classification_report(made.truth, made.predicted, target_names=LABELS, output_dict=True)
    assert results["accuracy"] == pytest.approx(expected["accuracy"])
    assert results["uar"] == pytest.approx(expected["macro avg"]["recall"])
    assert results["macro_f1"] == pytest.approx(expected["macro avg"]["f1-score"])
    assert results["weighted_f1"] == pytest.approx(expected["weighted avg"]["f1-score"])
    for label in LABELS:
        scores = results["per_class"][label]
        for ours, theirs in (("precision",) * 2, ("recall",) * 2, ("f1", "f1-score"), ("support",) * 2):
            assert scores[ours] == pytest.approx(expected[label][theirs])
    confusion = np.array(results["confusion"])
    assert confusion.sum() == 60
    assert confusion.sum(axis=1).tolist() == [made.truth.count(i) for i in range(4)]
    assert confusion.sum(axis=0).tolist() == [made.predicted.count(i) for i in range(4)]


@pytest.mark.parametrize(("seed", "absent"), [(0, None), (1, None), (2, 2), (3, 1)])
def test_the_table_is_scikit_learn_s(tmp_path: Path, seed: int, absent: int | None) -> None:
    made = predict(seed, absent=absent)
    text = render(write_report(tmp_path, FACTS, made).results)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is absent from the truth has no recall
        expected = classification_report(made.truth, made.predicted, target_names=LABELS, digits=2, zero_division=0)
    assert len(table(text)) == len(LABELS) + 3
    assert table(text) == table(str(expected))
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == text + "\n"


def test_the_report_agrees_with_itself(tmp_path: Path) -> None:
    """The macro F1 of the table and the one below it, with a class that is predicted but never true."""
    results = write_report(tmp_path, FACTS, predict(absent=1)).results
    text = render(results)
    assert re.search(rf"macro-F1 +{results.scores.macro_f1:.3f}", text)
    assert table(text)["macro avg"][2] == f"{results.scores.macro_f1:.2f}"


def test_what_is_written_is_what_is_returned(tmp_path: Path) -> None:
    """Also in metrics.json all that may be left out."""
    whole = facts(
        validation=Validation(epoch=2, loss=1.3, uar=0.2, accuracy=0.4, macro_f1=0.3),
        tta_views=5,
        chosen={"layer": 3, "cost": 0.001},
        untested=3,
        interrupted=Interruption(2, 9),
        audit={"shared_speakers": [], "n_unknown": 3, "identical": [("a", "b")], "n_known": 7},
        ensemble=Ensemble("equal", {"outputs/a": Member(0.5, 0.25, [0.5]), "声/b": Member(0.4, 0.6, [0.4, 0.6])}),
    )
    written = write_report(tmp_path, whole, predict(), views=predict(1), validated=predict(2))
    assert replace(read_evaluation(tmp_path), history=()) == written
    text = render(written.results)
    assert "outputs/a      0.500     0.250  0.500\n声/b           0.400     0.600  0.500 ± 0.141\nensemble  " in text
    assert written.results.tta is not None and f"UAR {written.results.tta['uar']:.3f}" in text
    assert "INTERRUPTED in epoch 2 of 9" in text and "60 of 63 test clips" in text
    assert "chosen on validation: layer 3, cost 0.001; then solved from training and validation together" in text
    assert "normalize=speaker: 7 of the test clips were heard beforehand, without their labels" in text


@pytest.mark.parametrize("content", ["{", "[1, 2]", '{"loss": 0.1}'])
def test_a_damaged_metrics_json_is_a_value_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ValueError):
        read_results(tmp_path)


@pytest.mark.figures
def test_a_report_can_be_made_again_from_the_folder_alone(tmp_path: Path) -> None:
    text = render(write_report(tmp_path, FACTS, predict(), history=HISTORY).results)
    write_csv(tmp_path / "history.csv", HISTORY)
    before = files(tmp_path)
    for name in ("report.txt", "confusion.png", "curves.png"):
        (tmp_path / name).unlink()
    assert render(rewrite_report(tmp_path).results) == text
    assert files(tmp_path) == before
    for name in ("confusion.png", "curves.png"):
        assert (tmp_path / name).stat().st_size > 1000


def of_fold(folder: Path, fold: int, uar: float | None = 0.5) -> Evaluation:
    """A fold with so many clips as its number says."""
    scores = None if uar is None else Validation(epoch=fold, loss=1.0, uar=uar, accuracy=0.5, macro_f1=0.4)
    path = fold_folder(folder, fold)
    path.mkdir()
    return write_report(path, facts(split={"fold": fold, "n_folds": 3}, validation=scores), predict(fold, 20 * fold))


def test_folds_are_pooled(tmp_path: Path) -> None:
    folds = {fold: of_fold(tmp_path, fold, uar=fold / 4) for fold in (1, 2, 3)}
    pooled = pool(tmp_path, folds, audio_s=7.0, n_folds=3)
    read = read_predictions(tmp_path / PREDICTIONS)
    assert (read, read.labels) == (pooled.predictions, LABELS)
    assert read.truth == [label for fold in folds.values() for label in fold.predictions.truth]
    assert [row["fold"] for row in read.rows] == ["1"] * 20 + ["2"] * 40 + ["3"] * 60
    results = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert results["n_test"] == 120 and results["split"]["fold"] == "all"
    assert results["validation"] == {"loss": 1.0, "uar": 0.5, "accuracy": 0.5, "macro_f1": 0.4}
    assert pooled.results.facts.seconds == Seconds(7.0, 6.0, 9.0)
    for score in ("accuracy", "uar", "macro_f1", "weighted_f1"):
        values = [getattr(fold.results.scores, score) for fold in folds.values()]
        assert results["folds"][score]["values"] == values
        assert results["folds"][score]["mean"] == pytest.approx(np.mean(values))
        assert results["folds"][score]["std"] == pytest.approx(np.std(values, ddof=1))
    mean, deviation = (results["folds"]["uar"][key] for key in ("mean", "std"))
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert f"UAR {mean:.3f} ± {deviation:.3f}" in text
    assert "all 3 folds pooled" in text


def test_what_each_fold_has_chosen_and_heard_beforehand_is_pooled(tmp_path: Path) -> None:
    folds = {}
    for fold, cost in ((1, 0.01), (2, 3.0)):
        told = facts(
            split={"fold": fold, "n_folds": 2}, audit={"n_known": 10 * fold}, chosen={"layer": 3, "cost": cost}
        )
        fold_folder(tmp_path, fold).mkdir()
        folds[fold] = write_report(fold_folder(tmp_path, fold), told, predict(fold))
    pooled = pool(tmp_path, folds, audio_s=7.0, n_folds=2).results
    assert pooled.facts.chosen == {"layer": [3, 3], "cost": [0.01, 3.0]} and pooled.facts.audit.n_known == 30
    assert "chosen on validation: layer 3, 3 by fold, cost 0.01, 3 by fold; then solved" in render(pooled)
    assert read_results(tmp_path) == pooled


def test_a_pooled_report_can_be_made_again(tmp_path: Path) -> None:
    """Also where the folders of the folds are gone."""
    pool(tmp_path, {fold: of_fold(tmp_path, fold) for fold in (1, 2, 3)}, audio_s=7.0, n_folds=3)
    before = files(tmp_path)
    rewrite_report(tmp_path)
    assert files(tmp_path) == before
    for path in fold_folders(tmp_path).values():
        path.rename(tmp_path / f"gone-{path.name}")
    rewrite_report(tmp_path)
    assert files(tmp_path) == before


def test_of_interrupted_folds_those_that_were_tested_are_pooled(tmp_path: Path) -> None:
    folds = {1: of_fold(tmp_path, 1), 2: of_fold(tmp_path, 2, uar=None)}
    last = folds[2].results
    stopped = facts(split={"fold": 2, "n_folds": 3}, interrupted=Interruption(1, 9))
    folds[2] = write_report(fold_folder(tmp_path, 2), stopped, folds[2].predictions)
    results = pool(tmp_path, folds, audio_s=7.0, n_folds=3).results
    assert results.facts.interrupted == Interruption(1, 9, fold=2, n_folds=3)
    assert results.facts.validation is last.facts.validation is None
    assert "2 of 3 folds pooled" in render(results) and "epoch 1 of 9 in fold 2 of 3" in render(results)


@pytest.mark.parametrize(
    ("shared", "n_unknown", "identical", "said"),
    [
        ([], 0, [], ["speaker_independent: yes", "training and test: 0"]),
        (["01", "02"], 3, [], ["speaker_independent: no", "2 speakers"]),
        ([], 3, [], ["speaker_independent: unknown", "3 clips do not say who speaks"]),
        ([], 0, [("a", "b"), ("c", "d")], ["training and test: 2", "a = b", "c = d"]),
    ],
)
def test_the_audit_stands_in_the_report(
    tmp_path: Path, shared: list[str], n_unknown: int, identical: list[tuple[str, str]], said: list[str]
) -> None:
    told = facts(audit={"shared_speakers": shared, "n_unknown": n_unknown, "identical": identical})
    text = render(write_report(tmp_path, told, predict()).results)
    assert all(words in text for words in said)


def test_notice_and_broken_clips_stand_in_the_report(tmp_path: Path) -> None:
    told = facts(corpus={"notice": "Not real.", "n_broken": 7})
    text = render(write_report(tmp_path, told, predict()).results)
    assert "Not real." in text
    assert "7 clips" in text
    assert "broken.csv" in text


@pytest.mark.figures
def test_curves_are_drawn_where_there_is_a_history(tmp_path: Path) -> None:
    write_report(tmp_path, FACTS, predict())
    assert not (tmp_path / "curves.png").exists()
    kept = Validation(epoch=2, loss=1.3, uar=0.2, accuracy=0.4, macro_f1=0.3)
    write_report(tmp_path, facts(validation=kept), predict(), history=HISTORY)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert not list(tmp_path.glob(".*"))


def test_the_table_stands_straight_whatever_the_script(tmp_path: Path) -> None:
    """In a terminal, where a Japanese character takes two columns."""
    labels = ["怒り", "喜び", "とても長い名前のついた感情", "sad"]
    clips = [Utterance(str(i), Path(f"{i}.wav"), label, None, "made") for i, label in enumerate(labels)]
    made = predictions_of(clips, labels, np.eye(4, dtype=np.float32)[[0, 1, 1, 3]])
    lines = render(write_report(tmp_path, FACTS, made).results).splitlines()
    [header] = [line for line in lines if "precision" in line]
    rows = [line for line in lines if re.search(r"\d$", line) and line.startswith((" ", *labels))]
    assert len(rows) == len(labels) + 3
    assert {cell_len(line) for line in [header, *rows]} == {26 + 2 + 4 * 9 + 3}


@pytest.mark.skipif(sys.platform == "win32", reason="sets a POSIX locale")
def test_names_survive_where_the_locale_is_plain_ascii(tmp_path: Path) -> None:
    told = facts(audit={"shared_speakers": [], "n_unknown": 0, "identical": [("声, 001", "声, 002")]})
    write_report(tmp_path, told, predict())
    before = files(tmp_path)
    code = "import sys, pathlib; from ser.runs import report; report.rewrite_report(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, env=environment)
    assert run.returncode == 0, run.stderr.decode(errors="replace")
    assert files(tmp_path) == before
    assert "声, 001 = 声, 002" in (tmp_path / "report.txt").read_text(encoding="utf-8")
