"""What a logger is told of a run."""

import errno
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from ser.runs.assessment import Assessment
from ser.runs.dimensions.results import DimensionResults
from ser.runs.names import MAIN_SCORES
from ser.runs.results import Results, plain
from ser.runs.tested import Tested
from ser.store.recordings import Recordings

log = logging.getLogger("ser")

_ENDS = ("low", "high")  # of an interval
ROOM = 1 << 20  # bytes on the disk of a logger
RUN_ID = "WANDB_RUN_ID"  # W&B's variable
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
        outputs: folder of all runs, as `paths.outputs` names it.
        config: the configuration, nested, and what it was applied to: corpus and protocol.
        is_first: whether it stands for its command: the run, the pooled result, or of a sweep the first of those. An
            id that was given from outside is for it alone.
    """

    folder: Path
    kind: str
    name: str
    group: str | None
    tags: list[str]
    outputs: Path
    config: dict[str, Any]
    is_first: bool = True


def own_id(job: Job) -> str | None:
    """A new id for a job that W&B's variable for one is not meant for: runs with one id are glued together.

    None where there is no such variable, or where it is meant for this job. Once a process it is said.
    """
    if job.is_first or not os.environ.get(RUN_ID):
        return None
    say_once(f"{RUN_ID} is for one run, the pooled or the first one; the others get ids of their own")
    return uuid4().hex[:8]


@cache
def say_once(remark: str) -> None:
    """Log a remark, once a process."""
    log.info(remark)


class Logger:
    """Is told of one job after another: `start`, `log_epoch` for each, `log_results`, `close`. Any may raise."""

    def start(self, job: Job) -> None:
        """Begin with a job; or go on with it, where its folder says that it was begun before."""

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Take the scores of a finished epoch (from 1): train/loss, val/..., lr, grad_norm, clips_per_s.

        Where there is no such score, as of an epoch that was not validated, it is left out.
        """

    def log_results(self, evaluation: Tested, recordings: Recordings) -> None:
        """Take the result of the test; its files lie in the run folder. `recordings`: all clips of the corpus."""

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


def score_on_test(score: str) -> str:
    """What loggers call a score of the test."""
    return f"test/{score}"


def score_on_validation(score: str) -> str:
    """What loggers call a score of the epoch kept."""
    return f"validation/{score}"


def scalars(results: Results | DimensionResults) -> dict[str, float]:
    """The single numbers of a result.

    Of dimensions: test/ccc and so on, with test/ccc_low and test/ccc_high, and test/ccc_arousal and so on. Of emotions:

    test/accuracy and so on, with test/accuracy_low and test/accuracy_high of its interval; chance/accuracy and so on,
    majority/..., listeners/accuracy; test/ece and so on of the probabilities; and of the epoch kept validation/epoch
    and so on.
    """
    if isinstance(results, DimensionResults):
        return _of_dimensions(results)
    validation, listeners = results.facts.validation, results.facts.corpus.listeners
    calibration = results.calibration
    return {
        **{score_on_test(name): value for name, value in results.scores.by_name.items()},
        **(_assessed(results.assessment) if results.assessment else {}),
        **({"listeners/accuracy": listeners.accuracy} if listeners else {}),
        **{score_on_test(name): value for name, value in (calibration.by_name if calibration else {}).items()},
        **{score_on_validation(name): value for name, value in (plain(validation) if validation else {}).items()},
    }


def _of_dimensions(results: DimensionResults) -> dict[str, float]:
    validation, intervals = results.validation, results.whole.intervals or {}
    ends = {f"{name}_{end}": value for name, ends in intervals.items() for end, value in zip(_ENDS, ends, strict=True)}
    each = {f"ccc_{name}": scores.ccc for name, scores in results.per_dimension.items()}
    return {
        **{score_on_test(name): value for name, value in {**results.whole.by_name, **ends, **each}.items()},
        **{score_on_validation(name): value for name, value in (plain(validation) if validation else {}).items()},
    }


def _assessed(assessment: Assessment) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name in MAIN_SCORES:
        low, high = getattr(assessment.intervals, name)
        numbers |= {score_on_test(f"{name}_low"): low, score_on_test(f"{name}_high"): high}
        numbers |= {f"chance/{name}": assessment.baselines.chance[name]}
        numbers |= {f"majority/{name}": assessment.baselines.majority[name]}
    return numbers
