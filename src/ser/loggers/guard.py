"""The loggers of a run; one that fails is told once and left alone: training goes on."""

import inspect
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException
from pytorch_lightning.loggers import Logger as LightningLogger

from ser.config.build import build, build_object
from ser.errors import Aborted, ConfigError
from ser.loggers.base import Job, Logger, own_id
from ser.runs.tested import Tested
from ser.store.recordings import Recordings

log = logging.getLogger("ser")

# What Lightning tells its own loggers.
LIGHTNING_TELLS = ("log_hyperparams", "log_metrics", "log_graph", "save", "after_save_checkpoint", "finalize")


class Loggers:
    """Tells all loggers of a run, and never raises: whoever raises is told of in one warning, and nothing any more.

    Args:
        ours: by name.
        lightning: settings of Lightning's own loggers, by name; each training has fresh ones, told by its Trainer.
    """

    def __init__(
        self, ours: Mapping[str, Logger] | None = None, lightning: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._ours, self._lightning = dict(ours or {}), dict(lightning or {})
        self._failed: set[str] = set()
        self._job: Job | None = None
        self._interrupted = False

    def __bool__(self) -> bool:
        """Whether any of ours is there to be told."""
        return not self._ours.keys() <= self._failed

    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        """Start a job, and close it however the body ends."""
        self._job, self._interrupted = job, False
        self._tell_all("start", job)
        exit_code = 1
        try:
            yield
            exit_code = 130 if self._interrupted else 0
        except (KeyboardInterrupt, Aborted):
            exit_code = 130
            raise
        finally:
            self._tell_all("close", exit_code)
            for name in self._lightning:
                self._tell(name, _end_run)

    def for_trainer(self, folder: Path) -> list[LightningLogger]:
        """Fresh loggers of Lightning's own for the Trainer of the job at work, whose files lie in `folder`.

        Raises:
            ConfigError: one cannot be made.
        """
        made = []
        for name, settings in self._lightning.items():
            if name in self._failed:
                continue
            known = _parameters(settings)
            given = {"save_dir": str(folder)} if "save_dir" in known else {}
            if "id" in known and self._job is not None and (id_ := own_id(self._job)):
                given["id"] = id_
            logger: LightningLogger = build_object(f"logger.{name}", {**given, **settings})
            for method in LIGHTNING_TELLS:
                setattr(logger, method, partial(self._tell, name, getattr(logger, method)))
            self._tell(name, getattr, logger, "experiment", None)  # the Trainer would ask for it first
            if name not in self._failed:
                made.append(logger)
        return made

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        """As `Logger.log_epoch`."""
        self._tell_all("log_epoch", epoch, scores)

    def log_results(self, evaluation: Tested, recordings: Recordings) -> None:
        """As `Logger.log_results`."""
        self._interrupted = evaluation.results.facts.interrupted is not None
        self._tell_all("log_results", evaluation, recordings)

    def _tell_all(self, what: str, *arguments: Any) -> None:
        for name, logger in self._ours.items():
            self._tell(name, getattr(logger, what), *arguments)

    def _tell(self, name: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        if name in self._failed:
            return
        try:
            call(*arguments, **named)
        except Exception as error:
            assert self._job is not None
            self._failed.add(name)
            log.warning(
                "logging to %s has stopped: %s; the run goes on, and its files in %s are complete without it",
                *(name, shorten(f"{type(error).__name__}: {error}", 200), self._job.folder),
            )


def _end_run() -> None:
    """End the run of Lightning's W&B logger, which leaves it open: the next training would write into it."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


def build_loggers(group: Mapping[str, Any]) -> Loggers:
    """The loggers that the group `logger` of the configuration names, ours or Lightning's; null takes one away.

    Raises:
        ConfigError: a class or a setting that does not exist, or a package that is missing.
    """
    ours: dict[str, Logger] = {}
    lightning: dict[str, Mapping[str, Any]] = {}
    for name, settings in group.items():
        if settings is None:
            continue
        if not isinstance(settings, Mapping) or "_target_" not in settings:
            raise ConfigError(
                f"logger.{name}: it is not chosen; add logger={name}, or name a class: logger.{name}._target_="
            )
        kind = _class_of(settings)
        if kind is None or issubclass(kind, Logger):  # of none, `build` says what is wrong
            ours[name] = build(f"logger.{name}", settings, Logger)
        elif issubclass(kind, LightningLogger):
            _check_arguments(name, settings)
            lightning[name] = settings
        else:
            raise ConfigError(
                f"logger.{name}: {settings['_target_']} is no logger: neither a ser.loggers.base.Logger, nor a"
                " pytorch_lightning.loggers.Logger"
            )
    return Loggers(ours, lightning)


def _class_of(settings: Any) -> type | None:
    try:
        return hydra.utils.get_class(settings["_target_"])
    except (KeyError, TypeError, ImportError, ValueError, InstantiationException):
        return None


def _parameters(settings: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(hydra.utils.get_class(settings["_target_"])).parameters


def _check_arguments(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse what a class of Lightning's does not take; it is made only when training begins."""
    arguments = {key: value for key, value in settings.items() if not key.startswith("_")}
    target = settings["_target_"]
    given = {"save_dir": ""} if "save_dir" in _parameters(settings) else {}
    try:
        inspect.signature(hydra.utils.get_class(target)).bind(**{**given, **arguments})
    except TypeError as error:
        raise ConfigError(f"logger.{name}: {target} cannot be made: {error}") from None
