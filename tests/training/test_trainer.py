"""Lightning's Trainer as a run wants it, on a recogniser so small that it trains in a moment."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from test_recognizer import data, make
from torch import Tensor

from ser.config.schema import Trainer
from ser.errors import ConfigError
from ser.runs.names import BEST, LAST, VALIDATION
from ser.training import checkpoints
from ser.training.checkpoints import AtomicCheckpoints, best_path
from ser.training.interruption import Interrupted, StopOnInterrupt
from ser.training.recognizer import EmotionRecognizer
from ser.training.trainer import _Patience, bare_trainer, check_trainer, make_trainer

SETTINGS: dict[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "precision": "auto",
    "gradient_clip": 5.0,
    "monitor": "uar",
    "patience": None,
    "ema_decay": None,
}


def settings(**changes: Any) -> Trainer:
    return Trainer(**{**SETTINGS, **changes})


def trainer(folder: Path, n_epochs: int = 3, **changes: Any) -> pl.Trainer:
    folder.mkdir(exist_ok=True)
    return make_trainer(settings(**changes), folder, StopOnInterrupt(folder), n_epochs=n_epochs, title="Training")


class Steps(pl.Callback):
    """Keeps all parameters and buffers after each step, and those that validation sees."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []
        self.validated: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        self.steps.append(copy(pl_module.state_dict()))

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        self.validated.append(copy(pl_module.state_dict()))


def copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.items() if value.is_floating_point()}


def fit(training: pl.Trainer, ckpt_path: Path | None = None) -> Steps:
    """Train, from the same beginning each time."""
    steps = Steps()
    training.callbacks.insert(0, steps)  # type: ignore[attr-defined]
    pl.seed_everything(0, verbose=False)
    training.fit(make(), datamodule=data(), ckpt_path=ckpt_path, weights_only=True)
    return steps


def averaged(steps: list[dict[str, Tensor]], decay: float) -> dict[str, Tensor]:
    """The moving average by hand: the first step as it is, then with a decay that begins low."""
    average = dict(steps[0])
    for n, step in enumerate(steps[1:], start=1):
        now = min(decay, (1 + n) / (10 + n))
        average = {name: now * average[name] + (1 - now) * value for name, value in step.items()}
    return average


class TestAveraging:
    """trainer.ema_decay"""

    def test_validation_and_best_ckpt_have_the_average(self, tmp_path: Path) -> None:
        steps = fit(trainer(tmp_path, ema_decay=0.9))
        steps_an_epoch = len(steps.steps) // 3
        assert steps_an_epoch == 3
        by_epoch = [averaged(steps.steps[: steps_an_epoch * epoch], 0.9) for epoch in (1, 2, 3)]
        for seen, expected in zip(steps.validated, by_epoch, strict=True):
            torch.testing.assert_close(seen, expected)
        checkpoint = torch.load(tmp_path / BEST, weights_only=True)
        best = copy(checkpoint["state_dict"])
        torch.testing.assert_close(best, by_epoch[checkpoint["epoch"]])
        with pytest.raises(AssertionError):
            torch.testing.assert_close(best, steps.steps[steps_an_epoch * (checkpoint["epoch"] + 1) - 1])

    def test_training_goes_on_with_its_own_weights(self, tmp_path: Path) -> None:
        """Averaging watches, and changes no step."""
        with_average = fit(trainer(tmp_path / "a", ema_decay=0.99)).steps
        without = fit(trainer(tmp_path / "b")).steps
        for one, other in zip(with_average, without, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)

    def test_a_decay_of_0_is_no_averaging(self, tmp_path: Path) -> None:
        checkpoint = {}
        for name, decay in (("zero", 0.0), ("none", None)):
            fit(trainer(tmp_path / name, ema_decay=decay))
            checkpoint[name] = torch.load(tmp_path / name / BEST, weights_only=True)["state_dict"]
        torch.testing.assert_close(checkpoint["zero"], checkpoint["none"], rtol=0, atol=0)

    def test_ctrl_c_in_the_first_step_leaves_a_recogniser_that_knows_its_normalisation(self, tmp_path: Path) -> None:
        stop = StopOnInterrupt(tmp_path)
        stop.asked = True
        training = make_trainer(settings(ema_decay=0.9), tmp_path, stop, n_epochs=3, title="Training")
        with pytest.raises(Interrupted):
            training.fit(make(), datamodule=data())
        recognizer = EmotionRecognizer.load_from_checkpoint(tmp_path / BEST, weights_only=True)
        assert isinstance(training.lightning_module, EmotionRecognizer)
        current = training.lightning_module.normalization
        assert torch.equal(recognizer.normalization.mean, current.mean) and current.mean.abs().min() > 0.1


