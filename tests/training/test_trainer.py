"""Lightning's Trainer as a run wants it, on a recogniser so small that it trains in a moment."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from ser.errors import ConfigError
from ser.runs.names import BEST, LAST, VALIDATION
from ser.training import checkpoints
from ser.training.checkpoints import AtomicCheckpoints, best_path
from ser.training.interruption import Interrupted, StopOnInterrupt
from ser.training.progress import History
from ser.training.recognizer import EmotionRecognizer
from ser.training.trainer import _Patience, bare_trainer, check_trainer, make_trainer
from tests.conftest import configured
from tests.training.test_recognizer import data, make

CPU = ("trainer=cpu", "batch_size=8")


def trainer(folder: Path, *overrides: str) -> pl.Trainer:
    folder.mkdir(exist_ok=True)
    config = configured(*CPU, "epochs=3", *overrides)
    return make_trainer(config, folder, StopOnInterrupt(folder), History(folder), title="Training")


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
    """training.ema_decay"""

    def test_validation_and_best_ckpt_have_the_average(self, tmp_path: Path) -> None:
        steps = fit(trainer(tmp_path, "training.ema_decay=0.9"))
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
        with_average = fit(trainer(tmp_path / "a", "training.ema_decay=0.99")).steps
        without = fit(trainer(tmp_path / "b")).steps
        for one, other in zip(with_average, without, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)

    def test_a_decay_of_0_is_no_averaging(self, tmp_path: Path) -> None:
        checkpoint = {}
        for name, decay in (("zero", 0.0), ("none", "null")):
            fit(trainer(tmp_path / name, f"training.ema_decay={decay}"))
            checkpoint[name] = torch.load(tmp_path / name / BEST, weights_only=True)["state_dict"]
        torch.testing.assert_close(checkpoint["zero"], checkpoint["none"], rtol=0, atol=0)

    def test_ctrl_c_in_the_first_step_leaves_a_recogniser_that_knows_its_normalisation(self, tmp_path: Path) -> None:
        stop = StopOnInterrupt(tmp_path)
        stop.asked = True
        training = make_trainer(
            configured(*CPU, "training.ema_decay=0.9"), tmp_path, stop, History(tmp_path), title="Training"
        )
        with pytest.raises(Interrupted):
            training.fit(make(), datamodule=data())
        recognizer = EmotionRecognizer.load_from_checkpoint(tmp_path / BEST, weights_only=True)
        assert isinstance(training.lightning_module, EmotionRecognizer)
        current = training.lightning_module.normalization
        assert torch.equal(recognizer.normalization.mean, current.mean) and current.mean.abs().min() > 0.1


@pytest.mark.parametrize(("monitor", "best"), [("uar", max), ("loss", min)])
def test_the_best_epoch_is_that_of_the_monitor(tmp_path: Path, monitor: str, best: Any) -> None:
    training = trainer(tmp_path, "epochs=4", f"training.monitor={monitor}")
    fit(training)
    with (tmp_path / "history.csv").open() as file:
        scores = [float(row[f"val_{monitor}"]) for row in csv.DictReader(file)]
    checkpoint = training.checkpoint_callbacks[0]
    assert float(checkpoint.best_model_score) == pytest.approx(best(scores), abs=1e-5)  # type: ignore[attr-defined]


class TestPatience:
    """training.patience"""

    def test_stops_and_stays_stopped_when_resumed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EmotionRecognizer, "on_validation_epoch_end", constant_score)
        first = trainer(tmp_path, "epochs=9", "training.patience=2")
        assert len(fit(first).steps) == 3 * 3  # the first epoch is best, then two without a better one
        resumed = trainer(tmp_path, "epochs=9", "training.patience=2")
        assert fit(resumed, tmp_path / LAST).steps == []
        assert best_path(resumed) == tmp_path / BEST

    def test_without_it_all_epochs_are_trained(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EmotionRecognizer, "on_validation_epoch_end", constant_score)
        assert len(fit(trainer(tmp_path, "epochs=5")).steps) == 5 * 3

    def test_patience_that_is_not_spent_does_not_stop(self) -> None:
        patience = _Patience("val/uar", mode="max", patience=3)
        training = bare_trainer(configured(*CPU).trainer, Path())
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
        fit(trainer(one, "epochs=2"))
        before = best_path(trainer_that_resumed(one))
        one.rename(other)
        after = best_path(trainer_that_resumed(other))
        assert (before, after) == (one / BEST, other / BEST)
        assert not one.exists()

    def test_the_best_score_is_remembered_after_a_move(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        fit(trainer(one, "epochs=2"))
        one.rename(other)
        callback = trainer_that_resumed(other).checkpoint_callback
        kept = torch.load(other / BEST, weights_only=True)
        assert callback is not None
        assert float(callback.best_model_score) > 0  # type: ignore[attr-defined]
        assert list(callback.best_k_models) == [str(other / BEST)]  # type: ignore[attr-defined]
        assert kept["epoch"] in (0, 1)


def trainer_that_resumed(folder: Path) -> pl.Trainer:
    """With nothing left to train."""
    training = trainer(folder, "epochs=2")
    assert fit(training, folder / LAST).steps == []
    return training


REFUSALS = {
    "accelerator": ("accelerator=tpu", r"trainer\.accelerator must be one of auto, cpu, gpu, cuda, mps; got 'tpu'"),
    "precision": ("precision=48", r"trainer: Lightning refuses a setting: Precision '48' is invalid"),
    "a negative number of batches": ("limit_train_batches=-1", r"trainer: Lightning refuses a setting: .*limit_train"),
    "nodes": ("num_nodes=0", r"trainer\.num_nodes must be a whole number from 1"),
    "epochs": ("max_epochs=1.5", r"trainer\.max_epochs must be a whole number from 1"),
    "devices": ("devices=0", r"trainer\.devices must be a number of processes, a list of GPUs"),
    "half precision on a CPU": ("precision=16-mixed", r"trainer\.precision=16-mixed needs a GPU"),
    "an Apple GPU": ("accelerator=mps", r"trainer\.accelerator=mps: this is no Apple computer"),
    "more processes than clips in a batch": ("devices=9", r"batch_size=8 is shared out among 9 processes"),
    "an argument that Trainer does not have": ("gradient_clip=1", r"did you mean trainer\.gradient_clip_val\?"),
    "an argument that the program gives": (
        "callbacks=1",
        r"trainer\.callbacks is given by the program; add",
    ),
    "a word where a number belongs": ("max_steps=abc", r"trainer\.max_steps must be .*got 'abc'"),
    "no batch to test": ("limit_test_batches=0", r"trainer\.limit_test_batches"),
    "a profiler that does not exist": ("profiler=watch", r"trainer: Lightning refuses a setting: .*profiler"),
}


@pytest.mark.parametrize(("override", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_used_is_refused(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        check_trainer(configured(*CPU, f"trainer.{override}"), tmp_path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.patience=0", r"training\.patience must lie between 1"),
        ("training.ema_decay=1", r"training\.ema_decay must lie between 0"),
        ("training.monitor=f1", r"training\.monitor must be one of uar, loss"),
    ],
)
def test_what_is_ours_is_checked(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        check_trainer(configured(*CPU, override), tmp_path)


@pytest.mark.parametrize(
    "override",
    [
        *("devices=8", "gradient_clip_val=null", "limit_train_batches=0.5", "deterministic=true", "profiler=simple"),
        *("log_every_n_steps=1", "detect_anomaly=true", "max_time=00:00:10:00", "check_val_every_n_epoch=2"),
    ],
)
def test_any_argument_of_lightnings_trainer_is_taken(override: str, tmp_path: Path) -> None:
    check_trainer(configured(*CPU, f"trainer.{override}"), tmp_path)


def test_arguments_arrive_by_their_own_names(tmp_path: Path) -> None:
    overrides = ["trainer.accumulate_grad_batches=4", "trainer.limit_train_batches=7", "trainer.gradient_clip_val=1.5"]
    made = trainer(tmp_path, *overrides, "trainer.limit_test_batches=3", "epochs=9", "trainer.max_steps=5")
    assert (made.accumulate_grad_batches, made.limit_train_batches, made.gradient_clip_val) == (4, 7, 1.5)
    assert (made.max_epochs, made.max_steps, made.limit_predict_batches) == (9, 5, 3)
    assert trainer(tmp_path, "epochs=9", "trainer.max_epochs=2").max_epochs == 2


def test_an_argument_may_be_an_object(tmp_path: Path) -> None:
    made = trainer(tmp_path, "trainer.profiler={_target_: pytorch_lightning.profilers.PassThroughProfiler}")
    assert type(made.profiler).__name__ == "PassThroughProfiler"  # type: ignore[attr-defined]


class TestCallbacks:
    """callbacks.<name>._target_"""

    def test_any_callback_of_lightning_is_taken(self, tmp_path: Path) -> None:
        timer = "callbacks.timer={_target_: pytorch_lightning.callbacks.Timer, duration: '00:00:01:00'}"
        made = trainer(tmp_path, timer, "callbacks.other=null")
        assert any(isinstance(one, pl.callbacks.Timer) for one in made.callbacks)  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ("_target_: no.such.Class", r"callbacks\.mine: no\.such\.Class cannot be made"),
            ("_target_: builtins.dict", r"callbacks\.mine: builtins\.dict is no callback of Lightning"),
            ("_target_: pytorch_lightning.callbacks.Timer, hours: 1", r"callbacks\.mine: .*unexpected keyword.*hours"),
            ("hours: 1", r"callbacks\.mine must name a class"),
        ],
    )
    def test_others_are_refused(self, settings: str, said: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=said):
            check_trainer(configured(*CPU, f"callbacks.mine={{{settings}}}"), tmp_path)


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_epoch_without_validation_has_no_scores(tmp_path: Path) -> None:
    fit(trainer(tmp_path, "trainer.check_val_every_n_epoch=2"))
    assert [row["val_uar"] == "nan" for row in history(tmp_path)] == [True, False, True]
    assert all(float(row["train_loss"]) > 0 for row in history(tmp_path))


def test_the_profile_is_a_file_of_the_run(tmp_path: Path) -> None:
    fit(trainer(tmp_path, "trainer.profiler=simple"))
    assert "training_step" in (tmp_path / "fit-profile.txt").read_text()


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`gpus(n)`: as if torch saw n GPUs; Lightning is not asked."""
    monkeypatch.setattr("ser.training.trainer.bare_trainer", lambda trainer, folder: None)

    def arrange(n: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n)

    return arrange


