"""What a logger is told of a run."""

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.runs.predictions import Predictions
from ser.runs.report import SCORES

ROOM = 1 << 20  # bytes on the disk of a logger
TRAIN, FOLD, POOLED = "train", "fold", "pooled"


@dataclass(frozen=True)
class Job:
    """One training, or the pooled result of several.

    Attributes:
        folder: its run folder.
        kind: train, fold (one of several of the same command) or pooled (all those together).
        name: short and readable, from what was asked for on the command line.
        group: the sweep, or the command whose folds belong together; None for a run by itself.
        tags: words to find it by.
        config: the resolved configuration, nested, and what it was applied to: corpus and protocol.
    """

    folder: Path
    kind: str
    name: str
    group: str | None
    tags: list[str]
    config: dict[str, Any]


@dataclass(frozen=True)
class Results:
    """A tested run.

    Attributes:
        scores: what its metrics.json says.
        predictions: what its predictions.csv says.
        clips: waveforms (samples,) by utterance.
        sample_rate: of the clips, in Hz.
    """

    scores: Mapping[str, Any]
    predictions: Predictions
    clips: Mapping[str, npt.NDArray[np.floating[Any]]]
    sample_rate: int


class Logger:
    """Is told of one job after another: `start`, `log_epoch` for each, `log_results`, `close`. Any may raise."""

    def start(self, job: Job) -> None:
        """Begin with a job; or go on with it, where its folder says that it was begun before."""

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Take the scores of a finished epoch (from 1): train/loss, val/..., lr, grad_norm, clips_per_s."""

    def log_results(self, results: Results) -> None:
        """Take the result of the test."""

    def close(self, exit_code: int) -> None:
        """End the job; 0: it came to its end."""


def check_room(folder: Path) -> None:
    """Find out whether the disk of a logger's files is full: W&B writes less then without a word, TensorBoard raises
    where nobody can catch it.

    Raises:
        OSError: there is no room.
    """
    if shutil.disk_usage(folder).free < ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def scalars(scores: Mapping[str, Any]) -> dict[str, float]:
    """The single numbers of metrics.json: test/..., and validation/... of the epoch kept.

    >>> scalars({"uar": 0.5, "accuracy": 0.6, "macro_f1": 0.4, "weighted_f1": 0.6, "validation": {"epoch": 3}})
    {'test/accuracy': 0.6, 'test/uar': 0.5, 'test/macro_f1': 0.4, 'test/weighted_f1': 0.6, 'validation/epoch': 3}
    """
    return {
        **{f"test/{name}": scores[name] for name in SCORES},
        **{f"validation/{name}": value for name, value in (scores["validation"] or {}).items()},
    }
