"""Signals: Ctrl-C stops training after the step at work, and the run ends whole; SIGTERM ends it at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from ser.checkpoints import BEST, best_path, checkpoint_path


class Interrupted(Exception):
    """Training was stopped by Ctrl-C before it had finished `epoch` (from 1)."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"interrupted in epoch {epoch}")
        self.epoch = epoch


class StopOnInterrupt(pl.Callback):
    """On the first Ctrl-C, raises `Interrupted` after the step at work; a second one ends the program at once.

    Where no epoch was finished, the state at the stop is kept as best.ckpt of the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C meanwhile. Around `fit`, whose own handling of signals would put an older handler back."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.strategy.reduce_boolean_decision(self.asked, all=False):
            if best_path(trainer) is None:
                trainer.save_checkpoint(checkpoint_path(self.folder, BEST))
            raise Interrupted(trainer.current_epoch + 1)

    def _on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            sys.exit(130)
        self.asked = True
        # Printed, not logged: a progress bar lets through what is printed, and draws over all else.
        print(
            "stopping after this step, then testing what was learnt; press Ctrl-C again to stop at once",
            file=sys.stderr,
        )


class EndOnTermination(pl.Callback):
    """Lets SIGTERM (of kill, timeout, a cluster) end the program at once, as it does elsewhere.

    Lightning's own handler ends it with exit code 0, as if all were well; and with several processes it speaks to the
    others, which may be in the middle of something else: all would wait for ever.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    on_predict_start = on_train_start