@pytest.mark.parametrize(("monitor", "best"), [("uar", max), ("loss", min)])
def test_the_best_epoch_is_that_of_the_monitor(tmp_path: Path, monitor: str, best: Any) -> None:
    training = trainer(tmp_path, n_epochs=4, monitor=monitor)
    fit(training)
    with (tmp_path / "history.csv").open() as file:
        scores = [float(row[f"val_{monitor}"]) for row in csv.DictReader(file)]
    checkpoint = training.checkpoint_callbacks[0]
    assert float(checkpoint.best_model_score) == pytest.approx(best(scores), abs=1e-5)  # type: ignore[attr-defined]


class TestPatience:
    """trainer.patience"""

    def test_stops_and_stays_stopped_when_resumed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EmotionRecognizer, "on_validation_epoch_end", constant_score)
        first = trainer(tmp_path, n_epochs=9, patience=2)
        assert len(fit(first).steps) == 3 * 3  # the first epoch is best, then two without a better one
        resumed = trainer(tmp_path, n_epochs=9, patience=2)
        assert fit(resumed, tmp_path / LAST).steps == []
        assert best_path(resumed) == tmp_path / BEST

    def test_without_it_all_epochs_are_trained(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EmotionRecognizer, "on_validation_epoch_end", constant_score)
        assert len(fit(trainer(tmp_path, n_epochs=5)).steps) == 5 * 3

    def test_patience_that_is_not_spent_does_not_stop(self) -> None:
        patience, training = _Patience("val/uar", mode="max", patience=3), bare_trainer(settings(), Path())
        for waited, stops in ((0, False), (2, False), (3, True)):
            patience.wait_count, training.should_stop = waited, False
            patience.on_train_start(training, make())
            assert training.should_stop is stops


def constant_score(self: EmotionRecognizer) -> None:
    for name in VALIDATION:
        self.log(f"val/{name}", 0.5)


