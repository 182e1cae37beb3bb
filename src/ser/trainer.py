"""Lightning's Trainer as a run wants it: device, precision, best checkpoint, early stopping."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint

from ser.config import Trainer as Settings
from ser.config import check_choice, check_range
from ser.errors import ConfigError
from ser.progress import History, ProgressBar

PRECISIONS = ("auto", "32", "bf16-mixed", "16-mixed")
MONITOR = "val/uar"


def check_trainer(settings: Settings) -> None:
    """Refuse settings that cannot be used here.

    Raises:
        ConfigError: a setting that is out of range, or a GPU asked for where there is none.
    """
    check_choice("trainer.accelerator", settings.accelerator, ("auto", "cpu", "gpu"))
    check_choice("trainer.precision", settings.precision, PRECISIONS)
    check_range("trainer.gradient_clip", settings.gradient_clip, 0, 1e6)
    if settings.patience is not None:
        check_range("trainer.patience", settings.patience, 1, 1_000_000)
    if settings.precision == "16-mixed" and (settings.accelerator == "cpu" or not torch.cuda.is_available()):
        raise ConfigError("trainer.precision=16-mixed needs a GPU; use trainer.precision=auto or 32")
    if settings.accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator=gpu: torch {torch.__version__} sees no GPU here; use trainer=auto or cpu, or install"
            " a torch build for your GPU"
        )


def make_trainer(settings: Settings, folder: Path, *, n_epochs: int, title: str) -> pl.Trainer:
    """A Trainer that leaves checkpoints/best.ckpt (best validation UAR) and history.csv in `folder`."""
    on_gpu = settings.accelerator != "cpu" and torch.cuda.is_available()
    callbacks: list[Callback] = [
        ModelCheckpoint(
            folder / "checkpoints", filename="best", monitor=MONITOR, mode="max", enable_version_counter=False
        ),
        History(folder),
        ProgressBar(title, n_epochs),
    ]
    if settings.patience is not None:
        callbacks.append(EarlyStopping(MONITOR, mode="max", patience=settings.patience))
    _quieten()
    return pl.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=1,
        precision=_precision(settings.precision, on_gpu),
        max_epochs=n_epochs,
        gradient_clip_val=settings.gradient_clip or None,
        deterministic="warn",
        callbacks=callbacks,
        logger=False,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def best_checkpoint(trainer: pl.Trainer) -> Path:
    """The checkpoint that this very training kept."""
    checkpoint = trainer.checkpoint_callback
    assert isinstance(checkpoint, ModelCheckpoint)
    return Path(checkpoint.best_model_path)


def device_name(trainer: pl.Trainer) -> str:
    """The device for a report: the GPU's name, or cpu."""
    device = trainer.strategy.root_device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _precision(wanted: str, on_gpu: bool) -> Any:
    if wanted != "auto":
        return wanted
    if not on_gpu:
        return "32"  # without bf16 units, autocast on a CPU is many times slower
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def _quieten() -> None:
    """Keep back what Lightning and torch say that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # Clips come from a memory map: loading needs no worker processes on a CPU.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*deprecated.*")
