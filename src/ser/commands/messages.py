"""Between Hydra and the user: what a user can mend ends in one message, without a traceback."""

import difflib
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

from ser.config.extras import missing
from ser.config.places import conf_dir
from ser.errors import SerError
from ser.launch.run_folder import Fault
from ser.runs.folder import holds_a_run

log = logging.getLogger("ser")

# Settings that name a file or a folder.
PATHS = ("corpus.root", "corpus.path", "paths.data", "paths.store", "paths.outputs", "hydra.run.dir", "hydra.sweep.dir")

# A disk that takes no more, or may not be written to: the user's to mend, wherever it shows.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def run_command(command: Callable[[], None]) -> None:
    """Call a function that `hydra.main` made; a mistake on the command line ends in one message."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra shall raise its errors, not print them
    logging.raiseExceptions = False  # a log that cannot be written shall not end in tracebacks
    HydraConfig.instance().cfg = None
    sys.argv[1:] = [quoted(word) for word in sys.argv[1:]]
    try:
        with _faults_of_callbacks():
            command()
    except InstantiationException:
        raise  # a fault in a component's code: its author wants the traceback
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(explain(error))
    except ValueError as error:
        if HydraConfig.initialized():
            raise
        sys.exit(f"{' '.join(sys.argv[1:])}: {explain(error)}")  # Hydra could not compose, such as for model=null
    except BrokenPipeError:  # whom it was told to has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        told = failure(error)
        if told is None:
            raise
        sys.exit(told)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


@contextmanager
def _faults_of_callbacks() -> Iterator[None]:
    """Raise what a callback raised, as if Hydra had let it through."""
    try:
        yield
    except Fault as fault:
        assert isinstance(fault.__cause__, Exception)
        raise fault.__cause__ from fault.__cause__.__cause__


def quoted(word: str) -> str:
    """An override with quotes around its value where Hydra needs them: it reads ASCII letters only without.

    A folder that is called 2026 is no number.

    >>> quoted("corpus.root=録音/感情"), quoted("corpus.root=my clips (1)"), quoted("model.depth=10,18")
    ("corpus.root='録音/感情'", "corpus.root='my clips (1)'", 'model.depth=10,18')
    >>> quoted("corpus.root=2026"), quoted("seed=2026")
    ("corpus.root='2026'", 'seed=2026')
    """
    name, equals, value = word.partition("=")
    # With brackets, commas or quotes of its own it is the user's to quote: what was meant cannot be known.
    if not equals or word.startswith("-") or not value or value[0] in "'\"" or any(sign in value for sign in "[]{},$"):
        return word
    try:
        meant = OverridesParser.create().parse_override(word).value()
        is_clear = name not in PATHS or meant is None or isinstance(meant, str)
    except HydraException:
        is_clear = False
    return word if is_clear else f"{name}={QuotedString(value, Quote.single).with_quotes()}"


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


def failure(error: Exception) -> str | None:
    """What to tell of an error that a user can mend; None for a fault in the code."""
    if isinstance(error, SerError):
        return str(error)
    return _explain_disk(error) if isinstance(error, OSError) and error.errno in _DISK else None


def _explain_disk(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    said = f"cannot write{where} ({error.strerror}); free space or set paths.outputs=<folder>"
    begun = HydraConfig.initialized() and not OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir")
    if begun and holds_a_run(Path(HydraConfig.get().runtime.output_dir)):
        said += ". What was written before is whole: the same command with ckpt_path=last goes on"
    return said


def explain(error: Exception) -> str:
    """What was wrong with the command, in one message with the way out."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        options = error.options
        if group == "hydra/launcher" and (needed := _explain_launcher(choice)):
            return needed
        if not options:  # of a group with folders in it, such as sweep=optuna/<name>
            group, _, choice = error.missing_cfg_file.partition("/")
            options = _choices_of(group)
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


def _choices_of(group: str) -> list[str]:
    folder = conf_dir() / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def _explain_launcher(choice: str) -> str | None:
    """What to tell where the package of one of conf/launcher's is not installed; None for any other launcher."""
    extra = {"joblib": "joblib", "submitit_slurm": "submitit", "submitit_local": "submitit"}.get(choice)
    return extra and missing(f"launcher={choice.removesuffix('_slurm')}", f"hydra-{extra}-launcher", extra)


def _explain_key(full_key: str, parent: DictConfig) -> str:
    group = full_key.rpartition(".")[0]
    names = [str(name) for name in parent if name != "hydra" and not str(name).startswith("_")]
    known = [f"{group}.{name}" if group else name for name in names]
    near = difflib.get_close_matches(full_key, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{full_key}: no such setting; {hint}there are {', '.join(known)}"
