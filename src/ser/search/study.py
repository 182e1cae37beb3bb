"""The search: asks Optuna for trials, has Hydra's launcher run them, and tells Optuna their validation UAR."""

import hashlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from ser.config.extras import need
from ser.errors import ConfigError, ProcessError, ResumeError
from ser.launch import workers
from ser.launch.callbacks import without_hydra
from ser.runs import status
from ser.runs.dimensions.results import read_any_results
from ser.runs.folder import differences
from ser.runs.names import CONFIG, LOG
from ser.search import report, space
from ser.search.database import open_database, sqlite_url
from ser.search.settings import Settings
from ser.search.trial import TRIAL, Trial

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

MAX_FAILURES = 3  # a search that begins with so many is ended: they have a cause in common
# A trial speaks in its own train.log; the search has a line for each.
QUIET = "++hydra.job_logging.handlers.console.level=CRITICAL"


class Search:
    """A search in a sweep folder: a new one, or one to go on with.

    Args:
        settings: those of the search.
        config: the composed configuration, with Hydra's own.
        loader: composes the configuration of a trial.
        launcher: runs trials, one after the other or several at once.
        arguments: the overrides of the command line that are not Hydra's own.

    Raises:
        ConfigError: Optuna is missing, the search space is wrong, or a setting in it does not exist.
    """

    def __init__(
        self, settings: Settings, config: DictConfig, loader: ConfigLoader, launcher: Launcher, arguments: list[str]
    ) -> None:
        need("a search", "optuna", extra="search")
        if config.check:
            raise ConfigError(f"check={config.check}: the best settings of a check are good for nothing; leave it out")
        self.settings, self.config, self.loader, self.launcher = settings, config, loader, launcher
        self.folder = Path(config.hydra.sweep.dir)
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
        self.space = space.read_space(settings.params, overrides)
        self.fixed = [
            str(override.input_line)
            for override in overrides
            if not override.is_sweep_override() and override.key_or_group != "resume"
        ]

    def run(self) -> None:
        """Run trials until there are `n_trials`, and report.

        Raises:
            SerError: the search cannot begin or go on, or the first trials all failed.
        """
        for point in space.corners(self.space):  # refused now, and not when it is first drawn
            self.loader.load_sweep_config(self.config, self._overrides(point))
        logging.getLogger("hydra").setLevel(logging.WARNING)
        logging.getLogger("hydra_plugins").setLevel(logging.WARNING)
        url = self.settings.storage or sqlite_url(self.folder)
        name = "search" if self.settings.storage is None else str(self.folder.resolve())
        self.study = self._open(url, name)
        try:
            left = self._left_over()
            while batch := self._batch(left):
                left = left[len(batch) :]
                self._launch(batch, url, name)
                report.write(self.folder, self.study, self.space)
                self._check_failures()
        except KeyboardInterrupt:
            print("the search was stopped; the same command with resume=true goes on", file=sys.stderr)
            raise
        best = self._best_overrides()
        report.write(self.folder, self.study, self.space, best)
        print(report.summary(self.folder, self.study, self.space, best))

    def _open(self, url: str, name: str) -> "Study":
        """The study, new or as it was left."""
        import optuna

        storage = open_database(url)
        known = {summary.study_name for summary in optuna.get_all_study_summaries(storage, include_best_trial=False)}
        if name not in known:
            study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
            study.set_user_attr("space", _to_json(self.space))
            study.set_user_attr(report.SCORE, "ccc" if self.config.task.name == "dimensions" else "uar")
            OmegaConf.save(without_hydra(self.config), self.folder / CONFIG)
            return study
        if not self.config.resume:
            raise ConfigError(
                f"hydra.sweep.dir: {self.folder} holds an earlier search, which would be lost; name another folder, or"
                " go on with that search by resume=true"
            )
        study = optuna.load_study(study_name=name, storage=storage)
        different = space.differences(_from_json(study.user_attrs["space"]), self.space)
        different += differences(self.folder, self.config)
        if different:
            raise ResumeError(
                f"resume: the search in {self.folder} had other settings: {'; '.join(different)}; give its command"
                " again, with resume, or begin a new search"
            )
        return study

    def _left_over(self) -> list[int]:
        """Trials that were at work when the search was stopped; those that had come to their end are told."""
        from optuna.trial import TrialState

        left = []
        for trial in self.study.get_trials(states=[TrialState.RUNNING]):
            before = status.read_status(self.folder / str(trial.number))
            if trial.params.keys() != self.space.keys():
                self._tell(trial.number, None, status.FAILED)  # stopped while it was drawn
            elif before is None or before.state == status.INTERRUPTED:
                left.append(trial.number)
            else:
                value = _validation_score(self.folder / str(trial.number)) if before.state == status.FINISHED else None
                self._tell(trial.number, value, before.state)
        return left

    def _batch(self, left: Sequence[int]) -> list[int]:
        """The trials to run next, as many at once as the launcher can."""
        n_jobs = _n_jobs(self.config)
        if left:
            return list(left[:n_jobs])
        n_more = min(n_jobs, self.settings.n_trials - self._n_begun())
        return [self._ask() for _ in range(n_more)]

    def _n_begun(self) -> int:
        """Trials that were asked for: all but those that a user has put into the study's queue."""
        return sum(trial.state.name != "WAITING" for trial in self.study.get_trials(deepcopy=False))

    def _ask(self) -> int:
        """Draw a new trial; its random numbers depend on the seed and its number alone, after a stop too."""
        from optuna.samplers import TPESampler

        digest = hashlib.sha256(f"{self.config.seed} {self._n_begun()}".encode()).digest()
        self.study.sampler = TPESampler(
            n_startup_trials=self.settings.startup_trials,
            seed=int.from_bytes(digest[:4], "big"),
            constant_liar=True,  # trials at work count as bad ones, so that those drawn along are elsewhere
        )
        return self.study.ask(fixed_distributions=self.space).number

    def _launch(self, numbers: Sequence[int], url: str, name: str) -> None:
        """Run trials at once, and tell how each ended."""
        jobs = []
        for number in numbers:
            folder = self.folder / str(number)
            Trial(url, name, number, self.settings.pruner).write(folder)
            jobs.append([*self._overrides(self._trial(number).params), f"hydra.sweep.subdir={number}", QUIET])
        try:
            with workers.stopping(self.config):
                results = self.launcher.launch(jobs, initial_job_idx=numbers[0])
        except Exception as error:
            if not workers.is_of_a_dead_process(error):
                raise
            self._left_over()
            report.write(self.folder, self.study, self.space)
            raise ProcessError(
                f"the search was ended with a process that died ({type(error).__name__}: {error}); the same command"
                " with resume=true goes on"
            ) from error
        for number, result in zip(numbers, results, strict=True):
            self._tell(number, *_ending(self.folder / str(number), result))
            (self.folder / str(number) / TRIAL).unlink(missing_ok=True)

    def _tell(self, number: int, value: float | None, state: str) -> None:
        from optuna.trial import TrialState

        states = {status.FINISHED: TrialState.COMPLETE, status.PRUNED: TrialState.PRUNED}
        if state == status.FINISHED and value is None:
            state = status.FAILED  # no epoch was finished
        self.study.tell(number, value, state=states.get(state, TrialState.FAIL))
        print(report.line(self.folder, self.study, self.space, self._trial(number), self.settings.n_trials))

    def _trial(self, number: int) -> "FrozenTrial":
        return self.study.get_trials(deepcopy=False)[number]

    def _overrides(self, point: dict[str, Any]) -> list[str]:
        return [*self.fixed, *(f"{key}={space.word(self.space[key], value)}" for key, value in point.items())]

    def _check_failures(self) -> None:
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False)
        if len(trials) >= min(MAX_FAILURES, self.settings.n_trials) and all(
            trial.state == TrialState.FAIL for trial in trials
        ):
            before = status.read_status(self.folder / "0")
            raise ConfigError(
                f"the search is ended, since its first {len(trials)} trials failed; the first: "
                f"{before.message if before else 'it has left no word'}; see {self.folder / '0' / LOG}"
            )

    def _best_overrides(self) -> list[str]:
        """What trains the best trial again, without the search."""
        from ser.search.rerun import overrides_of

        best = report.best_trial(self.study)
        return [] if best is None else overrides_of(self.loader, self.config, self._overrides(best.params))


