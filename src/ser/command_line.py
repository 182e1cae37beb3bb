"""Between Hydra and the user: what was wrong with the command?"""

import difflib

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException


def explain(error: Exception) -> str:
    """What was wrong with the command, in one message with the way out."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return f"{group}={choice}: no such {group}; choose from {', '.join(error.options)}"
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: cannot be read; write name=value, and quote a value with special characters:"
            " 'corpus.root=\"my folder (1)\"'; --help lists the names"
        )
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return _explain_key(str(cause.full_key), cause.parent_node)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: {str(cause).splitlines()[0]}"
    return f"{error}\n--help lists groups and settings"


def _explain_key(full_key: str, parent: DictConfig) -> str:
    group = full_key.rpartition(".")[0]
    names = [str(name) for name in parent if name != "hydra" and not str(name).startswith("_")]
    known = [f"{group}.{name}" if group else name for name in names]
    near = difflib.get_close_matches(full_key, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{full_key}: no such setting; {hint}there are {', '.join(known)}"
