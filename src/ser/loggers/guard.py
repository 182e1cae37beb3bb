"""The loggers of a run; one that fails is told once and left alone: training goes on."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import shorten
from typing import Any

from ser.config.build import build
from ser.errors import Aborted, ConfigError
from ser.loggers.base import Job, Logger, Results
from ser.loggers.csv import Csv

log = logging.getLogger("ser")


def build_loggers(settings: Mapping[str, Any]) -> dict[str, Logger]:
    """The loggers that the group `logger` of the configuration names, but for csv, which has nothing to do.

    Raises:
        ConfigError: a setting that does not exist, or a package that is missing.
    """
    offline = settings.get("offline", False)
    if not isinstance(offline, bool):
        raise ConfigError(f"logger.offline must be true or false; got {offline!r}")
    made: dict[str, Logger] = {}
    for name, component in settings.items():
        if name == "offline":
            continue
        given = {"offline": offline} if name == "wandb" else {}
        made[name] = build(f"logger.{name}", component, **given)
    return {name: logger for name, logger in made.items() if not isinstance(logger, Csv)}


class Loggers:
    """Tells all loggers of a run, and never raises: whoever raises is told of in one warning, and nothing any more.

    Args:
        loggers: by name; none in a process that is not the main one.
    """

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self._alive = dict(loggers)
        self._job: Job | None = None
        self._interrupted = False

    def __bool__(self) -> bool:
        return bool(self._alive)

    @contextmanager
    def running(self, job: Job) -> Iterator[None]:
        """Start a job, and close it however the body ends."""
        self._job, self._interrupted = job, False
        self._tell("start", job)
        exit_code = 1
        try:
            yield
            exit_code = 130 if self._interrupted else 0
        except (KeyboardInterrupt, Aborted):
            exit_code = 130
            raise
        finally:
            self._tell("close", exit_code)

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        """As `Logger.log_epoch`."""
        self._tell("log_epoch", epoch, scores)

    def log_results(self, results: Results) -> None:
        """As `Logger.log_results`."""
        self._interrupted = "interrupted" in results.scores
        self._tell("log_results", results)

    def _tell(self, what: str, *arguments: Any) -> None:
        assert self._job is not None
        for name, logger in list(self._alive.items()):
            try:
                getattr(logger, what)(*arguments)
            except Exception as error:
                del self._alive[name]
                log.warning(
                    "logging to %s has stopped: %s; the run goes on, and its files in %s are complete without it",
                    *(name, shorten(f"{type(error).__name__}: {error}", 200), self._job.folder),
                )
