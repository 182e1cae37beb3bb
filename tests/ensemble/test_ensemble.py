"""`ser ensemble`: runs put together, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from ser.commands import main
from ser.corpora.base import Utterance
from ser.ensemble.mixture import likeliest_weights
from ser.files import read_csv, write_csv
from ser.metrics import Floats
from ser.runs.names import fold_folder, fold_folders
from ser.runs.pooled import pool
from ser.runs.predictions import predictions_of, read_predictions
from ser.runs.report import rewrite_report
from ser.runs.results import read_results
from ser.runs.status import Status
from tests.compare.made import LABELS, LSTM, clips, make_run

pytestmark = pytest.mark.usefixtures("no_figures")

VALIDATION = clips(n_speakers=2, first=20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def random_probabilities(told: list[Utterance], *seed: int) -> np.typing.NDArray[np.float32]:
    """(n_clips, n_classes), better than chance."""
    truth = [LABELS.index(clip.emotion) for clip in told]
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(LABELS)), len(told)) + 0.5 * np.eye(len(LABELS))[truth]
    mean: np.typing.NDArray[np.float32] = (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32)
    return mean


def made(name: str, seed: int = 0, **settings: object) -> Path:
    """A run folder with soft probabilities for test and validation; `settings` are those of `make_run`."""
    folder = make_run(Path(name), seed=seed, **settings)  # type: ignore[arg-type]
    places = fold_folders(folder) or {1: folder}
    folds = {}
    for fold, place in places.items():
        tested = {row["utterance"] for row in read_csv(place / "predictions.csv")}
        order = [clip for clip in clips() if clip.id in tested]
        predictions_of(order, LABELS, random_probabilities(order, seed, fold, 0)).write(place / "predictions.csv")
        soft = random_probabilities(VALIDATION, seed, fold, 1)
        predictions_of(VALIDATION, LABELS, soft).write(place / "validation.csv")
        write_csv(place / "split.csv", [{"utterance": clip.id, "part": "test"} for clip in order])
        folds[fold] = rewrite_report(place)
    if len(folds) > 1:
        pool(folder, folds, audio_s=1.0, n_folds=len(folds))
    return folder


def probabilities(path: Path) -> Floats:
    return read_predictions(path).probabilities


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["ensemble", *words]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistake ends in; nothing is written."""
    assert main(["ensemble", *words, "--out", "refused"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and not Path("refused").exists()
    return told.err


def test_what_one_run_has_heard_beforehand_the_ensemble_has(capsys: pytest.CaptureFixture[str]) -> None:
    made("a"), made("b", seed=1)
    told = json.loads(Path("b/metrics.json").read_text(encoding="utf-8"))
    told["audit"]["n_known"] = 7
    Path("b/metrics.json").write_text(json.dumps(told), encoding="utf-8")
    for order in ("ab", "ba"):
        assert "normalize=speaker: 7 of the test clips were heard beforehand" in said(capsys, *order, "--out", order)
        assert read_results(Path(order)).facts.audit.n_known == 7


def test_the_mean_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where one run has the clips in another order, as after the table of a corpus was sorted."""
    runs = [made("a"), made("b", seed=1), made("c", seed=2, model=LSTM)]
    for name in ("predictions.csv", "validation.csv"):
        rows = read_csv(Path("b", name))
        write_csv(Path("b", name), rows[::-1])
    text = said(capsys, "a", "b", "c", "--out", "mean")
    for name in ("predictions.csv", "validation.csv"):
        first = read_csv(Path("a", name))
        each = [{row["utterance"]: row for row in read_csv(run / name)} for run in runs]
        mixed = read_csv(Path("mean", name))
        assert [row["utterance"] for row in mixed] == [row["utterance"] for row in first]
        for row in mixed:
            for label in LABELS:
                own = [float(rows[row["utterance"]][f"p_{label}"]) for rows in each]
                assert float(row[f"p_{label}"]) == pytest.approx(sum(own) / 3, abs=1e-6)
            assert row["predicted"] == max(LABELS, key=lambda label, row=row: float(row[f"p_{label}"]))  # type: ignore[misc]
    results = read_results(Path("mean"))
    facts = results.facts
    assert facts.ensemble is not None and list(facts.ensemble.members) == ["a", "b", "c"]
    for run, member in zip(runs, facts.ensemble.members.values(), strict=True):
        own = read_results(run).scores
        assert (member.uar, member.accuracy, member.weight) == (own.uar, own.accuracy, [pytest.approx(1 / 3)])
        assert f"{run.name}             {own.uar:.3f}     {own.accuracy:.3f}  0.333" in text
    assert f"ensemble      {results.scores.uar:.3f}" in text and text.endswith("\nrun folder mean\n")
    assert text.startswith(Path("mean/report.txt").read_text(encoding="utf-8"))
    assert (facts.seed, facts.device, facts.n_parameters) == (None, "cpu", 3000)
    validated = read_csv(Path("mean/validation.csv"))
    uar = balanced_accuracy_score([row["emotion"] for row in validated], [row["predicted"] for row in validated])
    assert facts.validation is not None and facts.validation.uar == pytest.approx(uar, abs=1e-5)
    assert Path("mean/split.csv").read_bytes() == Path("a/split.csv").read_bytes()


def test_weights_are_found_fold_by_fold_on_validation_alone(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [made("a", fold="all"), made("b", seed=1, fold="all")]
    before = said(capsys, "a", "b", "--weights", "validation", "--out", "both")
    truth = [LABELS.index(clip.emotion) for clip in VALIDATION]
    of_folds = []
    for fold in (1, 2):
        given = [probabilities(fold_folder(run, fold) / "validation.csv") for run in runs]
        weights = likeliest_weights(np.stack([one[np.arange(len(truth)), truth] for one in given]))
        of_folds.append(weights)
        tested = [probabilities(fold_folder(run, fold) / "predictions.csv") for run in runs]
        own = probabilities(fold_folder(Path("both"), fold) / "predictions.csv")
        np.testing.assert_allclose(own, weights[0] * tested[0] + weights[1] * tested[1], atol=1e-6)
    assert abs(of_folds[0][0] - of_folds[1][0]) > 0.01
    ensemble = read_results(Path("both")).facts.ensemble
    assert ensemble is not None and ensemble.weights == "validation"
    np.testing.assert_allclose([member.weight for member in ensemble.members.values()], np.transpose(of_folds))
    assert ensemble.members["b"].uar == read_results(runs[1]).scores.uar
    assert "±" in next(line for line in before.splitlines() if line.startswith("a "))

    following = dict(zip(LABELS, [*LABELS[1:], LABELS[0]], strict=True))
    for run in runs:  # other labels in the test part, other scores, the same weights
        for place in (run, *fold_folders(run).values()):
            rows = read_csv(place / "predictions.csv")
            write_csv(place / "predictions.csv", [{**row, "emotion": following[row["emotion"]]} for row in rows])
            rewrite_report(place)
    said(capsys, "a", "b", "--weights", "validation", "--out", "again")
    again = read_results(Path("again")).facts.ensemble
    assert again is not None
    assert [one.weight for one in again.members.values()] == [one.weight for one in ensemble.members.values()]


def test_an_ensemble_is_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """It is reported again, put together again, and compared."""
    for number in range(3):
        made(str(number), seed=number, fold="all")
    said(capsys, "0", "1", "--out", "both")
    before = {name: Path("both", name).read_bytes() for name in ("metrics.json", "report.txt")}
    rewrite_report(Path("both"))
    assert {name: Path("both", name).read_bytes() for name in before} == before
    assert "both  " in said(capsys, "both", "2", "--weights", "validation", "--out", "three")
    assert main(["compare", "0", "1", "2", "both", "three", "--html", "page.html"]) == 0
    table = capsys.readouterr().out
    assert "left out" not in table and "Not comparable" not in table and "table 2" not in table
    [header] = [line for line in table.splitlines() if "test UAR" in line]
    assert header.split()[:2] == ["ensemble.runs", "ensemble.weights"] and "model" not in header
    assert "  {0,1}  " in table and "  {both,2}  " in table and Path("page.html").exists()


def test_what_was_never_noted_is_not_needed_for_equal_weights(capsys: pytest.CaptureFixture[str]) -> None:
    made("a"), made("b", seed=1)
    Path("b/validation.csv").unlink()
    shutil.rmtree("a/.hydra/hydra.yaml", ignore_errors=True)
    text = said(capsys, "a", "b")
    folder = Path(text.splitlines()[-1].removeprefix("run folder "))
    assert folder.parts[0] == "outputs" and folder.name.endswith("-ensemble")
    assert not (folder / "validation.csv").exists() and read_results(folder).facts.validation is None
    assert "no epoch was validated" not in text
    told = refused(capsys, "a", "b", "--weights", "validation")
    assert told.startswith("--weights validation: b/validation.csv is missing")


def test_neither_torch_nor_lightning_is_needed() -> None:
    code = "import sys, ser.commands.ensemble; print({'torch', 'pytorch_lightning', 'hydra'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_refused_where_there_are_not_two_runs(capsys: pytest.CaptureFixture[str]) -> None:
    made("a")
    assert "two runs at least" in refused(capsys, "a")
    assert "a and ../" in refused(capsys, "a", f"../{Path.cwd().name}/a") and not Path("outputs").exists()
    assert "no finished run (there is no such folder)" in refused(capsys, "a", "nowhere")
    Path("empty").mkdir()
    assert "empty: no finished run (unfinished)" in refused(capsys, "a", "empty")
    Status("interrupted", 1.0).write(made("b", seed=1))
    assert "b: no finished run (interrupted)" in refused(capsys, "a", "b")


OTHERS = {
    "fold": ({"split": {"hash": "other"}, "fold": 2}, "the splits differ (made, split=kfold, fold 1 of 2, hash def"),
    "split": ({"split": {"hash": "other"}}, "hash other"),
    "all folds": ({"fold": "all"}, "all 2 folds pooled"),
    "corpus": ({"corpus": {"fingerprint": "other"}}, "the corpora differ (made abc and made other)"),
    "emotions": ({"labels": ("neutral", "sad")}, "the emotions differ (neutral, sad, angry and neutral, sad)"),
    "clips": ({"tested": clips()[1:]}, "the test clips differ"),
}


@pytest.mark.parametrize(("settings", "why"), OTHERS.values(), ids=OTHERS.keys())
def test_refused_where_runs_were_not_tested_alike(
    settings: dict[str, object], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(Path("a"))
    make_run(Path("b"), seed=1, **settings)  # type: ignore[arg-type]
    told = refused(capsys, "a", "b")
    assert told.startswith("b was not tested as a was: ") and why in told


def test_refused_where_files_are_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    made("a", fold="all"), made("b", seed=1, fold="all")
    rows = read_csv(Path("b/fold-1/predictions.csv"))
    write_csv(Path("b/fold-1/predictions.csv"), [{**rows[0], "p_sad": "nan"}, *rows[1:]])
    assert "b/fold-1: a file is missing or damaged (a probability is" in refused(capsys, "a", "b")
    shutil.rmtree("b/fold-1")
    assert "b/fold-1: a file is missing or damaged" in refused(capsys, "a", "b")


def test_an_earlier_run_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    made("a"), made("b", seed=1)
    before = Path("a/metrics.json").read_bytes()
    assert main(["ensemble", "a", "b", "--out", "a"]) == 1
    assert "a holds an earlier run" in capsys.readouterr().err and Path("a/metrics.json").read_bytes() == before
    Path("file").write_text("")
    assert main(["ensemble", "a", "b", "--out", "file/x"]) == 1
    assert "--out: cannot write to file/x" in capsys.readouterr().err
