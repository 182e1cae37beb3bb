"""Lightning's Trainer as a run wants it: devices, precision, checkpoints, averaging, early stopping."""

import inspect
import logging
import os
import typing
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import profilers
from pytorch_lightning.callbacks import Callback, EarlyStopping, WeightAveraging
from pytorch_lightning.loggers import Logger
from torch import Tensor

from ser.config.build import build_object, check_type
from ser.config.checks import check_choice, check_range
from ser.config.schema import Config, Training, unknown
from ser.errors import ConfigError
from ser.training import processes
from ser.training.checkpoints import MONITORS, AtomicCheckpoints, checkpoint_callbacks
from ser.training.interruption import EndOnTermination, StopOnInterrupt
from ser.training.progress import History, ProgressBar
from ser.training.task import check_task

# Arguments of Lightning's Trainer that a run gives by itself.
OURS = {
    "logger": "choose loggers by logger=<name>",
    "callbacks": "add callbacks by callbacks.<name>._target_=<class>",
    "default_root_dir": "name the run folder by hydra.run.dir=<folder>",
    "enable_checkpointing": "a run keeps its best epoch in any case",
    "plugins": "checkpoints are written in a way of their own, and processes found",
    "use_distributed_sampler": "clips are shared out among processes in any case",
    "barebones": "use debug=fast",
}
SAMPLINGS = ("natural", "balanced", "corpus")
CHECKED = ("accelerator", "devices", "precision", "num_nodes", "max_epochs", "accumulate_grad_batches")  # by themselves
PROFILERS = {
    "simple": profilers.SimpleProfiler,
    "advanced": profilers.AdvancedProfiler,
    "pytorch": profilers.PyTorchProfiler,
}


def check_settings(config: Config, folder: Path) -> None:
    """Refuse settings of the top level, of training and of the Trainer that cannot be used.

    Raises:
        ConfigError: names the first one.
    """
    check_range("batch_size", config.batch_size, 1, 100_000)
    check_range("seed", config.seed, 0, 2**32 - 1)
    check_range("epochs", config.epochs, 1, 1_000_000)
    check_range("tta", config.tta, 0, 100)
    if config.tta == 1:
        raise ConfigError("tta=1 is one view at another speed; set tta=0 for none, or 2 and more")
    check_choice("sampling", config.sampling, SAMPLINGS)
    if config.sampling == "balanced" and config.loss.class_weights:
        raise ConfigError(
            "sampling=balanced and loss.class_weights=true both make up for rare emotions; use one of them"
        )
    check_trainer(config, folder)


def check_trainer(config: Config, folder: Path) -> None:
    """Refuse settings of the Trainer, of training and of callbacks that cannot be used here.

    Raises:
        ConfigError: an argument that Lightning's Trainer does not have or refuses, a setting that is out of range, or a
            GPU asked for where there is none.
    """
    trainer, training = config.trainer, config.training
    check_task(config)
    if training.patience is not None:
        check_range("training.patience", training.patience, 1, 1_000_000)
    if training.ema_decay is not None:
        check_range("training.ema_decay", training.ema_decay, 0, 0.999999)
    known = [name for name in inspect.signature(pl.Trainer.__init__).parameters if name != "self"]
    hints = typing.get_type_hints(inspect.unwrap(pl.Trainer.__init__))
    for name, value in trainer.items():
        if name in OURS:
            raise ConfigError(f"trainer.{name} is given by the program; {OURS[name]}")
        if name not in known:
            ours = [f"training.{item.name}" for item in fields(Training)]
            raise ConfigError(
                unknown(f"trainer.{name}", [*ours, *(f"trainer.{one}" for one in known if one not in OURS)])
            )
        if name not in CHECKED and not (isinstance(value, Mapping) and "_target_" in value):
            check_type(f"trainer.{name}", value, hints[name])
    for name in ("limit_train_batches", "limit_test_batches", "limit_predict_batches", "max_steps"):
        if name in trainer and trainer[name] == 0:
            raise ConfigError(f"trainer.{name}=0: nothing would be trained, or tested; set it higher, or leave it out")
    if trainer.get("log_every_n_steps") is not None:
        check_range("trainer.log_every_n_steps", trainer["log_every_n_steps"], 1, 1_000_000)
    if trainer.get("gradient_clip_val") is not None:
        check_range("trainer.gradient_clip_val", trainer["gradient_clip_val"], 0, 1e6)
    _check_whole("trainer.max_epochs", trainer["max_epochs"])
    _check_whole("trainer.num_nodes", trainer["num_nodes"])
    _check_whole("trainer.accumulate_grad_batches", trainer["accumulate_grad_batches"])
    _check_devices(trainer)
    processes.check_launcher(trainer)
    n_processes = processes.n_processes(trainer)
    if config.batch_size < n_processes:
        raise ConfigError(f"batch_size={config.batch_size} is shared out among {n_processes} processes; set it higher")
    user_callbacks(config)
    bare_trainer(trainer, folder)


