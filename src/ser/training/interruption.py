"""Signals: Ctrl-C stops training after the step at work, and the run ends whole; SIGTERM ends it at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from ser.errors import Aborted
from ser.runs.names import BEST
from ser.training import processes
from ser.training.checkpoints import best_path


@contextmanager
def ending() -> Iterator[None]:
    """Let Ctrl-C raise `Aborted` meanwhile."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise Aborted

    with _on_interrupt(end):
        yield


@contextmanager
def _on_interrupt(act: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Take Ctrl-C in this way meanwhile, where it may be taken."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # The main process says to the others when to stop: they shall not stop by themselves.
    previous = signal.signal(signal.SIGINT, act if processes.rank() == 0 else signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class Interrupted(Exception):
    """Training was stopped by Ctrl-C before it had finished `epoch` (from 1)."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"interrupted in epoch {epoch}")
        self.epoch = epoch


class StopOnInterrupt(pl.Callback):
    """On the first Ctrl-C, raises `Interrupted` after the step at work; a second one raises `Aborted` at once.

    Where no epoch was finished, the state at the stop is kept as best.ckpt of the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C meanwhile. Around `fit`, whose own handling of signals would put an older handler back."""
        with _on_interrupt(self._ask):
            yield

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.strategy.reduce_boolean_decision(self.asked, all=False):
            if best_path(trainer) is None:
                trainer.save_checkpoint(self.folder / BEST)
            raise Interrupted(trainer.current_epoch + 1)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            raise Aborted
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
