"""`ser find-lr`: a short training in which the learning rate rises with every step, and the loss is watched."""

import logging
import math
import os
import sys
from pathlib import Path

import click
import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ser.commands.messages import messages, run_command
from ser.config.places import conf_dir
from ser.config.schema import Config, read_config, register
from ser.errors import ConfigError
from ser.files import replacing, write_csv

log = logging.getLogger("ser")

LOWEST, HIGHEST = 1e-6, 1.0
N_STEPS = 100
# Lightning's average of the loss spans as many, and before training moves, its slope is noise over tiny differences of
# the rate: the steepest of all.
N_SKIPPED = 50

EXAMPLES = """\b
Examples:
  ser find-lr
  ser find-lr corpus=ravdess model=crnn feature=mfcc
  ser find-lr feature=waveform model=finetune

Settings and choices are those of ser train: see ser train --help. docs/training.md tells how to read the curve."""

register()


@click.command("find-lr", epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...", type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    """Find a learning rate for a configuration, by a hundred steps of training.

    Prints a rate for optim.lr, and leaves learning_rate.csv and learning_rate.png in a folder of its own.
    """
    if {"-m", "--multirun"} & set(words):
        raise click.UsageError("a learning rate is searched for one configuration at a time; leave -m out.")
    folder = "hydra.run.dir=${paths.outputs}/${now:%Y-%m-%d}/${now:%H-%M-%S-%f}-find_lr"
    own = [] if any(word.startswith("hydra.run.dir=") for word in words) else [folder]
    sys.argv = ["ser find-lr", *words, *own, "hydra.job.name=find_lr"]
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # a bar is for a terminal
    run_command(_find)


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _find(cfg: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    with messages():
        rate = find(read_config(cfg), folder)
    log.info("suggested: optim.lr=%.2g, where the loss falls most steeply", rate)
    log.info("the curve is in %s", folder)


def find(config: Config, folder: Path) -> float:
    """Search the learning rate of a configuration on its (first) fold, as Smith (2017), arXiv 1506.01186, does.

    Leaves learning_rate.csv (the rate of each step, and the loss as Lightning averages it) and learning_rate.png in
    `folder`.

    Returns:
        the rate at which the loss falls most steeply.

    Raises:
        SerError: something that the user can mend.
    """
    import pytorch_lightning as pl
    from matplotlib.figure import Figure
    from pytorch_lightning.tuner.tuning import Tuner

    from ser.colors import BLUE, VERMILION
    from ser.preparation import prepare
    from ser.training import interruption, processes
    from ser.training.trainer import bare_trainer

    if processes.is_distributed(config.trainer):
        raise ConfigError("trainer: the learning rate is searched by one process; leave out trainer=ddp")
    if (folder / "learning_rate.csv").exists():
        raise ConfigError(f"hydra.run.dir: {folder} holds an earlier search, which would be lost; name another folder")
    prepared = prepare(config, folder)
    split = prepared.folds[0]
    pl.seed_everything(config.seed, workers=True, verbose=False)
    trainer = bare_trainer(
        config.trainer, folder, max_epochs=N_STEPS, check_val_every_n_epoch=N_STEPS + 1, callbacks=[]
    )
    recognizer = prepared.recognizer(split)
    if recognizer.is_solved:
        raise ConfigError("model: is solved and has no learning rate; choose one that is trained, such as model=resnet")
    for part in recognizer.own_rates:  # it is the others' rate that is searched
        part.requires_grad_(False)
    log.info("trying %d learning rates from %g to %g", N_STEPS, LOWEST, HIGHEST)
    with interruption.ending():
        found = Tuner(trainer).lr_find(
            recognizer,
            datamodule=prepared.data(split),
            min_lr=LOWEST,
            max_lr=HIGHEST,
            num_training=N_STEPS,
            update_attr=False,
        )
    if found is None:
        raise ConfigError("trainer.fast_dev_run: no learning rate can be searched in so few steps; leave it out")
    curve = [pair for pair in zip(found.results["lr"], found.results["loss"], strict=True) if math.isfinite(pair[1])]
    if not curve:
        raise ConfigError(
            "loss: it is no number even at the lowest learning rate; look at loss.* and trainer.precision"
        )
    rate = found.suggestion(skip_begin=N_SKIPPED) if len(curve) >= N_SKIPPED + 3 else None
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*curve, strict=True), color=BLUE)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, averaged over the steps")
    axes.grid(alpha=0.3)
    if rate is not None:
        axes.plot(rate, dict(curve)[rate], "o", color=VERMILION, label=f"suggested: {rate:.2g}")
        axes.legend()
        # Lightning's average begins far too low, and ends where the loss explodes: neither is shown.
        start, low = curve[N_SKIPPED // 2], min(loss for _, loss in curve[N_SKIPPED // 2 :])
        room = max(start[1] - low, 1e-3)
        axes.set(xlim=(start[0], None), ylim=(low - 0.2 * room, start[1] + 0.6 * room))
    with replacing(folder / "learning_rate.png") as beside:
        figure.savefig(beside, dpi=120)
    write_csv(folder / "learning_rate.csv", [{"lr": tried, "loss": loss} for tried, loss in curve])
    if rate is None:
        raise ConfigError(
            f"loss: training breaks up at a learning rate of {curve[-1][0]:.2g} already; set optim.lr lower, as the"
            f" curve in {folder} shows"
        )
    return rate
