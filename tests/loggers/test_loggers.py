"""TensorBoard, MLflow, and what every file of conf/logger promises."""

import inspect
from pathlib import Path
from typing import Any

import hydra.utils
import numpy as np
import pytest
import yaml
from conftest import FAST, Command

from ser.config.places import conf_dir
from ser.loggers import mistakes
from ser.loggers.base import Job, Logger
from ser.runs.predictions import Predictions
from ser.runs.report import read_results

FILES = sorted((conf_dir() / "logger").glob("*.yaml"))
GIVEN = {"offline"}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_logger_is_called_as_its_file_and_all_its_settings_are_there(file: Path) -> None:
    group = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(group) - GIVEN == {file.stem}
    settings = group[file.stem]
    target = hydra.utils.get_object(settings["_target_"])
    assert issubclass(target, Logger)
    parameters = inspect.signature(target).parameters
    assert set(parameters) - GIVEN == set(settings) - {"_target_"}
    for name, parameter in parameters.items():
        if parameter.default is not inspect.Parameter.empty and name not in GIVEN:
            assert settings[name] == parameter.default


def test_tensorboard(command: Command) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = command(*FAST, "seed=3", "logger=[csv,tensorboard]", "hydra.run.dir=run")
    assert outcome.code == 0 and "stopped" not in outcome.output, outcome.output
    board = EventAccumulator("run/tensorboard")
    board.Reload()
    tags = board.Tags()
    assert {"train/loss", "val/uar", "val/macro_f1", "lr", "grad_norm", "clips_per_s"} <= set(tags["scalars"])
    assert [event.step for event in board.Scalars("val/uar")] == [1, 2]
    assert board.Scalars("test/uar")[0].value == pytest.approx(read_results(Path("run"))["uar"])
    assert set(tags["images"]) == {"confusion", "curves"}
    text = str(board.summary_metadata["_hparams_/session_start_info"])
    assert "model/depth" in text and "protocol/hash" in text


def test_mlflow(command: Command) -> None:
    mlflow = pytest.importorskip("mlflow")
    outcome = command(*FAST, "seed=3", "logger=mlflow", "paths.outputs=out", "hydra.run.dir=run")
    assert outcome.code == 0 and "stopped" not in outcome.output, outcome.output
    client = mlflow.tracking.MlflowClient("sqlite:///out/mlflow.db")
    [logged] = client.search_runs(["1"])
    assert logged.data.tags["folder"] == str(Path("run").absolute())
    results: dict[str, Any] = read_results(Path("run"))
    assert logged.info.status == "FINISHED" and logged.data.metrics["test/uar"] == pytest.approx(results["uar"])
    assert logged.data.params["model/depth"] == "10"
    assert [metric.step for metric in client.get_metric_history(logged.info.run_id, "val/uar")] == [1, 2]
    assert {file.path for file in client.list_artifacts(logged.info.run_id)} >= {"confusion.png", "report.txt"}


def test_mlflow_goes_on_with_the_run_of_a_folder(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    from ser.loggers.mlflow import Mlflow

    for name, exit_code in {"one": 1, "two": 0}.items():
        for folder in ("a", "b") if name == "one" else ("a",):
            logger = Mlflow()
            logger.start(Job(tmp_path / folder, "train", name, None, [], {"paths": {"outputs": str(tmp_path)}}))
            logger.close(exit_code)
    runs = mlflow.tracking.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert {Path(run.data.tags["folder"]).name: run.info.status for run in runs} == {"a": "FINISHED", "b": "FAILED"}
    assert len(runs) == 2


def row(emotion: str, predicted: str, p_sad: float) -> dict[str, str]:
    return {"emotion": emotion, "predicted": predicted, "p_sad": str(p_sad), "p_happy": str(1 - p_sad)}


def test_the_worst_mistakes_come_first() -> None:
    rows = [
        row("sad", "happy", 0.4),
        row("happy", "sad", 0.9),
        row("sad", "sad", 0.99),
        row("sad", "happy", 0.05),
    ]
    worst = mistakes.worst(Predictions(rows, ["sad", "happy"], [], []), 2)
    assert worst == [rows[3], rows[1]]


@pytest.mark.parametrize("hertz", [1000, 3000])
def test_a_spectrogram_is_bright_where_the_sound_is(hertz: int) -> None:
    rate = 16000
    tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate) * (np.arange(rate) < rate / 2)
    picture = mistakes.spectrogram(tone.astype(np.float32), rate).sum(axis=2, dtype=int)
    height, width = picture.shape
    loudest = picture[:, width // 4].argmax()
    assert 1 - loudest / (height - 1) == pytest.approx(hertz / 8000, abs=0.01)
    assert picture[:, : width // 3].max() > 600 and picture[:, 2 * width // 3 :].max() < 20


def test_a_spectrogram_of_silence_and_of_a_moment() -> None:
    for waveform in (np.zeros(4000, np.float32), np.ones(7, np.float32)):
        assert mistakes.spectrogram(waveform, 16000).ndim == 3