def _check_whole(name: str, value: Any) -> None:
    if type(value) is not int or not 1 <= value <= 1_000_000:
        raise ConfigError(f"{name} must be a whole number from 1 to 1000000; got {value!r}")


def _check_devices(trainer: Mapping[str, Any]) -> None:
    accelerator, devices = trainer["accelerator"], trainer["devices"]
    check_choice("trainer.accelerator", accelerator, ("auto", "cpu", "gpu", "cuda", "mps"))
    is_list = isinstance(devices, list) and devices and all(type(one) is int for one in devices)
    if not is_list and devices not in ("auto", -1) and (type(devices) is not int or devices < 1):
        raise ConfigError(
            f"trainer.devices must be a number of processes, a list of GPUs such as [0,1], or auto; got {devices!r}"
        )
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator={accelerator}: torch {torch.__version__} sees no GPU here; use trainer=auto or cpu,"
            " or install a torch build for your GPU"
        )
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("trainer.accelerator=mps: this is no Apple computer with a GPU; use trainer=auto")
    if trainer["precision"] in ("16", "16-mixed", 16) and not _on_gpu(trainer):
        raise ConfigError(f"trainer.precision={trainer['precision']} needs a GPU; use trainer.precision=auto or 32")
    n_gpus = torch.cuda.device_count()
    wanted = max(devices) + 1 if isinstance(devices, list) else devices if isinstance(devices, int) else 1
    if _on_gpu(trainer) and wanted > n_gpus:
        raise ConfigError(
            f"trainer.devices={devices}: there are {n_gpus} GPUs here; ask for as many at most, or"
            " trainer.accelerator=cpu"
        )


def user_callbacks(config: Config) -> list[Callback]:
    """The callbacks of the group `callbacks`; null takes one away.

    Raises:
        ConfigError: one cannot be made, or is none of Lightning's.
    """
    made = []
    for name, settings in config.callbacks.items():
        if settings is None:
            continue
        callback = build_object(f"callbacks.{name}", settings)
        if not isinstance(callback, Callback):
            raise ConfigError(
                f"callbacks.{name}: {settings['_target_']} is no callback of Lightning (pytorch_lightning.Callback)"
            )
        made.append(callback)
    return made


def make_trainer(
    config: Config,
    folder: Path,
    stop: StopOnInterrupt,
    history: History,
    *,
    title: str,
    loggers: Iterable[Logger] = (),
    further: Sequence[Callback] = (),
) -> pl.Trainer:
    """A Trainer that leaves checkpoints/best.ckpt (best on validation) and last.ckpt in `folder`.

    The callbacks of the configuration come after its own, `stop` and `history`, and `further` ones last.
    """
    training = config.training
    callbacks: list[Callback] = checkpoint_callbacks(folder, training.monitor)
    if training.ema_decay is not None:  # before `stop`, which may save the average as soon as the first step is taken
        callbacks.append(WeightAveraging(avg_fn=_moving_average(training.ema_decay)))
    callbacks += [stop, EndOnTermination(), history, ProgressBar(title, config.trainer["max_epochs"])]
    if training.patience is not None:
        callbacks.append(
            _Patience(f"val/{training.monitor}", mode=MONITORS[training.monitor], patience=training.patience)
        )
    callbacks += [*user_callbacks(config), *further]
    return bare_trainer(
        config.trainer, folder, callbacks=callbacks, logger=list(loggers) or False, enable_checkpointing=True
    )


