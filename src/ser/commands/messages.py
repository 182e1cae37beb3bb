"""Between Hydra and the user: what a user can mend ends in one message, without a traceback."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from ser.config import choices
from ser.config.extras import missing
from ser.config.places import conf_dir
from ser.config.schema import unknown
from ser.errors import Aborted, SerError
from ser.launch.callbacks import CallbackFailed
from ser.runs.folder import holds_a_run

log = logging.getLogger("ser")

# A disk that takes no more, or may not be written to: the user's to mend, wherever it shows.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def run_command(command: Callable[[], None]) -> None:
    """Call a function that `hydra.main` made; what a user can mend ends in one message, and Ctrl-C with 130."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra shall raise its errors, not print them
    logging.raiseExceptions = False  # a log that cannot be written shall not end in tracebacks
    HydraConfig.instance().cfg = None
    words = [readable(word) for word in sys.argv[1:]]
    sys.argv[1:] = sorted(words, key=lambda word: word not in ("-m", "--multirun"))  # between words Hydra knows it not
    try:
        try:
            command()
        except CallbackFailed as failed:
            assert isinstance(failed.__cause__, Exception)
            raise failed.__cause__ from failed.__cause__.__cause__
    except InstantiationException:
        raise  # a fault in a component's code: its author wants the traceback
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(explain(error))
    except ValueError as error:
        if HydraConfig.initialized():
            raise
        sys.exit(f"{' '.join(sys.argv[1:])}: {explain(error)}")  # Hydra's, such as for -m together with --cfg
    except BrokenPipeError:  # whom it was told to has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (SerError, OSError) as error:
        told = failure(error)
        if told is None:
            raise
        sys.exit(told)
    except (KeyboardInterrupt, Aborted):
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def readable(word: str) -> str:
    """A word of the command line as Hydra can read it.

    A value that Hydra's grammar cannot read (other letters than ASCII, brackets within a path) is taken as text, and
    quoted. For a group, null means to choose nothing, which Hydra writes []. All else stays as it is.

    >>> readable("corpus.root=録音/感情"), readable("corpus.root=my clips (1)"), readable("model.depth=10,18")
    ("corpus.root='録音/感情'", "corpus.root='my clips (1)'", 'model.depth=10,18')
    >>> readable("logger=null"), readable("training.patience=null")
    ('logger=[]', 'training.patience=null')
    """
    name, equals, value = word.partition("=")
    if not equals or word.startswith("-") or value.startswith(("'", '"')):
        return word
    if name.isidentifier() and (conf_dir() / name).is_dir():
        value = ",".join("[]" if choice == "null" else choice for choice in value.split(","))
    try:
        OverridesParser.create().parse_override(f"{name}={value}")
    except HydraException:
        value = QuotedString(value, Quote.single).with_quotes()
    return f"{name}={value}"


@contextmanager
def messages() -> Iterator[None]:
    """End the program with one message, said in the log too, where the body raises what a user can mend."""
    try:
        yield
    except Exception as error:
        told = failure(error)
        if told is None:
            raise
        log.error("%s", told)
        sys.exit(1)


def failure(error: BaseException) -> str | None:
    """What to tell of an error that a user can mend; None for a fault in the code."""
    if isinstance(error, SerError):
        return str(error)
    return _explain_disk(error) if isinstance(error, OSError) and error.errno in _DISK else None


def _explain_disk(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    said = f"cannot write{where} ({error.strerror}); free space or set paths.outputs=<folder>"
    begun = HydraConfig.initialized() and not OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir")
    if begun and holds_a_run(Path(HydraConfig.get().runtime.output_dir)):
        said += ". What was written before is whole: the same command with resume=true goes on"
    return said


def explain(error: Exception) -> str:
    """What was wrong with the command, in one message with the way out."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        if group == "hydra/launcher" and (needed := _explain_launcher(choice)):
            return needed
        options = error.options or choices.groups().get(group, [])  # of a list of choices Hydra names none
        return f"{group}={choice}: no such {group}; choose from {', '.join(options)}"
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


def _explain_launcher(choice: str) -> str | None:
    """What to tell where the package of one of conf/launcher's is not installed; None for any other launcher."""
    extra = {"joblib": "joblib", "submitit_slurm": "submitit", "submitit_local": "submitit"}.get(choice)
    return extra and missing(f"launcher={choice.removesuffix('_slurm')}", f"hydra-{extra}-launcher", extra)


def _explain_key(full_key: str, parent: DictConfig) -> str:
    group = full_key.rpartition(".")[0]
    names = [str(name) for name in parent if name != "hydra" and not str(name).startswith("_")]
    return unknown(full_key, [f"{group}.{name}" if group else name for name in names])
