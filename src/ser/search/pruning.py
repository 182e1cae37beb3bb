"""Ends a run that is a bad trial of a search, while it trains."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl

from ser.search.trial import OptunaTrial, Trial
from ser.training.checkpoints import MONITORS
from ser.training.progress import epoch_scores, validation_of


class Pruned(Exception):
    """The run was ended by the search of which it is a trial."""


class PruneBadTrials(pl.Callback):
    """Raises `Pruned` after an epoch when the search finds the trial bad.

    What is told is the validation UAR (of dimensions the mean CCC) of the epoch kept so far; with several folds the
    mean of the folds before, of their epochs kept, and of the one at work. Steps are epochs, counted on over the folds.

    Args:
        trial: the run's trial.
        earlier: validation score of the folds before.
        n_epochs: epochs of each fold.
        monitor: uar, ccc or loss, by which the epoch kept is chosen.
        is_last: whether this is the last fold, after whose last epoch there is nothing to save.
    """

    def __init__(self, trial: Trial, earlier: Sequence[float], *, n_epochs: int, monitor: str, is_last: bool) -> None:
        self.trial, self.earlier = trial, list(earlier)
        self.n_epochs, self.monitor, self.is_last = n_epochs, monitor, is_last
        self.kept: dict[str, float] = {}
        self.in_search: OptunaTrial | None = None  # opened where it is asked, in the main process

    def state_dict(self) -> dict[str, Any]:
        return {"kept": self.kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.kept = dict(state_dict["kept"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss, main, *_ = validation_of(trainer)
        scores = {name: epoch_scores(trainer)[f"val/{name}"] for name in (loss, main)}
        if not math.isnan(scores[main]) and self._is_better(scores):
            self.kept = scores
        epoch = trainer.current_epoch + 1
        is_bad = False
        if trainer.is_global_zero and self.kept:
            self.in_search = self.in_search or OptunaTrial(self.trial)
            value = float(np.mean([*self.earlier, self.kept[main]]))
            self.in_search.report(value, len(self.earlier) * self.n_epochs + epoch)
            is_bad = self.in_search.should_prune()
        is_over = self.is_last and epoch == self.n_epochs
        if trainer.strategy.reduce_boolean_decision(is_bad and not is_over, all=False):
            fold = f" of fold {len(self.earlier) + 1}" if self.earlier else ""
            raise Pruned(f"pruned after epoch {epoch}{fold}: validation {main.upper()} {self.kept[main]:.3f}")

    def _is_better(self, scores: Mapping[str, float]) -> bool:
        now, kept = scores[self.monitor], self.kept.get(self.monitor, math.nan)
        return math.isnan(kept) or (now > kept if MONITORS[self.monitor] == "max" else now < kept)
