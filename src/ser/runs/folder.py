"""What is in a run folder, and whether its run came to its end."""

import json
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from ser.config.dotted import leaves

RUN_LOCK = Path(".hydra", "run.lock")  # taken as long as a run is at work in a folder; it stays

# Of the configuration, between a run (or a sweep) and its continuation: where and how, not what.
MAY_DIFFER = ("hydra", "resume", "launcher", "paths", "logger")


def holds_a_run(folder: Path) -> bool:
    """Whether a run, or a sweep of runs, has written its results here or begun to."""
    return any(folder.glob("split.csv")) or any(folder.glob("*/split.csv"))


def is_finished(folder: Path) -> bool:
    """Whether the run, or fold, in this folder came to its end; one that was stopped by Ctrl-C did not."""
    try:
        return "interrupted" not in json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # damaged
        return False


def is_unfinished(folder: Path) -> bool:
    """Whether the run in this folder was killed, or stopped by Ctrl-C."""
    return holds_a_run(folder) and not is_finished(folder)


def can_go_on(folder: Path) -> bool:
    """Whether a run that was stopped has left something to go on from: a checkpoint, or a finished fold."""
    return any(folder.rglob("checkpoints/last.ckpt")) or any(folder.glob("fold-*/metrics.json"))


def differences(folder: Path, config: DictConfig) -> list[str]:
    """Where the configuration of the run in `folder` differs, such as "seed was 0, now 1"."""
    path = folder / ".hydra" / "config.yaml"
    try:
        before = dict(leaves(OmegaConf.to_container(OmegaConf.load(path))))
    except (OSError, ValueError, YAMLError):
        return [f"{path} cannot be read"]
    now = dict(leaves(OmegaConf.to_container(config)))
    names = [name for name in before.keys() | now.keys() if name.split(".")[0] not in MAY_DIFFER]
    return [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in sorted(names)
        if before.get(name) != now.get(name)
    ]
