"""Between Hydra and the user: what a user can mend ends in one message, without a traceback."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ser.commands.explain import explain
from ser.commands.overrides import for_hydra, options_first
from ser.commands.terminal import check_words, show_every_name
from ser.errors import Aborted, SerError
from ser.launch.callbacks import CallbackFailed
from ser.runs.folder import holds_a_run

log = logging.getLogger("ser")

# A disk that takes no more, or may not be written to: the user's to mend, wherever it shows.
_CONFIGURATION = ("hydra", "omegaconf", "yaml", "antlr4", "logging", "codecs")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def run_command(command: Callable[[], None]) -> None:
    """Call a function that `hydra.main` made; what a user can mend ends in one message, and Ctrl-C with 130."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra shall raise its errors, not print them
    logging.raiseExceptions = False  # a log that cannot be written shall not end in tracebacks
    HydraConfig.instance().cfg = None
    show_every_name()
    try:
        check_words(sys.argv[1:])
        sys.argv[1:] = options_first(for_hydra(sys.argv[1:]))
    except SerError as error:
        sys.exit(str(error))
    try:
        try:
            command()
        except CallbackFailed as failed:
            assert isinstance(failed.__cause__, Exception)
            raise failed.__cause__ from failed.__cause__.__cause__
    except InstantiationException:
        raise  # a fault in a component's code: its author wants the traceback
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(explain(error, sys.argv[1:]))
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
    except Exception as error:
        if not is_before_the_run(error):
            raise
        sys.exit(explain(error, sys.argv[1:]))


def is_before_the_run(error: Exception) -> bool:
    """Whether Hydra, or what it reads configurations with, has raised this before any code of ours ran."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    is_ours = any(name.startswith("ser.") and name != __name__ for name in modules)
    return not is_ours and modules[-1].partition(".")[0] in _CONFIGURATION


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
        sys.exit(told if log.disabled or not log.hasHandlers() else 1)


def failure(error: BaseException) -> str | None:
    """What to tell of an error that a user can mend; None for a fault in the code."""
    if isinstance(error, SerError):
        return str(error)
    if isinstance(error, OmegaConfBaseException):
        return explain(error)
    return _explain_disk(error) if isinstance(error, OSError) and error.errno in _DISK else None


def _explain_disk(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    said = f"cannot write{where} ({error.strerror}); free space or set paths.outputs=<folder>"
    begun = HydraConfig.initialized() and not OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir")
    if begun and holds_a_run(Path(HydraConfig.get().runtime.output_dir)):
        said += ". What was written before is whole: the same command with resume=true goes on"
    return said