def _validation_score(folder: Path) -> float | None:
    """What a finished run has returned; of metrics.json nothing else is looked at."""
    return read_any_results(folder).main_validation


def _ending(folder: Path, result: JobReturn) -> tuple[float | None, str]:
    """Validation UAR, if the run came to its end, and how it ended."""
    before = status.read_status(folder)
    if result.status != JobStatus.COMPLETED or before is None:
        return None, status.FAILED
    if before.state == status.FINISHED and result.return_value is not None:
        return float(result.return_value), status.FINISHED
    return None, status.PRUNED if before.state == status.PRUNED else status.FAILED


def _n_jobs(config: DictConfig) -> int:
    """How many runs the launcher has at work at once."""
    launcher = config.hydra.launcher
    n_jobs = launcher.get("n_jobs") or launcher.get("array_parallelism") or 1
    if n_jobs < 0:
        import joblib

        return int(joblib.effective_n_jobs(n_jobs))
    return int(n_jobs)


def _to_json(searched: space.Space) -> dict[str, str]:
    from optuna.distributions import distribution_to_json

    return {key: distribution_to_json(distribution) for key, distribution in searched.items()}


def _from_json(stored: dict[str, str]) -> space.Space:
    from optuna.distributions import json_to_distribution

    return {key: json_to_distribution(text) for key, text in stored.items()}
