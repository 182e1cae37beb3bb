"""task=dimensions from a table to its report: known numbers are told of speakers that were never heard."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import ser
from ser.commands import main
from ser.compare.comparison import compare
from ser.compare.formats import text
from ser.compare.reading import Run, read_run
from ser.config.places import conf_dir
from ser.errors import TaskError
from ser.files import read_csv
from ser.recognizer import free
from ser.runs.dimensions.table import read_numbers
from ser.runs.names import PAGE
from ser.runs.results import read_results
from ser.runs.tested import rewrite
from tests.conftest import FAST, Command
from tests.tones import write_tones

PLOT = "predict run tones/0-00.wav --plot x.png"
SOLVED = ["augment=none", "feature.n_bands=48", "split.fold=all"]


@pytest.fixture
def tones(tmp_path: Path) -> list[str]:
    table = write_tones(tmp_path / "tones", n_speakers=6, n_clips=16)
    task = ["task=dimensions", "task.dimensions=[arousal,valence]"]
    return ["corpus=table", f"corpus.path={table}", "split=speaker", "split.k=3", *task]


def scores(folder: str) -> dict[str, float]:
    content = json.loads(Path(folder, "metrics.json").read_text(encoding="utf-8"))
    assert content["task"] == "dimensions"
    return {name: one["ccc"] for name, one in content["per_dimension"].items()}


def test_it_is_learnt_compared_reported_and_predicted(command: Command, tones: list[str]) -> None:
    for model in ("linear", "svm"):
        said = command(*tones, f"model={model}", *SOLVED, f"hydra.run.dir={model}").output
        assert "intervals by bootstrap over 6 speakers" in said
        assert min(scores(model).values()) > 0.95
    rows = read_csv(Path("linear/predictions.csv"))
    wanted = ["utterance", "path", "speaker", "arousal", "predicted_arousal", "valence", "predicted_valence"]
    assert list(rows[0]) == [*wanted, "gender", "fold"]
    assert Path("linear/scatter.png").exists() and not Path("linear/confusion.png").exists()

    page = "".join((conf_dir().parent / "docs" / f"{name}.md").read_text("utf-8") for name in ("runs", "dimensions"))
    content = json.loads(Path("linear/metrics.json").read_text(encoding="utf-8"))
    inner = [content["validation"], content["per_dimension"]["arousal"], content["breakdown"]["gender"][0]]
    words = [*content, *(word for one in inner for word in one), "scatter.png", "predicted_<dimension>"]
    assert [word for word in words if f"`{word}`" not in page] == []

    before = Path("linear/metrics.json").read_text(encoding="utf-8")
    rewrite(Path("linear"))
    assert Path("linear/metrics.json").read_text(encoding="utf-8") == before
    page = Path("linear", PAGE).read_text(encoding="utf-8")
    assert "Farthest from the truth" in page and "gender" in page

    runs = [read_run(Path(name)) for name in ("linear", "svm")]
    tables, _ = compare(run for run in runs if isinstance(run, Run))
    said = text(tables, "")
    assert "validation CCC" in said and "told nearer to the truth" in said and "UAR" not in said

    first = next(row for row in rows if row["fold"] == "1")
    told = ser.load("linear", fold=1).predict(first["path"])
    assert told.probabilities["arousal"] == pytest.approx(float(first["predicted_arousal"]), abs=1e-3)
    assert told.emotion.startswith("arousal ")


def test_a_network_is_trained_by_ccc(command: Command, tones: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    settings = [*FAST, "tta=2", "training.patience=5", "hydra.run.dir=run"]
    assert command(*tones, *settings).code == 0
    history = read_csv(Path("run/history.csv"))
    assert {"val_ccc", "val_pearson", "val_rmse", "val_loss"} <= history[0].keys()
    for epoch in history:  # the loss is of all clips at once
        assert float(epoch["val_loss"]) == pytest.approx(1 - float(epoch["val_ccc"]), abs=1e-4)
    validation = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))["validation"]
    assert validation["ccc"] == max(float(epoch["val_ccc"]) for epoch in history)
    table = read_numbers(Path("run/predictions_tta.csv"))
    assert np.isfinite(table.predicted).all()
    with pytest.raises(TaskError, match="task=dimensions"):
        read_results(Path("run"))
    shutil.copytree("run", "other")
    for asked in ("ensemble run other", "export run out", "robustness run", "demo run", "live run -", PLOT):
        capfd.readouterr()
        assert main(asked.split()) == 1
        assert "of emotions" in capfd.readouterr().err.strip().splitlines()[-1], asked


@pytest.mark.parametrize(
    "setting",
    [
        "labels=big4",
        "sampling=balanced",
        "loss.class_weights=true",
        "loss.name=focal",
        "training.monitor=uar",
        "training.calibrate=true",
        "check=shuffled",
    ],
)
def test_settings_of_emotions_are_refused(setting: str, command: Command, tones: list[str]) -> None:
    ended = command(*tones, setting)
    assert ended.code == 1 and "Traceback" not in ended.output
    assert setting.split("=")[0] in ended.output.splitlines()[-1]


def test_log_probabilities_say_free_numbers() -> None:
    wanted = torch.tensor([[3.0, -40.0], [0.0, 7.5]])
    scores = torch.cat([wanted, torch.zeros(2, 1)], dim=1)
    torch.testing.assert_close(free(torch.log_softmax(scores, dim=1)), wanted, atol=1e-5, rtol=1e-5)