def test_gpus_that_are_not_there_are_refused(gpus: Callable[[int], None], tmp_path: Path) -> None:
    def check(*overrides: str) -> None:
        check_trainer(configured("batch_size=8", *overrides), tmp_path)

    gpus(0)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator=gpu: torch .* sees no GPU"):
        check("trainer=gpu")
    gpus(2)
    for choice in ("auto", "gpu"):
        check(f"trainer={choice}", "trainer.devices=2")
        check(f"trainer={choice}", "trainer.devices=[1]")
        for devices in ("3", "[0,2]"):
            with pytest.raises(ConfigError, match=r"trainer\.devices=.*: there are 2 GPUs here"):
                check(f"trainer={choice}", f"trainer.devices={devices}")
    check("trainer=cpu", "trainer.devices=3")
    check("trainer=ddp", "trainer.precision=16-mixed", "batch_size=2")
    with pytest.raises(ConfigError, match="batch_size=1 is shared out among 2"):
        check("trainer=ddp", "batch_size=1")


@pytest.mark.parametrize(("wanted", "used"), [("auto", "32-true"), ("32", "32-true"), ("bf16-mixed", "bf16-mixed")])
def test_precision_on_a_cpu(wanted: str, used: str, tmp_path: Path) -> None:
    assert str(trainer(tmp_path, f"trainer.precision={wanted}").precision) == used


@pytest.mark.parametrize(("has_bf16", "used"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_automatic_precision_on_a_gpu(has_bf16: bool, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ser.training.trainer import _precision

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation)
    assert _precision("auto", on_gpu=True) == used
    assert _precision("32", on_gpu=True) == "32"
    assert _precision("auto", on_gpu=False) == "32"
