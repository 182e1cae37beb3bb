"""What loggers are told after each epoch."""

import math
import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ser.loggers.guard import Loggers
from ser.training.data import Batch
from ser.training.progress import epoch_scores, validation_of
from ser.training.recognizer import EmotionRecognizer


class LogEpochs(pl.Callback):
    """Tells `loggers` losses, validation scores, learning rate, gradient norm and throughput of each epoch.

    The gradient norm is the Euclidean one over all trained parameters before clipping, its mean over the steps; steps
    without a finite one are left out. Throughput is clips a second in training, over all processes.
    """

    def __init__(self, loggers: Loggers) -> None:
        self.loggers = loggers

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._norms: list[Tensor] = []
        self._n_clips = 0
        self._started = self._ended = time.monotonic()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        assert isinstance(pl_module, EmotionRecognizer)
        gradients = [p.grad for p in pl_module.trained.parameters() if p.grad is not None]
        self._norms.append(torch.nn.utils.get_total_norm(gradients))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self._n_clips += len(batch.targets) * trainer.world_size
        self._ended = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        known, norms = epoch_scores(trainer), torch.stack(self._norms)
        scores = {
            "train/loss": known["train/loss"],
            **{f"val/{name}": known[f"val/{name}"] for name in validation_of(trainer)},
            "lr": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "grad_norm": float(norms[norms.isfinite()].mean()),
            "clips_per_s": self._n_clips / (self._ended - self._started),
        }
        validated = math.isfinite(scores["val/loss"])
        told = {name: value for name, value in scores.items() if validated or not name.startswith("val/")}
        self.loggers.log_epoch(trainer.current_epoch + 1, told)
