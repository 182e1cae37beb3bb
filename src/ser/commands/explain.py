"""What Hydra and OmegaConf raise before a run, in one message with the way out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from ser.config import choices, own
from ser.config.build import wanted
from ser.config.extras import missing
from ser.config.places import conf_dir
from ser.config.schema import hint_of, unknown


def explain(error: Exception, words: Sequence[str] = ()) -> str:
    """What was wrong with the command, in one message with the way out.

    Args:
        error: what was raised before the run.
        words: of the command.
    """
    folders = own.folders(words)
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: cannot be read; write name=value, and quote a value with special characters:"
            " 'corpus.root=\"my folder (1)\"'; --help lists the names"
        )
    if fault := own.fault(folders, words, str(error)):
        return fault
    if isinstance(error, UnicodeDecodeError):  # which does not tell in which file
        return f"a YAML file of your own is not UTF-8 ({error.reason}); save it as UTF-8"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _explain_missing(error, folders)
    if composing := _COMPOSING.match(str(error)):
        return _explain_composing(composing, folders)
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return _explain_key(str(cause.full_key), cause.parent_node)
    if isinstance(cause, ValidationError) and cause.full_key and (hint := hint_of(str(cause.full_key))):
        return _explain_value(str(cause.full_key), hint, str(cause))
    if isinstance(cause, OmegaConfBaseException) and str(cause).startswith("Cannot merge DictConfig with"):
        return f"{cause.full_key} must be a mapping, as '{cause.full_key}={{name: value}}'"
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: {own.first_line(cause)}"
    return f"{error}\n--help lists groups and settings"


# What Hydra says of a file that does not fit to the others: its name, what is wrong, and perhaps the key.
_COMPOSING = re.compile(
    r"In '([^']+)': \w+ raised while composing config:\s*(.*?)(?:\n\s+full_key: (\S*).*)?$", re.DOTALL
)


def _explain_composing(said: re.Match[str], folders: Sequence[Path]) -> str:
    name, problem, key = said[1], " ".join(said[2].split()), said[3] or ""
    file = next((file for folder in folders if (file := folder / f"{name}.yaml").is_file()), name)
    if (hint := hint_of(key)) and "of type" in problem:
        return f"{file}: {_explain_value(key, hint, problem)}"
    if "." in key and f"Key '{key}'" in problem:
        group, _, last = key.rpartition(".")
        return f"{file}: {key}: no such setting; nest it: {last} below {group}, a line each"
    return f"{file}: {f'{key}: ' if key else ''}{problem}"


def _explain_value(key: str, hint: Any, said: str) -> str:
    """A value of another type than a setting has, of which OmegaConf says `Value 'x' of type ...`."""
    found = re.match(r"Value '(.*)' of type", said)
    return f"{key} must be {wanted(hint)}" + (f"; got {found[1]!r}" if found else "")


def _explain_missing(error: MissingConfigException, folders: Sequence[Path]) -> str:
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    if not group:
        there = [path.stem for folder in [conf_dir(), *folders] for path in sorted(folder.glob("*.yaml"))]
        return f"--config-name={choice}: no such configuration; there are {', '.join(there)}"
    if group == "hydra/launcher" and (needed := _explain_launcher(choice)):
        return needed
    asking = own.naming(folders, choice)
    by = f"{asking} asks for " if asking else ""
    options = error.options or choices.groups().get(group, [])  # of a list of choices Hydra names none
    if "/" in group and not options:  # in the defaults of an experiment, say, a group is looked for below it
        last = group.rpartition("/")[2]
        return f"{by}{group}={choice}: no such {group}; to choose another {last} write - override /{last}: {choice}"
    return f"{by}{group}={choice}: no such {group}; choose from {', '.join(options)}"


def _explain_launcher(choice: str) -> str | None:
    """What to tell where the package of one of conf/launcher's is not installed; None for any other launcher."""
    extra = {"joblib": "joblib", "submitit_slurm": "submitit", "submitit_local": "submitit"}.get(choice)
    return extra and missing(f"launcher={choice.removesuffix('_slurm')}", f"hydra-{extra}-launcher", extra)


def _explain_key(full_key: str, parent: DictConfig) -> str:
    group = full_key.rpartition(".")[0]
    names = [str(name) for name in parent if name != "hydra" and not str(name).startswith("_")]
    if group and isinstance(parts := parent.get("parts"), DictConfig):  # of several side by side
        names = [f"parts.{part!s}.{name}" for part, own in parts.items() for name in own if str(name)[0] != "_"]
    return unknown(full_key, [f"{group}.{name}" if group else name for name in names])
