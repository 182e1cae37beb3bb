"""Every combination of the values on the command line, a run each; what is finished already is left alone."""

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from ser.launch import sweep_table, workers
from ser.launch.sweep_folder import JOBLIB, is_at_work, what_differs
from ser.launch.sweep_table import Job
from ser.runs.folder import differences
from ser.runs.status import FAILED, FINISHED

log = logging.getLogger("ser")

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


def run_grid(
    arguments: Sequence[str],
    config: DictConfig,
    hydra_context: HydraContext,
    launcher: Launcher,
    *,
    max_batch_size: int | None,
) -> list[Sequence[JobReturn]]:
    """Run what is missing of a grid, keep sweep.csv, and say in the end what became of all.

    Ends the program with 1 where a run is not finished, with 130 after Ctrl-C, and with what a run said to sys.exit.

    Args:
        arguments: the overrides, those with several values among them.
        config: of the sweep; `hydra.sweep.dir` exists.
        max_batch_size: runs handed to the launcher at once; None: all.
    """
    folder = Path(config.hydra.sweep.dir)
    is_crew = config.hydra.launcher._target_ == JOBLIB
    jobs = _jobs(arguments, config, hydra_context, folder)
    missing = [job for job in jobs if sweep_table.state(job.folder) != FINISHED]
    at_work = [job for job in missing if is_at_work(job.folder)]
    if at_work:
        numbers = ", ".join(str(job.number) for job in at_work)
        log.warning("a process of an earlier try is at work still on run %s; it is left alone", numbers)
    missing = [job for job in missing if job not in at_work]
    (folder / workers.STOP).unlink(missing_ok=True)  # of a try that was killed
    sweep_table.write_jobs(folder, jobs)
    sweep_table.update(folder)
    results: list[Sequence[JobReturn]] = []
    fault: Exception | None = None
    ended: str | int = 0
    try:
        with workers.stopping(folder) if is_crew else nullcontext():
            for group in _groups(missing, max_batch_size, at_once=config.hydra.launcher._target_ != BASIC):
                overrides = [[*job.overrides, f"hydra.sweep.subdir={_quoted(job, folder)}"] for job in group]
                results.append(launcher.launch(overrides, initial_job_idx=group[0].number))
    except (KeyboardInterrupt, SystemExit) as stop:
        ended = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, str) else 130
    except Exception as error:
        fault = error
    _tell(folder, jobs)
    if ended:
        sys.exit(ended)
    if fault is not None and not _is_a_death(fault):
        raise fault
    if fault is not None:
        sys.exit(f"a process of this sweep died, mostly for want of memory or time: {_first_line(fault)}")
    if not sweep_table.is_complete(folder):
        sys.exit(1)
    return results


def _jobs(arguments: Sequence[str], config: DictConfig, hydra_context: HydraContext, folder: Path) -> list[Job]:
    """All runs of the grid. Each is composed, so that what cannot be is told before anything begins."""
    loader = hydra_context.config_loader
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    parsed = [override for override in parsed if override.key_or_group != "resume"]
    [combinations] = BasicSweeper.split_arguments(parsed, None)
    different = what_differs(folder, combinations)
    if different:
        sys.exit(f"resume=true: the sweep in {folder} had other runs: {different}; give the same command again")
    jobs: list[Job] = []
    for number, overrides in enumerate(combinations):
        cfg = loader.load_sweep_config(config, overrides)
        with open_dict(cfg):
            cfg.hydra.job.num = number
            cfg.hydra.job.id = str(number)
        HydraConfig.instance().set_config(cfg)
        job = Job(number, overrides, folder / str(cfg.hydra.sweep.subdir))
        if job.folder in [other.folder for other in jobs]:
            sys.exit(f"hydra.sweep.subdir: several runs would share the folder {job.folder}; leave it out")
        if sweep_table.state(job.folder) != sweep_table.NOT_BEGUN:
            changed = differences(job.folder, OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
            if changed:
                sys.exit(
                    f"resume=true: the run in {job.folder} had other settings: {'; '.join(changed)}; give the same"
                    " command again"
                )
        jobs.append(job)
    HydraConfig.instance().set_config(config)
    return jobs


def _groups(jobs: Sequence[Job], size: int | None, *, at_once: bool) -> Iterator[list[Job]]:
    """Runs to be handed to the launcher together; one after another, their numbers follow each other."""
    group: list[Job] = []
    for job in jobs:
        follows = at_once or not group or job.number == group[-1].number + 1
        if group and (not follows or len(group) == size):
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def _quoted(job: Job, folder: Path) -> str:
    return QuotedString(str(job.folder.relative_to(folder)), Quote.single).with_quotes()


def _is_a_death(error: Exception) -> bool:
    """Whether a launcher says so that a process of its ended before its run did."""
    return type(error).__module__.partition(".")[0] in ("joblib", "submitit")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def _tell(folder: Path, jobs: Sequence[Job]) -> None:
    """What became of the runs, and what comes next."""
    rows = sweep_table.update(folder)
    sweep_table.show(rows, sweep_table.varying(jobs))
    failed: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] == FAILED:
            failed.setdefault(row["message"], []).append(str(folder / row["folder"]))
    for message, folders in failed.items():
        log.error("failed: %s: %s", ", ".join(folders), message)
    log.info("%s\nsweep folder %s; all in its %s", sweep_table.counts(rows), folder, sweep_table.TABLE)
    if not sweep_table.is_complete(folder):
        log.warning("the same command with resume=true runs what is missing")
    if any(row["state"] == FINISHED for row in rows):
        log.info("to compare them: ser-compare %s", shlex.quote(str(folder)))
