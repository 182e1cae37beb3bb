"""Lightning's Trainer as a run wants it: devices, precision, checkpoints, averaging, early stopping."""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.callbacks import Callback, EarlyStopping, WeightAveraging
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.config.schema import Trainer as Settings
from ser.errors import ConfigError
from ser.training import processes
from ser.training.checkpoints import MONITORS, AtomicCheckpoints, checkpoint_callbacks
from ser.training.interruption import EndOnTermination, StopOnInterrupt
from ser.training.progress import History, ProgressBar

PRECISIONS = ("auto", "32", "bf16-mixed", "16-mixed")


def check_trainer(settings: Settings, batch_size: int) -> None:
    """Refuse settings that cannot be used here.

    Raises:
        ConfigError: a setting that is out of range, or a GPU asked for where there is none.
    """
    check_choice("trainer.accelerator", settings.accelerator, ("auto", "cpu", "gpu"))
    check_choice("trainer.precision", settings.precision, PRECISIONS)
    check_range("trainer.gradient_clip", settings.gradient_clip, 0, 1e6)
    check_range("trainer.num_nodes", settings.num_nodes, 1, 10_000)
    check_choice("trainer.monitor", settings.monitor, MONITORS)
    if settings.patience is not None:
        check_range("trainer.patience", settings.patience, 1, 1_000_000)
    if settings.ema_decay is not None:
        check_range("trainer.ema_decay", settings.ema_decay, 0, 0.999999)
    if settings.devices is not None:
        check_range("trainer.devices", settings.devices, 1, 10_000)
    if settings.precision == "16-mixed" and (settings.accelerator == "cpu" or not torch.cuda.is_available()):
        raise ConfigError("trainer.precision=16-mixed needs a GPU; use trainer.precision=auto or 32")
    if settings.accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator=gpu: torch {torch.__version__} sees no GPU here; use trainer=auto or cpu, or install"
            " a torch build for your GPU"
        )
    if _on_gpu(settings) and (settings.devices or 1) > torch.cuda.device_count():
        raise ConfigError(
            f"trainer.devices={settings.devices}: there are {torch.cuda.device_count()} GPUs here; ask for as many at"
            " most, or trainer.accelerator=cpu"
        )
    processes.check_launcher(settings)
    n_processes = processes.n_processes(settings)
    if batch_size < n_processes:
        raise ConfigError(f"batch_size={batch_size} is shared out among {n_processes} processes; set it higher")


def make_trainer(
    settings: Settings,
    folder: Path,
    stop: StopOnInterrupt,
    *,
    n_epochs: int,
    title: str,
    further: Sequence[Callback] = (),
) -> pl.Trainer:
    """A Trainer that leaves checkpoints/best.ckpt (best validation UAR), last.ckpt and history.csv in `folder`.

    The callbacks `further` come after its own.
    """
    callbacks: list[Callback] = checkpoint_callbacks(folder, settings.monitor)
    if settings.ema_decay is not None:  # before `stop`, which may save the average as soon as the first step is taken
        callbacks.append(WeightAveraging(avg_fn=_moving_average(settings.ema_decay)))
    callbacks += [stop, EndOnTermination(), History(folder), ProgressBar(title, n_epochs)]
    if settings.patience is not None:
        callbacks.append(
            _Patience(f"val/{settings.monitor}", mode=MONITORS[settings.monitor], patience=settings.patience)
        )
    return bare_trainer(settings, folder, max_epochs=n_epochs, callbacks=[*callbacks, *further])


def bare_trainer(settings: Settings, folder: Path, **arguments: Any) -> pl.Trainer:
    """A Trainer with devices, precision and clipping as `settings` say, and nothing that writes unasked."""
    _quieten()
    on_gpu = _on_gpu(settings)
    distributed = processes.is_distributed(settings)
    plugins: list[Any] = [AtomicCheckpoints()]
    if not processes.are_external():
        plugins.append(LightningEnvironment())  # ours, even within somebody's SLURM session
    return pl.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=processes.n_devices(settings) if distributed else 1,
        num_nodes=settings.num_nodes,
        strategy="ddp" if distributed else "auto",
        sync_batchnorm=on_gpu and distributed,
        use_distributed_sampler=False,
        precision=_precision(settings.precision, on_gpu),
        gradient_clip_val=settings.gradient_clip or None,
        deterministic="warn",
        plugins=plugins,
        logger=False,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing="callbacks" in arguments,
        **arguments,
    )


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
        return averaged * now + current * (1 - now)

    return average


def device_name(trainer: pl.Trainer) -> str:
    """The device for a report: the GPU's name, or cpu; and how many."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"


def _on_gpu(settings: Settings) -> bool:
    return settings.accelerator != "cpu" and torch.cuda.is_available()


def frozen_device(settings: Settings) -> tuple[torch.device, str]:
    """Where and with which precision frozen features are computed; on a CPU always with all 32 bits."""
    if not _on_gpu(settings):
        return torch.device("cpu"), "32"
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))), _precision(settings.precision, on_gpu=True)


def _precision(wanted: str, on_gpu: bool) -> Any:
    if wanted != "auto":
        return wanted
    if not on_gpu:
        return "32"  # without bf16 units, autocast on a CPU is many times slower
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def _quieten() -> None:
    """Keep back what Lightning and torch say that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Clips come from a memory map: loading needs no worker processes on a CPU.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Of model=finetune: what is frozen is meant to be in evaluation mode.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*deprecated.*")
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
