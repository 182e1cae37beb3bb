"""What a run tells while it trains: history.csv, and its progress."""

import logging
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ser.files import write_csv
from ser.runs.names import EPOCH, HISTORY, LEARNING_RATE, TRAIN_LOSS, validation_column

log = logging.getLogger("ser")


def epoch_scores(trainer: pl.Trainer) -> dict[str, float]:
    """Scores of the epoch that has just ended: train/loss, and val/loss, val/uar, ...: not a number where the Trainer
    has left validation out.
    """
    has_ended = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
    known = {name: float(value) for name, value in trainer.callback_metrics.items()}
    validation = [f"val/{name}" for name in validation_of(trainer)]
    return {**known, **{name: known[name] if has_ended and name in known else math.nan for name in validation}}


def validation_of(trainer: pl.Trainer) -> list[str]:
    """The scores on validation of what is trained; after the loss that by which all is judged."""
    names: Sequence[str] = trainer.lightning_module.scores  # type: ignore[assignment]
    return ["loss", *names]


class History(pl.Callback):
    """Writes history.csv: a row for each finished epoch with its losses, validation scores and learning rate."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / HISTORY
        self.rows: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        scores = epoch_scores(trainer)
        self.rows.append(
            {
                EPOCH: trainer.current_epoch + 1,
                TRAIN_LOSS: f"{scores['train/loss']:.5f}",
                **{validation_column(name): f"{scores[f'val/{name}']:.6g}" for name in validation_of(trainer)},
                LEARNING_RATE: f"{trainer.optimizers[0].param_groups[0]['lr']:.3g}",
            }
        )
        if trainer.is_global_zero:
            write_csv(self.path, self.rows)


class ProgressBar(pl.Callback):
    """One bar for the whole training in a terminal; elsewhere a line for each tenth of the epochs."""

    def __init__(self, title: str, n_epochs: int) -> None:
        self.title, self.n_epochs = title, n_epochs
        self.best = 0.0
        self.bar: Progress | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started, self.first_epoch = time.monotonic(), trainer.current_epoch
        if trainer.is_global_zero and sys.stdout.isatty():
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("steps"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[scores]}"),
            )
            self.bar.add_task(self.title, total=int(trainer.estimated_stepping_batches), scores="")
            self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if self.bar:
            self.bar.update(self.bar.task_ids[0], completed=trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        scores, epoch = epoch_scores(trainer), trainer.current_epoch + 1
        _, main, *_ = validation_of(trainer)
        score = scores[f"val/{main}"]
        self.best = max(self.best, score)
        line = f"loss {scores['train/loss']:.2f}  val {main.upper()} {score:.3f}  best {self.best:.3f}"
        if self.bar:
            self.bar.update(self.bar.task_ids[0], scores=f"epoch {epoch}/{self.n_epochs}  {line}")
        elif trainer.is_global_zero and (epoch == self.n_epochs or epoch % max(1, self.n_epochs // 10) == 0):
            elapsed = time.monotonic() - self.started
            left = elapsed / (epoch - self.first_epoch) * (self.n_epochs - epoch)
            log.info("%s  epoch %d/%d  %s  %.0f s, %.0f s left", self.title, epoch, self.n_epochs, line, elapsed, left)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None
