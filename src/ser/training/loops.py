"""Lightning's loops as a run uses them: training with its refusals in one message, and answers in the clips' order."""

import logging
from pathlib import Path
from traceback import walk_tb

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from ser.errors import ConfigError
from ser.training import processes
from ser.training.data import Item, SpeechData
from ser.training.interruption import Interrupted
from ser.training.recognizer import EmotionRecognizer

log = logging.getLogger("ser")


def fit(trainer: pl.Trainer, recognizer: EmotionRecognizer, data: SpeechData, last: Path | None) -> Interrupted | None:
    """Train to the end, or to a Ctrl-C, which is returned; begin with the checkpoint `last`, if there is one.

    Raises:
        ConfigError: Lightning, or a callback of its own, refuses to train.
    """
    if last:
        log.info("going on from %s", last)
    try:
        trainer.fit(recognizer, datamodule=data, ckpt_path=last, weights_only=True)
    except Interrupted as stop:
        return stop
    except (MisconfigurationException, RuntimeError) as error:  # such as a callback that watches an unknown score
        if not isinstance(error, MisconfigurationException) and not _is_of_a_callback(error):
            raise
        raise ConfigError(f"Lightning refuses to train: {' '.join(str(error).split())}") from None
    return None


def _is_of_a_callback(error: Exception) -> bool:
    """Whether a callback of Lightning's own has raised this, and not, say, a GPU without memory."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    raised_in = str(frame.f_globals.get("__name__"))
    return type(error) is RuntimeError and raised_in.startswith("pytorch_lightning.callbacks")


def predict(
    trainer: pl.Trainer, recognizer: EmotionRecognizer, clips: DataLoader[Item]
) -> tuple[list[int], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Places of the clips heard, of a part all unless the Trainer was told to hear fewer; their probabilities
    (n_clips, n_classes) as they are, and the mean of their views if there are any.
    """
    outputs = processes.gather(trainer.predict(recognizer, clips) or [])
    places, plain, views = (torch.cat(tensors) for tensors in zip(*outputs, strict=True))
    order = places.argsort()
    return places[order].tolist(), plain[order].numpy(), views[order].numpy() if recognizer.n_views else None
