"""Whole runs on a little generated speech: what they leave behind, and that it can be trusted."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from ser import audio
from ser.commands import main
from ser.runs.report import rewrite_report
from ser.training.recognizer import EmotionRecognizer
from tests.conftest import FAST, Command

FILES = {
    *(".hydra", "train.log", "split.csv", "predictions.csv", "validation.csv", "metrics.json", "report.txt"),
    *("confusion.png", "curves.png", "calibration.png", "report.html", "history.csv", "checkpoints", "status.json"),
    "environment.json",
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def test_a_run_leaves_what_the_contract_says(command: Command, folder: Path) -> None:
    outcome = command("split=speaker", "split.k=2", f"hydra.run.dir={folder / 'speaker'}", *FAST)
    assert outcome.code == 0, outcome.output
    run = folder / "speaker"
    assert {path.name for path in run.iterdir()} == FILES
    assert (run / "checkpoints" / "best.ckpt").exists()
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    predictions, split = rows(run / "predictions.csv"), rows(run / "split.csv")

    assert json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    history = rows(run / "history.csv")
    best = max(history, key=lambda row: float(row["val_uar"]))
    assert metrics["validation"] == {
        "epoch": int(best["epoch"]),
        **{name: float(best[f"val_{name}"]) for name in ("loss", "uar", "accuracy", "macro_f1")},
    }

    labels = metrics["labels"]
    attributes = ["gender", "intensity", "statement", "repetition"]
    columns = ["utterance", "path", "speaker", "emotion", "predicted", *(f"p_{name}" for name in labels), *attributes]
    assert list(predictions[0]) == columns
    assert list(split[0]) == ["utterance", "path", "speaker", "emotion", "part"]
    assert len(split) == 240
    test = {row["utterance"] for row in split if row["part"] == "test"}
    assert {row["utterance"] for row in predictions} == test and len(predictions) == len(test) == metrics["n_test"]
    speakers = {part: {row["speaker"] for row in split if row["part"] == part} for part in ("train", "val", "test")}
    assert not speakers["test"] & (speakers["train"] | speakers["val"]) and not speakers["train"] & speakers["val"]
    probabilities = np.array([[float(row[f"p_{name}"]) for name in labels] for row in predictions])
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    assert [labels[i] for i in probabilities.argmax(axis=1)] == [row["predicted"] for row in predictions]

    truth, predicted = [row["emotion"] for row in predictions], [row["predicted"] for row in predictions]
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert metrics["uar"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert metrics["weighted_f1"] == pytest.approx(f1_score(truth, predicted, average="weighted"))
    assert metrics["split"]["name"] == "speaker" and metrics["split"]["speaker_independent"] is True
    nothing = dict.fromkeys(("n_unknown", "n_known", "n_gone", "n_namesakes"), 0)
    assert metrics["audit"] == {"shared_speakers": [], "identical": [], **nothing}
    validated = rows(run / "validation.csv")
    assert list(validated[0]) == columns
    assert sorted(row["utterance"] for row in validated) == [row["utterance"] for row in split if row["part"] == "val"]
    uar = balanced_accuracy_score([row["emotion"] for row in validated], [row["predicted"] for row in validated])
    assert metrics["validation"]["uar"] == pytest.approx(uar, abs=1e-5), "it is of the epoch kept, as the test is"
    assert {"git_commit", "versions", "device", "seconds", "seed", "corpus"} <= set(metrics)
    text = (run / "report.txt").read_text(encoding="utf-8")
    assert text.strip() in outcome.output, "the report is printed too"
    assert "speaker_independent: yes" in text


def test_the_report_can_be_made_again_from_the_folder_alone(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(folder / "speaker", again)
    results = json.loads((again / "metrics.json").read_text(encoding="utf-8"))
    (again / "metrics.json").write_text(json.dumps(results | {"uar": 0.0}), encoding="utf-8")
    (again / "report.txt").unlink()
    rewrite_report(again)
    for name in ("metrics.json", "report.txt"):
        assert (again / name).read_bytes() == (folder / "speaker" / name).read_bytes()


def test_a_checkpoint_gives_the_saved_predictions_for_the_files(folder: Path) -> None:
    run = folder / "speaker"
    recognizer = EmotionRecognizer.load_from_checkpoint(run / "checkpoints" / "best.ckpt", weights_only=True).eval()
    feature = recognizer.feature
    for row in rows(run / "predictions.csv")[:8]:
        waveform = audio.load(Path(row["path"]), sample_rate=feature.sample_rate, top_db=feature.trim_db)
        with torch.inference_mode():
            log_probabilities = recognizer(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
        saved = [float(row[f"p_{label}"]) for label in recognizer.labels]
        assert np.allclose(log_probabilities.exp()[0].numpy(), saved, atol=1e-4)


def test_the_seed_decides_the_predictions(command: Command, folder: Path) -> None:
    runs = {"again": 0, "other": 1}
    for name, seed in runs.items():
        where = f"hydra.run.dir={folder / name}"
        assert command("split=speaker", "split.k=2", where, f"seed={seed}", *FAST).code == 0
    first = (folder / "speaker" / "predictions.csv").read_text(encoding="utf-8")
    assert (folder / "again" / "predictions.csv").read_text(encoding="utf-8") == first
    assert (folder / "other" / "predictions.csv").read_text(encoding="utf-8") != first


def test_all_folds_are_pooled_into_one_report(command: Command, folder: Path) -> None:
    outcome = command("split=kfold", "split.k=2", "split.fold=all", f"hydra.run.dir={folder / 'all'}", *FAST)
    assert outcome.code == 0, outcome.output
    run = folder / "all"
    pooled = rows(run / "predictions.csv")
    assert len(pooled) == 240 and {row["fold"] for row in pooled} == {"1", "2"}
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    folds = [json.loads((run / f"fold-{n}" / "metrics.json").read_text(encoding="utf-8")) for n in (1, 2)]
    for n in (1, 2):
        own = {path.name for path in (run / f"fold-{n}").iterdir()}
        assert own == FILES - {"status.json", "environment.json", "report.html"}
    assert not (run / "validation.csv").exists()
    assert metrics["n_test"] == 240 and metrics["split"]["fold"] == "all"
    assert metrics["folds"]["uar"]["values"] == [fold["uar"] for fold in folds]
    assert metrics["folds"]["uar"]["mean"] == pytest.approx(np.mean([fold["uar"] for fold in folds]))
    assert metrics["folds"]["uar"]["std"] == pytest.approx(np.std([fold["uar"] for fold in folds], ddof=1))
    assert metrics["split"]["speaker_independent"] is False
    assert "speaker_independent: no (4 speakers" in outcome.output


def test_a_fold_alone_gives_what_it_gives_among_all(command: Command, folder: Path) -> None:
    assert command("split=kfold", "split.k=2", "split.fold=2", "hydra.run.dir=alone", *FAST).code == 0
    alone = Path("alone/predictions.csv").read_text(encoding="utf-8")
    assert alone == (folder / "all" / "fold-2" / "predictions.csv").read_text(encoding="utf-8")


def test_runs_are_put_together_and_compared(
    folder: Path, tmp_path: Path, no_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one fold, and of all."""
    shutil.copytree(folder / "all", tmp_path / "copy")
    members = {"one": [folder / "speaker", folder / "other"], "both": [folder / "all", tmp_path / "copy"]}
    for name, runs in members.items():
        out = tmp_path / name
        assert main(["ensemble", *map(str, runs), "--weights", "validation", "--out", str(out)]) == 0
        ours, theirs = (
            {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()} for run in (out, runs[0])
        )
        untrained = (
            "environment.json",
            "train.log",
            "history.csv",
            "curves.png",
            "checkpoints/best.ckpt",
            "overrides.yaml",
            "run.lock",
        )
        assert ours == {file for file in theirs if not file.endswith(untrained)}
        results, others = (json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in (out, runs[0]))
        assert results.keys() == others.keys() | {"ensemble"} and results["split"] == others["split"]
        capsys.readouterr()
        assert main(["compare", str(out), str(runs[0])]) == 0
        table = capsys.readouterr().out
        assert "ensemble.runs" in table and "left out" not in table and "Not comparable" not in table
    assert np.allclose(results["validation"]["uar"], others["validation"]["uar"]), "a run and its copy are as one"