def bare_trainer(trainer: Mapping[str, Any], folder: Path, **arguments: Any) -> pl.Trainer:
    """A Trainer with the arguments of the configuration's `trainer` and those given, and nothing that writes unasked.

    Raises:
        ConfigError: Lightning refuses an argument.
    """
    _quieten()
    on_gpu, distributed = _on_gpu(trainer), processes.is_distributed(trainer)
    plugins: list[Any] = [AtomicCheckpoints()]
    if not processes.are_external():
        plugins.append(LightningEnvironment())  # ours, even within somebody's SLURM session
    wanted = {
        "sync_batchnorm": on_gpu and distributed,
        # Our test is Lightning's predict.
        "limit_predict_batches": trainer.get("limit_test_batches"),
        **{name: _object(name, value, folder) for name, value in trainer.items()},
        "accelerator": "gpu" if on_gpu else "mps" if trainer["accelerator"] == "mps" else "cpu",
        "precision": _precision(trainer["precision"], on_gpu),
    }
    if not isinstance(wanted["devices"], list):
        wanted["devices"] = processes.n_devices(trainer) if distributed else 1
    if wanted["strategy"] == "auto" and distributed:
        wanted["strategy"] = "ddp"
    fixed = {
        "plugins": plugins,
        "logger": False,
        "enable_checkpointing": False,
        "use_distributed_sampler": False,
        "default_root_dir": folder,
    }
    try:
        return pl.Trainer(**{**wanted, **fixed, **arguments})
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ConfigError(f"trainer: Lightning refuses a setting: {' '.join(str(error).split())}") from None


def _object(name: str, value: Any, folder: Path) -> Any:
    """An argument as it is, or the object that it describes."""
    if isinstance(value, Mapping) and "_target_" in value:
        return build_object(f"trainer.{name}", value)
    if name == "profiler" and isinstance(value, str) and value in PROFILERS:
        return PROFILERS[value](dirpath=folder, filename="profile")  # Lightning's own would print it
    return value


class _Patience(EarlyStopping):
    """Early stopping that, resumed after it had stopped, stays stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose decay begins low, so that a short training is averaged over its own length."""

    def average(averaged: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        n = int(n_averaged)
        now = min(decay, (1 + n) / (10 + n))
        # What is frozen stays as it is, to the last digit.
        return torch.where(averaged == current, averaged, averaged * now + current * (1 - now))

    return average


def device_name(trainer: pl.Trainer) -> str:
    """The device for a report: the GPU's name, or cpu; and how many."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"


def _on_gpu(trainer: Mapping[str, Any]) -> bool:
    return trainer["accelerator"] not in ("cpu", "mps") and torch.cuda.is_available()


def frozen_device(trainer: Mapping[str, Any]) -> tuple[torch.device, str]:
    """Where and with which precision (32, bf16-mixed or 16-mixed) frozen features are computed; on a CPU with 32."""
    if not _on_gpu(trainer):
        return torch.device("mps" if trainer["accelerator"] == "mps" else "cpu"), "32"
    precision = _precision(trainer["precision"], on_gpu=True)
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))), precision if "mixed" in precision else "32"


def _precision(wanted: Any, on_gpu: bool) -> Any:
    if wanted != "auto":
        return str(wanted)
    if not on_gpu:
        return "32"  # without bf16 units, autocast on a CPU is many times slower
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def _quieten() -> None:
    """Keep back what Lightning and torch say that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Clips come from a memory map: loading needs no worker processes on a CPU.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Scores are logged once an epoch, and not every so many steps.
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging interval")
    # Of model=finetune: what is frozen is meant to be in evaluation mode.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*deprecated.*")
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
    warnings.filterwarnings("ignore", message=r"`ModelCheckpoint\(monitor=.*could not find the monitored key")
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
