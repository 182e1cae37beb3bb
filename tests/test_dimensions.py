"""task=dimensions from a table to its report: known numbers are told of speakers that were never heard."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
import soundfile
import torch

import ser
from ser.commands import main
from ser.compare.comparison import compare
from ser.compare.formats import text
from ser.compare.reading import Run, read_run
from ser.config.places import conf_dir
from ser.corpora.base import Utterance
from ser.errors import TaskError
from ser.files import digest, read_csv, write_csv
from ser.preparation import describe_corpus
from ser.recognizer import free
from ser.runs.dimensions.assessing import assess
from ser.runs.dimensions.figures import scatter
from ser.runs.dimensions.names import score_text
from ser.runs.dimensions.table import numbers_table, read_numbers
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

    soundfile.write("silent.wav", np.zeros(32000), 16000)
    assert main(["predict", "linear", "silent.wav", "--csv", "told.csv", "--json", "told.json"]) == 0
    [row] = read_csv(Path("told.csv"))
    assert (row["arousal"], row["valence"], row["remark"], row["problem"]) == ("", "", "silence", "")
    assert json.loads(Path("told.json").read_text(encoding="utf-8"))[0]["numbers"] == {}

    Path("linear/metrics.json").unlink()  # as if it had been stopped before its folds were pooled
    table = Path("tones/tones.csv")
    numbers = read_csv(table)
    write_csv(table, [{**row, "valence": f"{float(row['valence']) / 2}"} for row in numbers])
    ended = command(*tones, "model=linear", *SOLVED, "hydra.run.dir=linear", "resume=true")
    assert ended.code == 1 and "other numbers or votes of a clip" in ended.output


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
    for asked in (
        "ensemble run other",
        "export run out",
        "push run user/name",
        "robustness run",
        "demo run",
        "live run -",
        PLOT,
    ):
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
        "batch_size=1",
    ],
)
def test_settings_of_emotions_are_refused(setting: str, command: Command, tones: list[str]) -> None:
    ended = command(*tones, setting)
    assert ended.code == 1 and "Traceback" not in ended.output
    assert setting.split("=")[0] in ended.output.splitlines()[-1]


def test_what_never_changes_is_refused_or_said(command: Command, tones: list[str]) -> None:
    rows = read_csv(Path("tones/tones.csv"))
    parts = ["train"] * 80 + ["val", "test"] * 8
    ended = {}
    for constant in ("train", "test"):
        changed = [
            {**row, "split": part, **({"valence": "2"} if part == constant else {})}
            for row, part in zip(rows, parts, strict=True)
        ]
        write_csv(Path("tones/tones.csv"), changed)
        ended[constant] = command(
            *tones[:2], *tones[-2:], "split=given", *SOLVED[:2], "model=linear", f"hydra.run.dir={constant}"
        )
    assert ended["train"].code == 1
    assert "valence is 2 in every clip for training" in ended["train"].output.splitlines()[-1]
    assert ended["test"].code == 0 and "valence: always the same in the test" in ended["test"].output
    assert json.loads(Path("test/metrics.json").read_text(encoding="utf-8"))["constant"] == ["valence"]


def test_what_is_learnt_is_in_the_fingerprint_and_nothing_else() -> None:
    def fingerprint(*dimensions: str, votes: dict[str, float] | None = None, **attributes: str) -> str:
        corpus = SimpleNamespace(name="made", notice=None, listeners=None, dimensions=dimensions)
        clip = Utterance("a", Path("a.wav"), "sad", None, "made", attributes, votes=votes)
        recordings = SimpleNamespace(keys={"a": "key"}, broken={})
        return describe_corpus(corpus, [clip], recordings, None, None).fingerprint  # type: ignore[arg-type]

    plain = digest(b"a\tkey")[:16]  # as it is in the runs of earlier days
    assert fingerprint() == fingerprint(arousal="1") == plain
    assert len({plain, fingerprint("arousal", arousal="1"), fingerprint("arousal", arousal="1.5")}) == 3
    assert fingerprint("arousal", arousal="1") == fingerprint("arousal", arousal="1.0", gender="f")
    assert len({plain, fingerprint(votes={"sad": 2, "happy": 1}), fingerprint(votes={"sad": 3, "happy": 1})}) == 3


def test_a_small_scale_keeps_its_digits(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).normal(0, 1e-6, (20, 7))
    dimensions = [f"d{place}" for place in range(7)]
    clips = [
        Utterance(f"{n}", Path(f"{n}.wav"), "", None, "made", dict(zip(dimensions, map(str, row), strict=True)))
        for n, row in enumerate(truth)
    ]
    table = numbers_table(clips, dimensions, truth + 1e-7)
    rmse = assess(table).per_dimension["d0"]
    assert score_text("rmse", rmse.rmse) == "1e-07"
    assert rmse.intervals and rmse.intervals["rmse"][1] == pytest.approx(1e-7, rel=1e-3)
    scatter(tmp_path / "x.png", table.truth, table.predicted, dimensions, dimensions, title="")
    height, width, _ = matplotlib.image.imread(tmp_path / "x.png").shape
    assert width == pytest.approx(height, rel=0.05), "three in a row"


def test_log_probabilities_say_free_numbers() -> None:
    wanted = torch.tensor([[3.0, -40.0], [0.0, 7.5]])
    scores = torch.cat([wanted, torch.zeros(2, 1)], dim=1)
    torch.testing.assert_close(free(torch.log_softmax(scores, dim=1)), wanted, atol=1e-5, rtol=1e-5)
