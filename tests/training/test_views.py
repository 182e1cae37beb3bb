"""Test-time augmentation (tta=N): reported apart, and only where it is asked for."""

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from ser import audio
from ser.augment import effects
from ser.training.recognizer import EmotionRecognizer
from tests.conftest import FAST, Command

N_VIEWS = 3
SETTINGS = ["split=kfold", "split.k=2", *FAST[:-1], "epochs=1", "loss.name=focal", "sampling=balanced"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views")


@pytest.fixture
def runs(command: Command, folder: Path) -> tuple[Path, Path]:
    """One fold without views, and both folds with them; focal loss and balanced sampling are on."""
    if not (folder / "views").exists():
        assert command(*SETTINGS, "split.fold=1", f"hydra.run.dir={folder / 'plain'}").code == 0
        words = ["split.fold=all", f"tta={N_VIEWS}", f"hydra.run.dir={folder / 'views'}"]
        outcome = command(*SETTINGS, *words)
        assert outcome.code == 0, outcome.output
    return folder / "plain", folder / "views"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def probabilities(table: list[dict[str, str]]) -> npt.NDArray[np.float64]:
    return np.array([[float(value) for name, value in row.items() if name.startswith("p_")] for row in table])


def results(run: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return read


def test_there_only_when_asked_for(runs: tuple[Path, Path]) -> None:
    plain, views = runs
    assert not list(plain.rglob("*tta*")) and not {"tta", "tta_views"} & results(plain).keys()
    assert "test-time" not in (plain / "report.txt").read_text(encoding="utf-8")
    for run in (views, views / "fold-1", views / "fold-2"):
        assert (run / "predictions_tta.csv").exists()
        assert results(run)["tta_views"] == N_VIEWS
        assert f"mean of {N_VIEWS} views" in (run / "report.txt").read_text(encoding="utf-8")


def test_the_plain_scores_do_not_change(runs: tuple[Path, Path]) -> None:
    plain, views = runs[0], runs[1] / "fold-1"
    assert (plain / "predictions.csv").read_bytes() == (views / "predictions.csv").read_bytes()
    without = {name: value for name, value in results(views).items() if not name.startswith("tta")}
    assert without | {"seconds": 0} == results(plain) | {"seconds": 0}


def test_the_mean_over_the_views_by_hand(runs: tuple[Path, Path]) -> None:
    fold = runs[1] / "fold-1"
    recognizer = EmotionRecognizer.load_from_checkpoint(fold / "checkpoints" / "best.ckpt", weights_only=True).eval()
    feature, table = recognizer.feature, rows(fold / "predictions_tta.csv")[:6]
    for row, saved in zip(table, probabilities(table), strict=True):
        waveform = audio.load(Path(row["path"]), sample_rate=feature.sample_rate, top_db=feature.trim_db)
        heard = []
        for speed in (0.9, 1.0, 1.1):
            clip = torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])
            with torch.inference_mode():
                heard.append(recognizer(*effects.speed(*clip, torch.tensor([speed])))[0].exp().numpy())
        np.testing.assert_allclose(saved, np.mean(heard, axis=0), atol=1e-4)
    assert np.abs(probabilities(rows(fold / "predictions.csv"))[:6] - probabilities(table)).max() > 1e-3


@pytest.mark.parametrize("part", ["fold-1", "."])
def test_scores_and_report_are_of_the_file(part: str, runs: tuple[Path, Path]) -> None:
    run = runs[1] / part
    table = rows(run / "predictions_tta.csv")
    scores = results(run)["tta"]
    assert isinstance(scores, dict)
    uar = balanced_accuracy_score([row["emotion"] for row in table], [row["predicted"] for row in table])
    assert scores["uar"] == pytest.approx(uar)
    assert set(scores) == {"accuracy", "uar", "macro_f1", "weighted_f1"}
    [line] = [line for line in (run / "report.txt").read_text(encoding="utf-8").splitlines() if "test-time" in line]
    assert f"UAR {uar:.3f}" in line and f"accuracy {scores['accuracy']:.3f}" in line


def test_folds_are_pooled(runs: tuple[Path, Path]) -> None:
    pooled = rows(runs[1] / "predictions_tta.csv")
    folds = [{**row, "fold": str(n)} for n in (1, 2) for row in rows(runs[1] / f"fold-{n}" / "predictions_tta.csv")]
    assert pooled == folds and len(pooled) == 240
    assert [row["utterance"] for row in pooled] == [row["utterance"] for row in rows(runs[1] / "predictions.csv")]


@pytest.mark.parametrize("n_views", ["-1", "101"])
def test_refused_out_of_range(n_views: str, command: Command) -> None:
    outcome = command(f"tta={n_views}", "hydra.run.dir=run")
    assert outcome.code == 1 and "tta must lie between 0 and 100" in outcome.output
    assert "Traceback" not in outcome.output
