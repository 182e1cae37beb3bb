"""Every combination of the values on the command line, a run each; what is finished already is left alone."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from ser.errors import ConfigError, ProcessError, ResumeError, SweepError
from ser.launch import sweep_table, workers
from ser.launch.sweep_folder import is_at_work, what_differs
from ser.launch.sweep_table import PlannedRun
from ser.runs.folder import differences
from ser.runs.status import FAILED, FINISHED, NOT_BEGUN

log = logging.getLogger("ser")

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
GO_ON = "the same command with resume=true runs what is missing"


def run_grid(
    arguments: Sequence[str],
    config: DictConfig,
    hydra_context: HydraContext,
    launcher: Launcher,
    *,
    max_batch_size: int | None,
) -> list[Sequence[JobReturn]]:
    """Run what is missing of a grid, keep sweep.csv, and say in the end what became of all.

    Args:
        arguments: the overrides, those with several values among them.
        config: of the sweep; `hydra.sweep.dir` exists.
        max_batch_size: runs handed to the launcher at once; None: all.

    Raises:
        SweepError: a run is not finished.
        ProcessError: a process of the launcher died.
        ConfigError, ResumeError: the sweep cannot begin, or go on.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    folder = Path(config.hydra.sweep.dir)
    planned = _planned(arguments, config, hydra_context, folder)
    missing = [run for run in planned if sweep_table.state(run.folder) != FINISHED]
    at_work = [run for run in missing if is_at_work(run.folder)]
    if at_work:
        numbers = ", ".join(str(run.number) for run in at_work)
        log.warning("a process of an earlier try is at work still on run %s; it is left alone", numbers)
    missing = [run for run in missing if run not in at_work]
    (folder / workers.STOP).unlink(missing_ok=True)  # of a try that was killed
    sweep_table.write_planned(folder, planned)
    sweep_table.update(folder)
    try:
        with _telling(folder, planned), workers.stopping(config):
            results = [
                launcher.launch(
                    [[*run.overrides, f"hydra.sweep.subdir={_quoted(run, folder)}"] for run in group],
                    initial_job_idx=group[0].number,
                )
                for group in _groups(missing, max_batch_size, at_once=config.hydra.launcher._target_ != BASIC)
            ]
    except KeyboardInterrupt:
        log.warning("the sweep was stopped; %s", GO_ON)
        raise
    except Exception as error:
        if not workers.is_of_a_dead_process(error):
            raise
        said = _first_line(error)
        raise ProcessError(
            f"a process of this sweep died, mostly for want of memory or time: {said}; {GO_ON}"
        ) from error
    if not sweep_table.is_complete(folder):
        raise SweepError(f"the sweep in {folder} is not complete; mend what failed: {GO_ON}")
    return results


def _planned(
    arguments: Sequence[str], config: DictConfig, hydra_context: HydraContext, folder: Path
) -> list[PlannedRun]:
    """All runs of the grid. Each is composed, so that what cannot be is told before anything begins."""
    loader = hydra_context.config_loader
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    parsed = [override for override in parsed if override.key_or_group != "resume"]
    [combinations] = BasicSweeper.split_arguments(parsed, None)
    different = what_differs(folder, combinations)
    if different:
        raise ResumeError(
            f"resume: the sweep in {folder} had other runs: {different}; give its command again, with resume, or"
            " begin a new sweep"
        )
    planned: list[PlannedRun] = []
    for number, overrides in enumerate(combinations):
        cfg = loader.load_sweep_config(config, overrides)
        with open_dict(cfg):
            cfg.hydra.job.num = number
            cfg.hydra.job.id = str(number)
        HydraConfig.instance().set_config(cfg)
        run = PlannedRun(number, overrides, folder / str(cfg.hydra.sweep.subdir))
        if run.folder in [other.folder for other in planned]:
            raise ConfigError(f"hydra.sweep.subdir: several runs would share the folder {run.folder}; leave it out")
        if sweep_table.state(run.folder) != NOT_BEGUN:
            changed = differences(run.folder, cfg)
            if changed:
                raise ResumeError(
                    f"resume: the run in {run.folder} had other settings: {'; '.join(changed)}; give its command"
                    " again, with resume, or begin a new sweep"
                )
        planned.append(run)
    HydraConfig.instance().set_config(config)
    return planned


def _groups(planned: Sequence[PlannedRun], size: int | None, *, at_once: bool) -> Iterator[list[PlannedRun]]:
    """Runs to be handed to the launcher together; one after another, their numbers follow each other."""
    group: list[PlannedRun] = []
    for run in planned:
        follows = at_once or not group or run.number == group[-1].number + 1
        if group and (not follows or len(group) == size):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _quoted(run: PlannedRun, folder: Path) -> str:
    return QuotedString(str(run.folder.relative_to(folder)), Quote.single).with_quotes()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


@contextmanager
def _telling(folder: Path, planned: Sequence[PlannedRun]) -> Iterator[None]:
    """Say what became of the runs, however the body ends."""
    try:
        yield
    finally:
        rows = sweep_table.update(folder)
        sweep_table.show(rows, sweep_table.varying(planned))
        failed: dict[str, list[str]] = {}
        for row in rows:
            if row["state"] == FAILED:
                failed.setdefault(row["message"], []).append(str(folder / row["folder"]))
        for message, folders in failed.items():
            log.error("failed: %s: %s", ", ".join(folders), message)
        log.info("%s\nsweep folder %s; all in its %s", sweep_table.counts(rows), folder, sweep_table.TABLE)
        if any(row["state"] == FINISHED for row in rows):
            log.info("to compare them: ser compare %s", shlex.quote(str(folder)))
