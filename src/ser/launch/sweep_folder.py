"""The folder of a sweep: a new one that nobody else uses, or the one of the sweep to go on with."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ser.files import replacing, try_lock
from ser.launch import workers
from ser.launch.run_folder import as_typed, ending_the_program, make
from ser.launch.sweep_table import is_complete, read_jobs, update
from ser.runs.folder import holds_a_run
from ser.runs.names import RUN_LOCK

MULTIRUN = "multirun.yaml"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"

_LOCK = Path(".hydra", "sweep.lock")
_DIR = "hydra.sweep.dir="
# Overrides that may differ between a sweep and its continuation: where and how, not what.
_MAY_DIFFER = ("resume", "launcher", "paths")


class SweepFolder(Callback):
    """Before a sweep: can its folder be made, is it free, does it hold no other? Around each run: sweep.csv is kept.

    With `resume=true` it is the folder of the sweep to go on with: the one that `hydra.sweep.dir` names (begun there if
    it is not), or the newest of the same command; one that is not complete goes before.
    """

    def __init__(self) -> None:
        self.locks: dict[Path, FileLock] = {}
        self.gpus: list[str] = []
        self.is_crew = False

    def __getstate__(self) -> dict[str, Any]:  # it travels to the workers; a lock stays where it was taken
        return {**self.__dict__, "locks": {}}

    @ending_the_program()
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        if config.resume:
            sys.exit("resume=true goes on with a sweep (-m); a single run goes on by ckpt_path=last")
        launcher = config.hydra.runtime.choices.get("launcher")
        if launcher:
            sys.exit(f"launcher={launcher} starts the runs of a sweep; put -m before the other words")

    @ending_the_program()
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        HydraConfig.instance().set_config(config)
        if config.ckpt_path is not None:
            sys.exit(
                "ckpt_path=last goes on with one run; a sweep goes on by resume=true, and one run of it without -m and"
                " by hydra.run.dir=<folder>"
            )
        folder = _to_go_on_with(config) if config.resume else Path(config.hydra.sweep.dir).expanduser()
        if not config.resume and holds_a_run(folder):
            sys.exit(
                f"hydra.sweep.dir: {folder} holds an earlier run, which would be lost; name another folder, or go on"
                " with that sweep by resume=true"
            )
        make(folder, "hydra.sweep.dir")
        if not self._occupy(folder, _LOCK):
            sys.exit(f"hydra.sweep.dir: another sweep is at work in {folder}; wait for it, or name another folder")
        with read_write(config), read_write(config.hydra):
            config.hydra.sweep.dir = str(folder)
            # The configuration of each run is composed anew, from these words.
            words = [word for word in as_typed(config.hydra.overrides.hydra) if not word.startswith(_DIR)]
            config.hydra.overrides.hydra = [*words, f"{_DIR}{QuotedString(str(folder), Quote.single).with_quotes()}"]
            self.is_crew = config.hydra.launcher._target_ == JOBLIB
            if self.is_crew:
                self.gpus = workers.visible_gpus()
                if config.hydra.launcher.n_jobs == -1:
                    config.hydra.launcher.n_jobs = workers.sensible_number(len(self.gpus))
        if not config.resume or _command(folder) is None:
            with replacing(folder / MULTIRUN) as beside:
                OmegaConf.save(config, beside)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._release()

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        if self.is_crew:
            workers.enlist(self.gpus)
            workers.begin(Path(config.hydra.runtime.output_dir).name)
        sweep = Path(config.hydra.sweep.dir)
        if not workers.is_stopped(sweep):
            self._occupy(Path(config.hydra.runtime.output_dir), RUN_LOCK)
            update(sweep)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        folder = Path(config.hydra.runtime.output_dir)
        lock = self.locks.pop(folder, None)
        if lock is not None:
            lock.release()
        update(Path(config.hydra.sweep.dir))
        if self.is_crew:
            workers.end()

    def _occupy(self, folder: Path, name: Path) -> bool:
        """Take a folder for this process; whether it was free."""
        try:
            lock = try_lock(folder / name)
        except Timeout:
            return False
        if lock is not None:
            self.locks[folder] = lock
        return True

    def _release(self) -> None:
        while self.locks:
            self.locks.popitem()[1].release()


def is_at_work(folder: Path) -> bool:
    """Whether a process is at work on the run in this folder; it may be one that outlived its sweep."""
    if not (folder / RUN_LOCK).exists():
        return False
    try:
        lock = try_lock(folder / RUN_LOCK)
    except Timeout:
        return True
    if lock is not None:
        lock.release()
    return False


def _to_go_on_with(config: DictConfig) -> Path:
    """The folder of the sweep to go on with."""
    if any(word.startswith(_DIR) for word in as_typed(config.hydra.overrides.hydra)):
        folder = Path(config.hydra.sweep.dir).expanduser()
        if holds_a_run(folder) and not (folder / MULTIRUN).exists():
            sys.exit(f"resume=true: {folder} holds a run, but no sweep; name the folder of a sweep")
        return folder
    wanted = _what(as_typed(config.hydra.overrides.task))
    outputs = Path(config.paths.outputs).expanduser()
    found = sorted(outputs.rglob(MULTIRUN), key=lambda path: path.stat().st_mtime, reverse=True)
    commands = {path.parent: _command(path.parent) for path in found}
    same = [folder for folder, command in commands.items() if command is not None and _what(command) == wanted]
    for folder in same:
        if not is_complete(folder):
            return folder
    if same:
        return same[0]
    sys.exit(
        f"resume=true: no sweep of this command below {outputs}; give the same command again, or name the sweep by"
        " hydra.sweep.dir=<folder> to see what differs"
    )


def _command(folder: Path) -> list[str] | None:
    """The words of the command that began the sweep in this folder; None where they cannot be read."""
    try:
        words = OmegaConf.select(OmegaConf.load(folder / MULTIRUN), "hydra.overrides.task")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):  # damaged, or not ours
        return None
    return as_typed(words) if isinstance(words, ListConfig) else None


def _what(overrides: Sequence[str]) -> list[str]:
    """The overrides that say what is run."""
    return [word for word in overrides if word.split("=")[0].split(".")[0] not in _MAY_DIFFER]


def what_differs(folder: Path, wanted: list[list[str]]) -> str:
    """How the runs of the sweep in this folder differ from those wanted now; empty if they do not."""
    before = [job.overrides for job in read_jobs(folder)]
    if not before:
        return ""
    if len(before) != len(wanted):
        return f"it had {len(before)} runs, now {len(wanted)}"
    for number, (one, other) in enumerate(zip(before, wanted, strict=True)):
        was = [word for word in _what(one) if word not in other]
        now = [word for word in _what(other) if word not in one]
        if was or now:
            return f"run {number} was {' '.join(was) or 'without'} where it is now {' '.join(now) or 'without'}"
    return ""
