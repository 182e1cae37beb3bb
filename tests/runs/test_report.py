import csv
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from sklearn.metrics import classification_report

from ser.corpora.base import Utterance
from ser.runs import report
from ser.runs.history import validation_scores
from ser.runs.predictions import PREDICTIONS, pool_predictions, read_predictions, write_predictions
from ser.splits.base import Split

LABELS = ["neutral", "sad", "angry", "wide awake"]
FACTS: dict[str, Any] = {
    "seed": 0,
    "corpus": {"name": "made", "notice": None, "n_utterances": 200, "n_broken": 0, "fingerprint": "abc"},
    "split": {"name": "kfold", "fold": 1, "n_folds": 5, "seed": 0, "hash": "def", "speaker_independent": False},
    "audit": {"shared_speakers": [], "identical": []},
}
KEYS = {"accuracy", "uar", "macro_f1", "weighted_f1", "n_test", "per_class", "labels", "confusion"}


def utterances(truth: list[int]) -> list[Utterance]:
    return [
        Utterance(
            f"声, {i:03}", Path(f'/音声/"a, b"/{i:03}.wav'), LABELS[label], f"話者{i % 3}", "made", {"gender": "f, m"}
        )
        for i, label in enumerate(truth)
    ]


def predict(folder: Path, seed: int = 0, n: int = 60, absent: int | None = None) -> tuple[list[int], list[int]]:
    """Write predictions, right in half of the cases, with one class absent from the truth if asked for."""
    random = np.random.default_rng(seed)
    truth = random.integers(len(LABELS), size=n)
    truth[truth == absent] = 0
    probabilities = random.dirichlet(np.ones(len(LABELS)), n)
    for row, label in zip(probabilities[: n // 2], truth, strict=False):
        best = row.argmax()
        row[[label, best]] = row[[best, label]]
    folder.mkdir(exist_ok=True)
    write_predictions(folder / PREDICTIONS, utterances(truth.tolist()), LABELS, probabilities.astype(np.float32))
    return truth.tolist(), probabilities.argmax(axis=1).tolist()


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


@pytest.mark.parametrize("absent", [None, 2])
def test_predictions_can_be_read_again(tmp_path: Path, absent: int | None) -> None:
    truth, predicted = predict(tmp_path, absent=absent)
    read = read_predictions(tmp_path / PREDICTIONS)
    assert (read.labels, read.truth, read.predicted) == (LABELS, truth, predicted)
    for row, utterance in zip(read.rows, utterances(truth), strict=True):
        assert (row["utterance"], row["path"]) == (utterance.id, str(utterance.path))
        assert (row["speaker"], row["emotion"], row["gender"]) == (utterance.speaker, utterance.emotion, "f, m")
        assert sum(float(row[f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-5)


def test_columns_of_the_predictions(tmp_path: Path) -> None:
    predict(tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    fixed = ["utterance", "path", "speaker", "emotion", "predicted"]
    assert columns == [*fixed, *(f"p_{label}" for label in LABELS), "gender"]


def test_a_corpus_s_attributes_do_not_disturb_the_columns(tmp_path: Path) -> None:
    clip = Utterance("a", Path("a.wav"), "sad", "s", "made", {"p_age": "33", "emotion": "furious", "fold": "x"})
    write_predictions(tmp_path / PREDICTIONS, [clip], ["neutral", "sad"], np.array([[0.9, 0.1]], np.float32))
    read = read_predictions(tmp_path / PREDICTIONS)
    assert (read.labels, read.truth, read.predicted) == (["neutral", "sad"], [1], [0])


def test_attributes_and_speakers_that_some_clips_lack(tmp_path: Path) -> None:
    clips = [
        Utterance("a", Path("a.wav"), "sad", None, "made", {"age": "33"}),
        Utterance("b", Path("b.wav"), "sad", "s", "made", {"place": "x"}),
    ]
    write_predictions(tmp_path / PREDICTIONS, clips, ["sad"], np.ones((2, 1), np.float32))
    rows = read_predictions(tmp_path / PREDICTIONS).rows
    assert [(row["speaker"], row["age"], row["place"]) for row in rows] == [("", "33", ""), ("s", "", "x")]


def test_split_csv(tmp_path: Path) -> None:
    clips = utterances([0, 1, 2])
    report.write_split(tmp_path, Split("made", 1, 1, False, clips[1:2], clips[2:], clips[:1]))
    with (tmp_path / "split.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["utterance", "path", "speaker", "emotion", "part"]
    assert [(row["utterance"], row["part"]) for row in rows] == list(
        zip([clip.id for clip in clips], ["test", "train", "val"], strict=True)
    )
    assert rows[0]["path"] == str(clips[0].path)


def test_metrics_json(tmp_path: Path) -> None:
    truth, predicted = predict(tmp_path)
    report.write_report(tmp_path, FACTS)
    results = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert results.keys() >= KEYS | FACTS.keys()
    assert {key: results[key] for key in FACTS} == FACTS
    assert (results["n_test"], results["labels"]) == (60, LABELS)
    assert list(results["per_class"]) == LABELS
    expected = classification_report(truth, predicted, target_names=LABELS, output_dict=True)
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
    assert confusion.sum(axis=1).tolist() == [truth.count(i) for i in range(4)]
    assert confusion.sum(axis=0).tolist() == [predicted.count(i) for i in range(4)]


@pytest.mark.parametrize(("seed", "absent"), [(0, None), (1, None), (2, 2), (3, 1)])
def test_the_table_is_scikit_learn_s(tmp_path: Path, seed: int, absent: int | None) -> None:
    truth, predicted = predict(tmp_path, seed, absent=absent)
    text = report.write_report(tmp_path, FACTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is absent from the truth has no recall
        expected = classification_report(truth, predicted, target_names=LABELS, digits=2, zero_division=0)
    assert len(table(text)) == len(LABELS) + 3
    assert table(text) == table(str(expected))


def test_the_report_agrees_with_itself(tmp_path: Path) -> None:
    """The macro F1 of the table and the one below it, with a class that is predicted but never true."""
    predict(tmp_path, absent=1)
    text = report.write_report(tmp_path, FACTS)
    macro_f1 = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["macro_f1"]
    assert f"macro-F1 {macro_f1:.3f}" in text
    assert table(text)["macro avg"][2] == f"{macro_f1:.2f}"


def test_a_report_can_be_made_again_from_the_folder_alone(tmp_path: Path) -> None:
    predict(tmp_path)
    text = report.write_report(tmp_path, FACTS)
    (tmp_path / "confusion.png").unlink()
    names = ("metrics.json", "report.txt")
    before = {name: (tmp_path / name).read_bytes() for name in names}
    (tmp_path / "report.txt").unlink()
    kept = json.loads(before["metrics.json"])
    assert report.write_report(tmp_path, kept) == text
    assert {name: (tmp_path / name).read_bytes() for name in names} == before
    assert (tmp_path / "confusion.png").stat().st_size > 1000
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == text + "\n"


def test_a_pooled_report(tmp_path: Path) -> None:
    folders = {fold: tmp_path / f"fold-{fold}" for fold in (1, 2, 3)}
    truth: list[int] = []
    for fold, folder in folders.items():
        truth += predict(folder, seed=fold, n=20 * fold)[0]
        report.write_report(folder, FACTS | {"split": FACTS["split"] | {"fold": fold}})
    pool_predictions(tmp_path, folders)
    pooled = FACTS | {"split": FACTS["split"] | {"fold": "all"}}
    text = report.write_report(tmp_path, pooled, folders)
    read = read_predictions(tmp_path / PREDICTIONS)
    assert (read.labels, read.truth) == (LABELS, truth)
    assert [row["fold"] for row in read.rows] == ["1"] * 20 + ["2"] * 40 + ["3"] * 60
    results = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert results["n_test"] == 120
    of_folds = [json.loads((path / "metrics.json").read_text(encoding="utf-8")) for path in folders.values()]
    for score in ("accuracy", "uar", "macro_f1", "weighted_f1"):
        values = [result[score] for result in of_folds]
        assert results["folds"][score]["values"] == values
        assert results["folds"][score]["mean"] == pytest.approx(np.mean(values))
        assert results["folds"][score]["std"] == pytest.approx(np.std(values, ddof=1))
    mean, deviation = (results["folds"]["uar"][key] for key in ("mean", "std"))
    assert f"UAR {mean:.3f} ± {deviation:.3f}" in text
    assert "folds pooled" in text

    kept = (tmp_path / "metrics.json").read_bytes()
    assert report.write_report(tmp_path, json.loads(kept)) == text  # without being told of the folds
    assert (tmp_path / "metrics.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("shared", "identical", "said"),
    [
        ([], [], ["speaker_independent: yes", "training and test: 0"]),
        (["01", "02"], [], ["speaker_independent: no", "2 speakers"]),
        (None, [], ["speaker_independent: no", "does not name"]),
        ([], [["a", "b"], ["c", "d"]], ["training and test: 2", "a = b", "c = d"]),
    ],
)
def test_the_audit_stands_in_the_report(
    tmp_path: Path, shared: list[str] | None, identical: list[list[str]], said: list[str]
) -> None:
    predict(tmp_path)
    text = report.write_report(tmp_path, FACTS | {"audit": {"shared_speakers": shared, "identical": identical}})
    assert all(words in text for words in said)


def test_notice_and_broken_clips_stand_in_the_report(tmp_path: Path) -> None:
    predict(tmp_path)
    text = report.write_report(tmp_path, FACTS | {"corpus": FACTS["corpus"] | {"notice": "Not real.", "n_broken": 7}})
    assert "Not real." in text
    assert "7 clips" in text
    assert "broken.csv" in text


def test_curves_are_drawn_where_there_is_a_history(tmp_path: Path) -> None:
    predict(tmp_path)
    report.write_report(tmp_path, FACTS)
    assert not (tmp_path / "curves.png").exists()
    rows = [f"{epoch},1.2,1.3,0.{epoch},0.4,0.3,0.001" for epoch in (1, 2, 3)]
    header = "epoch,train_loss,val_loss,val_uar,val_accuracy,val_macro_f1,lr"
    (tmp_path / "history.csv").write_text("\n".join([header, *rows]))
    scores = validation_scores(tmp_path, 2)
    assert scores == {"epoch": 2, "loss": 1.3, "uar": 0.2, "accuracy": 0.4, "macro_f1": 0.3}
    assert validation_scores(tmp_path, 4) is None
    report.write_report(tmp_path, FACTS | {"validation": scores})
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert not list(tmp_path.glob(".*"))


def test_labels_in_any_script_survive(tmp_path: Path) -> None:
    labels = ["怒り", "喜び, 大", 'tri"ste"']
    clips = [Utterance(str(i), Path(f"{i}.wav"), label, None, "made") for i, label in enumerate(labels)]
    write_predictions(tmp_path / PREDICTIONS, clips, labels, np.eye(3, dtype=np.float32)[[0, 2, 2]])
    read = read_predictions(tmp_path / PREDICTIONS)
    assert (read.labels, read.truth, read.predicted) == (labels, [0, 1, 2], [0, 2, 2])


def test_the_table_stands_straight_whatever_the_script(tmp_path: Path) -> None:
    """In a terminal, where a Japanese character takes two columns."""
    labels = ["怒り", "喜び", "とても長い名前のついた感情", "sad"]
    clips = [Utterance(str(i), Path(f"{i}.wav"), label, None, "made") for i, label in enumerate(labels)]
    write_predictions(tmp_path / PREDICTIONS, clips, labels, np.eye(4, dtype=np.float32)[[0, 1, 1, 3]])
    lines = report.write_report(tmp_path, FACTS).splitlines()
    [header] = [line for line in lines if "precision" in line]
    rows = [line for line in lines if re.search(r"\d$", line) and line.startswith((" ", *labels))]
    assert len(rows) == len(labels) + 3
    assert {cell_len(line) for line in [header, *rows]} == {26 + 2 + 4 * 9 + 3}


@pytest.mark.skipif(sys.platform == "win32", reason="sets a POSIX locale")
def test_names_survive_where_the_locale_is_plain_ascii(tmp_path: Path) -> None:
    folders = {fold: tmp_path / f"fold-{fold}" for fold in (1, 2)}
    for folder in folders.values():
        predict(folder)
    code = """
import json, sys, pathlib
from ser.runs import predictions
from ser.runs import report
root, facts = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
folders = {fold: root / f"fold-{fold}" for fold in (1, 2)}
for folder in folders.values():
    report.write_report(folder, facts)
predictions.pool_predictions(root, folders)
report.write_report(root, facts, folders)
"""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    facts = FACTS | {"audit": {"shared_speakers": [], "identical": [["声, 001", "声, 002"]]}}
    command = [sys.executable, "-c", code, str(tmp_path), json.dumps(facts)]
    run = subprocess.run(command, capture_output=True, env=environment)
    assert run.returncode == 0, run.stderr.decode(errors="replace")
    assert "声, 001 = 声, 002" in (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["audit"] == facts["audit"]
