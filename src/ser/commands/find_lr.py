"""Finding a learning rate: a short training in which it rises with every step, and the loss is watched."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.tuner.tuning import Tuner

from ser.config.schema import read_config
from ser.errors import ConfigError
from ser.files import write_csv
from ser.preparation import prepare
from ser.runs import figures
from ser.training import interruption, processes
from ser.training.trainer import bare_trainer

log = logging.getLogger("ser")

Values = npt.NDArray[np.float64]

LOWEST, HIGHEST = 1e-6, 1.0
N_STEPS = 100
FORGETTING = 0.98  # of the average that Lightning keeps of the loss
SMOOTHING = 15  # steps that are averaged around each


@dataclass(frozen=True)
class Search:
    """What was found.

    Attributes:
        rates: the learning rate of each step.
        losses: the loss of each step, averaged over the steps around it.
        suggestion: a third of the rate at which the loss was lowest.
    """

    rates: Values
    losses: Values
    suggestion: float


def find(cfg: DictConfig, folder: Path) -> Search:
    """Search the learning rate of a configuration on its (first) fold, as Smith (2017), arXiv 1506.01186, does.

    Leaves learning_rate.csv and learning_rate.png in `folder`.

    Raises:
        SerError: something that the user can mend.
    """
    config = read_config(cfg)
    if processes.is_distributed(config.trainer):
        raise ConfigError("trainer: the learning rate is searched by one process; leave out trainer=ddp")
    if (folder / "learning_rate.csv").exists():
        raise ConfigError(f"hydra.run.dir: {folder} holds an earlier search, which would be lost; name another folder")
    material = prepare(config, folder)
    split = material.folds[0]
    pl.seed_everything(config.seed, workers=True, verbose=False)
    trainer = bare_trainer(
        config.trainer, folder, max_epochs=N_STEPS, check_val_every_n_epoch=N_STEPS + 1, callbacks=[]
    )
    recognizer = material.recognizer(split)
    for part in recognizer.own_rates:  # it is the others' rate that is searched
        part.requires_grad_(False)
    log.info("trying %d learning rates from %g to %g", N_STEPS, LOWEST, HIGHEST)
    with interruption.ending():
        found = Tuner(trainer).lr_find(
            recognizer,
            datamodule=material.data(split),
            min_lr=LOWEST,
            max_lr=HIGHEST,
            num_training=N_STEPS,
            update_attr=False,
        )
    assert found is not None
    losses = each_loss(found.results["loss"])
    losses = losses[np.isfinite(losses)]  # from the first that is no number on, Lightning's average is none either
    if not len(losses):
        raise ConfigError(
            "loss: it is no number even at the lowest learning rate; look at loss.* and trainer.precision"
        )
    losses = smooth(losses)
    rates = np.array(found.results["lr"][: len(losses)])
    search = Search(rates, losses, suggest(rates, losses))
    rows = [{"lr": rate, "loss": loss} for rate, loss in zip(rates.tolist(), losses.tolist(), strict=True)]
    write_csv(folder / "learning_rate.csv", rows)
    figures.learning_rate(folder / "learning_rate.png", rates, losses, search.suggestion)
    return search


def each_loss(averages: Sequence[float]) -> Values:
    """The loss of every step, out of Lightning's average of them, which comes fifty steps late."""
    n = np.arange(1, len(averages) + 1)
    sums = np.array(averages) * (1 - FORGETTING ** (n + 1))  # its correction for the beginning is one step off
    before = np.concatenate([[0.0], sums[:-1]])
    losses: Values = (sums - FORGETTING * before) / (1 - FORGETTING)
    return losses


def smooth(losses: Values) -> Values:
    """The mean of the steps around each; fewer at both ends."""
    window = np.ones(SMOOTHING)
    means: Values = np.convolve(losses, window, "same") / np.convolve(np.ones(len(losses)), window, "same")
    return means


def suggest(rates: Values, losses: Values) -> float:
    """A third of the rate at which the loss is lowest: beyond that training begins to break up.

    >>> rates = np.logspace(-6, 0, 7)
    >>> round(suggest(rates, np.array([2.1, 2.1, 2.0, 1.4, 1.2, 1.9, 9.0])), 6)
    0.003333
    """
    return float(rates[losses.argmin()]) / 3
