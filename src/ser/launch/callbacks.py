"""What our callbacks of Hydra share. Nothing heavy is imported: they come before anything else, and for --help too."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, read_write

from ser.config import own
from ser.config.places import conf_dir
from ser.errors import ConfigError
from ser.files import printable

MULTIRUN = "multirun.yaml"  # Hydra's name for the configuration of a sweep, in its folder


class CallbackFailed(BaseException):
    """What a callback raised, its cause.

    Of any Exception there Hydra makes a warning, and goes on; but without its folder no run may begin. Hydra lets a
    BaseException through, and `ser.commands.messages.run_command` raises the cause as if Hydra had let it through.
    """


@contextmanager
def not_swallowed() -> Iterator[None]:
    """Around a callback: what it raises ends the program.

    Raises:
        CallbackFailed: from what the body raised.
    """
    try:
        yield
    except Exception as error:
        raise CallbackFailed from error


def named_folder(config: DictConfig, key: str) -> Path | None:
    """The folder that the command names, by `key` (hydra.run.dir, hydra.sweep.dir) or by resume=<folder>; None: none.

    Raises:
        ConfigError: two are named, or one with an empty name.
    """
    named = {"resume": config.resume} if isinstance(config.resume, str) else {}
    if any(word.startswith(f"{key}=") for word in as_typed(config.hydra.overrides.hydra)):
        named[key] = OmegaConf.select(config, key)
    for name, folder in named.items():
        if not folder:
            raise ConfigError(f"{name} is empty; name a folder, or leave it out")
    if len(named) > 1:
        raise ConfigError(f"resume={config.resume} and {key} both name the folder; leave one of them out")
    return Path(*named.values()).expanduser() if named else None


def stay_here(config: DictConfig) -> bool:
    """Keep Hydra from changing into the run folder: all paths are relative to where the command was given.

    Returns:
        whether it would have done so.
    """
    asked = bool(config.hydra.job.chdir)
    if asked:
        print("hydra.job.chdir is not used: paths are relative to where the command is given", file=sys.stderr)
        with read_write(config), read_write(config.hydra), read_write(config.hydra.job):
            config.hydra.job.chdir = False
    return asked


def refuse_hidden_choices(config: DictConfig) -> None:
    """Refuse a chosen file of the user's own that a shipped one of the same name hides.

    Raises:
        ConfigError: names it.
    """
    sources = [Path(source.path).resolve() for source in config.hydra.runtime.config_sources if source.schema == "file"]
    shipped = conf_dir().resolve()
    behind = sources[sources.index(shipped) + 1 :] if shipped in sources else []
    choices: Any = OmegaConf.to_container(config.hydra.runtime.choices)
    if said := own.hidden(behind, choices):
        raise ConfigError(said)


def as_typed(overrides: ListConfig) -> list[str]:
    """The words of a command, with the interpolations in them."""
    words: Any = OmegaConf.to_container(overrides, resolve=False)
    return [str(word) for word in words]


def without_hydra(config: DictConfig) -> DictConfig:
    """The configuration of a run alone, without Hydra's own part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def holds_a_sweep(folder: Path) -> bool:
    """Whether a sweep has begun in this folder."""
    return (folder / MULTIRUN).exists()


def make(folder: Path, key: str) -> None:
    """Make a folder to write to, that the setting `key` names.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        str(folder.resolve()).encode()
    except UnicodeEncodeError:  # it may lie behind a link
        shown = printable(str(folder.resolve()))
        raise ConfigError(f"{key}: the name of {shown} is not Unicode; set {key}=<folder> to another") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".hydra").mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"paths.outputs: cannot write to {folder} ({error.strerror or error}); set paths.outputs=<folder> or"
            f" {key}=<folder>"
        ) from None