class TestCheckpoints:
    """checkpoints/best.ckpt and last.ckpt"""

    def test_a_failure_leaves_the_old_file_and_no_half_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "checkpoints" / "best.ckpt"
        AtomicCheckpoints().save_checkpoint({"epoch": 1}, path)

        def half(checkpoint: Any, file: Any) -> None:
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoints.torch, "save", half)  # type: ignore[attr-defined]
        with pytest.raises(OSError, match=r"No space left.*best\.ckpt"):
            AtomicCheckpoints().save_checkpoint({"epoch": 2}, path)
        assert torch.load(path, weights_only=True) == {"epoch": 1}
        assert list(path.parent.iterdir()) == [path]

    def test_a_run_folder_may_be_moved_before_its_run_goes_on(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        fit(trainer(one, n_epochs=2))
        before = best_path(trainer_that_resumed(one))
        one.rename(other)
        after = best_path(trainer_that_resumed(other))
        assert (before, after) == (one / BEST, other / BEST)
        assert not one.exists()

    def test_the_best_score_is_remembered_after_a_move(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        fit(trainer(one, n_epochs=2))
        one.rename(other)
        callback = trainer_that_resumed(other).checkpoint_callback
        kept = torch.load(other / BEST, weights_only=True)
        assert callback is not None
        assert float(callback.best_model_score) > 0  # type: ignore[attr-defined]
        assert list(callback.best_k_models) == [str(other / BEST)]  # type: ignore[attr-defined]
        assert kept["epoch"] in (0, 1)


def trainer_that_resumed(folder: Path) -> pl.Trainer:
    """With nothing left to train."""
    training = trainer(folder, n_epochs=2)
    assert fit(training, folder / LAST).steps == []
    return training


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "accelerator": ({"accelerator": "tpu"}, r"trainer\.accelerator must be one of auto, cpu, gpu; got 'tpu'"),
    "precision": ({"precision": "64"}, r"trainer\.precision must be one of auto, 32, bf16-mixed, 16-mixed"),
    "clipping": ({"gradient_clip": -1.0}, r"trainer\.gradient_clip must lie between 0"),
    "clipping that is no number": ({"gradient_clip": float("nan")}, r"trainer\.gradient_clip must lie between 0"),
    "nodes": ({"num_nodes": 0}, r"trainer\.num_nodes must lie between 1"),
    "patience": ({"patience": 0}, r"trainer\.patience must lie between 1"),
    "decay below 0": ({"ema_decay": -0.1}, r"trainer\.ema_decay must lie between 0"),
    "decay of 1": ({"ema_decay": 1.0}, r"trainer\.ema_decay must lie between 0"),
    "devices": ({"devices": 0}, r"trainer\.devices must lie between 1"),
    "half precision on a CPU": ({"precision": "16-mixed"}, r"trainer\.precision=16-mixed needs a GPU"),
    "more processes than clips in a batch": ({"devices": 9}, r"batch_size=8 is shared out among 9 processes"),
    "more on all machines": ({"devices": 3, "num_nodes": 3}, r"batch_size=8 is shared out among 9 processes"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_used_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_trainer(settings(**changes), batch_size=8)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`gpus(n)`: as if torch saw n GPUs."""

    def arrange(n: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n)

    return arrange


def test_gpus_that_are_not_there_are_refused(gpus: Callable[[int], None]) -> None:
    gpus(0)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator=gpu: torch .* sees no GPU"):
        check_trainer(settings(accelerator="gpu"), batch_size=8)
    gpus(2)
    for accelerator in ("auto", "gpu"):
        check_trainer(settings(accelerator=accelerator, devices=2), batch_size=8)
        with pytest.raises(ConfigError, match=r"trainer\.devices=3: there are 2 GPUs here"):
            check_trainer(settings(accelerator=accelerator, devices=3), batch_size=8)
    check_trainer(settings(accelerator="cpu", devices=3), batch_size=8)
    check_trainer(settings(accelerator="auto", devices=None, precision="16-mixed"), batch_size=2)
    with pytest.raises(ConfigError, match="batch_size=1 is shared out among 2"):
        check_trainer(settings(accelerator="auto", devices=None), batch_size=1)


@pytest.mark.parametrize("changes", [{}, {"patience": 1, "ema_decay": 0.0, "gradient_clip": 0.0}, {"devices": 8}])
def test_what_can_be_used_is_allowed(changes: dict[str, Any]) -> None:
    check_trainer(settings(**changes), batch_size=8)


@pytest.mark.parametrize(("wanted", "used"), [("auto", "32-true"), ("32", "32-true"), ("bf16-mixed", "bf16-mixed")])
def test_precision_on_a_cpu(wanted: str, used: str, tmp_path: Path) -> None:
    assert str(bare_trainer(settings(precision=wanted), tmp_path).precision) == used


@pytest.mark.parametrize(("has_bf16", "used"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_automatic_precision_on_a_gpu(has_bf16: bool, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ser.training.trainer import _precision

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation)
    assert _precision("auto", on_gpu=True) == used
    assert _precision("32", on_gpu=True) == "32"
    assert _precision("auto", on_gpu=False) == "32"


@pytest.mark.parametrize(("wanted", "used"), [(5.0, 5.0), (0.0, None)])
def test_gradients_are_clipped_where_asked_for(wanted: float, used: float | None, tmp_path: Path) -> None:
    assert bare_trainer(settings(gradient_clip=wanted), tmp_path).gradient_clip_val == used