def test_an_earlier_run_is_never_overwritten(command: Command, folder: Path) -> None:
    before = (folder / "speaker" / "predictions.csv").read_bytes()
    outcome = command(f"hydra.run.dir={folder / 'speaker'}", *FAST)
    assert outcome.code == 1 and "holds an earlier run" in outcome.output
    assert (folder / "speaker" / "predictions.csv").read_bytes() == before
    outcome = command("-m", f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=speaker", *FAST)
    assert outcome.code == 1 and "holds earlier runs" in outcome.output


def test_broken_clips_among_good_ones_are_left_out_and_listed(command: Command, speech: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(speech, root)
    text, silent, short = sorted((root / "Actor_03").glob("*.wav"))[:3]
    text.write_text("not audio")
    soundfile.write(silent, np.zeros(16000), 16000)
    soundfile.write(short, np.ones(1), 16000)
    outcome = command(f"corpus.root={root}", "split=random", "hydra.run.dir=run", *FAST)
    assert outcome.code == 0, outcome.output
    assert "left out 3 of 240 clips" in outcome.output
    problems = {row["utterance"]: row["problem"] for row in rows(tmp_path / "run" / "broken.csv")}
    assert set(problems) == {f"Actor_03/{path.stem}" for path in (text, silent, short)}
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["corpus"]["n_broken"] == 3 and metrics["corpus"]["n_utterances"] == 237


def test_the_checkpoint_tested_is_the_one_just_trained(command: Command, tmp_path: Path, folder: Path) -> None:
    """A leftover best.ckpt of another run in the folder is neither tested nor kept under that name."""
    leftover = folder / "other" / "checkpoints" / "best.ckpt"
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    shutil.copy(leftover, tmp_path / "run" / "checkpoints")
    assert command("split=speaker", "split.k=2", "hydra.run.dir=run", *FAST).code == 0
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["best.ckpt"]
    predictions = (tmp_path / "run" / "predictions.csv").read_text(encoding="utf-8")
    assert predictions == (folder / "speaker" / "predictions.csv").read_text(encoding="utf-8")


def test_mixed_precision_trains_with_gradient_clipping(command: Command) -> None:
    """As on a GPU, where it is the default."""
    overrides = ["trainer.precision=bf16-mixed", "trainer.gradient_clip_val=1", "model.depth=10", "model.width=2"]
    outcome = command(*overrides, "epochs=1", "feature.n_bands=16", "feature.hop_s=0.05", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output


def test_it_learns(command: Command) -> None:
    """A few epochs on 240 clips beat chance (1 in 8) by far."""
    overrides = ["model.depth=10", "model.width=16", "augment=none", "split=random", "epochs=12", "batch_size=16"]
    overrides += ["feature.hop_s=0.02", "feature.n_bands=32"]
    assert command(*overrides, "hydra.run.dir=learnt").code == 0
    assert json.loads(Path("learnt/metrics.json").read_text(encoding="utf-8"))["uar"] > 0.3


def test_the_picture_feature_and_other_settings_train(command: Command) -> None:
    overrides = [
        "feature=spectrogram",
        "split=random",
        "augment=specaugment",
        "model.pool=attention",
        "optim=cosine",
        "loss.name=nll",
    ]
    overrides += ["loss.label_smoothing=0", "loss.class_weights=true", "training.patience=1", "trainer=cpu"]
    outcome = command(*overrides, "model.depth=10", "model.width=8", "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output


def test_the_command_of_the_readme_in_a_process_of_its_own(speech: Path, tmp_path: Path) -> None:
    train = str(Path(__file__).parents[1] / "train.py")
    program = (
        "import atexit, runpy, sys; sys.argv = sys.argv[1:];"
        "atexit.register(lambda: print('loggers:', {'wandb', 'tensorboard', 'mlflow'}.intersection(sys.modules)));"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    environment = {**os.environ, "RAVDESS_ROOT": str(speech)}
    done = subprocess.run(
        [sys.executable, "-c", program, train, "corpus=ravdess", "split=random", "hydra.run.dir=run", *FAST],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.name for path in (tmp_path / "run").iterdir()} - {"uncommitted.patch"}
    assert found == FILES | {"embeddings.npz", "examples"}
    assert "Warning" not in done.stderr, done.stderr
    assert "loggers: set()" in done.stdout, "nothing is imported that was not asked for"


MODELS = {
    "lstm": ["model=lstm", "model.hidden=8", "model.pool=last", "loss.name=nll", "loss.label_smoothing=0"],
    "crnn": ["model=crnn", "model.channels=8", "model.hidden=8", "model.pools=[2, 3]", "trainer.precision=32"],
}


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS.keys())
def test_models_over_sequences_train(overrides: list[str], command: Command) -> None:
    outcome = command(*overrides, "feature=melspec", "feature.n_bands=32", "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert "Warning" not in outcome.output
    loaded = EmotionRecognizer.load_from_checkpoint("run/checkpoints/best.ckpt", weights_only=True).eval()
    answers = loaded(torch.randn(2, 16_000), torch.tensor([16_000, 9_000]))
    torch.testing.assert_close(answers.exp().sum(dim=1), torch.ones(2))


def test_a_callback_that_watches_an_unknown_score_is_refused(command: Command) -> None:
    watcher = "callbacks.stop={_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val_f1}"
    outcome = command("split=random", watcher, *FAST)
    assert outcome.code == 1 and "Lightning refuses to train: Early stopping" in outcome.output
