"""TensorBoard, MLflow, and what every file of conf/logger promises."""

import inspect
from pathlib import Path

import hydra.utils
import numpy as np
import pytest

from ser.config.places import conf_dir
from ser.errors import ConfigError
from ser.loggers import mistakes
from ser.loggers.base import Job, Logger
from ser.loggers.guard import build_loggers
from ser.runs.predictions import Predictions
from ser.runs.results import read_results
from tests.conftest import FAST, Command, configured

CHOICES = sorted(path.stem for path in (conf_dir() / "logger").glob("*.yaml"))


@pytest.mark.parametrize("choice", CHOICES)
def test_a_logger_can_be_chosen_and_its_values_stand_in_its_file_alone(choice: str) -> None:
    group = configured(f"logger={choice}").logger
    for settings in group.values():
        target = hydra.utils.get_object(settings["_target_"])
        if issubclass(target, Logger):
            parameters = inspect.signature(target).parameters
            assert set(parameters) == set(settings) - {"_target_"}
            assert all(parameter.default is inspect.Parameter.empty for parameter in parameters.values())
    try:
        build_loggers(group)
    except ConfigError as error:
        if "needs the package" not in str(error):
            raise
        pytest.skip(str(error))


def test_tensorboard(command: Command) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = command(*FAST, "seed=3", "logger=tensorboard", "hydra.run.dir=run")
    assert outcome.code == 0 and "stopped" not in outcome.output, outcome.output
    board = EventAccumulator("run/tensorboard")
    board.Reload()
    tags = board.Tags()
    assert {"train/loss", "val/uar", "val/macro_f1", "lr", "grad_norm", "clips_per_s"} <= set(tags["scalars"])
    assert [event.step for event in board.Scalars("val/uar")] == [1, 2]
    assert board.Scalars("test/uar")[0].value == pytest.approx(read_results(Path("run")).scores.uar)
    assert set(tags["images"]) == {"confusion", "curves", "calibration"}
    text = str(board.summary_metadata["_hparams_/session_start_info"])
    assert "model/depth" in text and "protocol/hash" in text


def test_mlflow(command: Command) -> None:
    mlflow = pytest.importorskip("mlflow")
    outcome = command(*FAST, "seed=3", "logger=mlflow", "paths.outputs=out", "hydra.run.dir=run")
    assert outcome.code == 0 and "stopped" not in outcome.output, outcome.output
    client = mlflow.tracking.MlflowClient("sqlite:///out/mlflow.db")
    [logged] = client.search_runs(["1"])
    assert logged.data.tags["folder"] == str(Path("run").absolute())
    uar = read_results(Path("run")).scores.uar
    assert logged.info.status == "FINISHED" and logged.data.metrics["test/uar"] == pytest.approx(uar)
    assert logged.data.params["model/depth"] == "10"
    assert [metric.step for metric in client.get_metric_history(logged.info.run_id, "val/uar")] == [1, 2]
    assert {file.path for file in client.list_artifacts(logged.info.run_id)} >= {"confusion.png", "report.txt"}


def test_mlflow_goes_on_with_the_run_of_a_folder(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    from ser.loggers.mlflow import Mlflow

    for name, exit_code in {"one": 1, "two": 0}.items():
        for folder in ("a", "b") if name == "one" else ("a",):
            logger = Mlflow(tracking_uri=None, experiment="ser")
            logger.start(Job(tmp_path / folder, "train", name, None, [], tmp_path, {}))
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
    worst = mistakes.worst(Predictions(rows, ["sad", "happy"]), 2)
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
