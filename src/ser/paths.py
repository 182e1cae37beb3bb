"""Where things lie, writing files so that a killed run leaves none half-written, and keeping others out."""

import errno
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

log = logging.getLogger("ser")

LEFTOVER_AGE_S = 24 * 3600  # no writer takes a day over one file

_PACKAGE = Path(__file__).resolve().parent


def conf_dir() -> Path:
    """The folder of the shipped configurations: in the installed package, or at the repository's root."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / "conf"


def source_dir() -> Path:
    """The folder that holds this package's code."""
    return _PACKAGE


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes `path`'s place if all goes well, and vanishes if not.

    An OSError of writing that names no file, as that of a full disk, names `path` then.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        if error.errno is None:  # numpy's word for a file that took less than it was given
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        error.filename = error.filename or str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def hold(lock_file: Path, waiting: str) -> AbstractContextManager[object]:
    """Lock a file, at once; leave the context to unlock it. Where another process holds it, `waiting` is said first.

    The lock ends with the process that holds it, however it ends.

    Raises:
        OSError: the file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        log.info("%s", waiting)
        return lock.acquire()


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder: files that `replacing` made beside and that are over a day old."""
    for path in folder.glob(".*"):
        with suppress(OSError):  # another process was faster, or the folder is read-only
            # The eight characters are mkstemp's.
            if re.fullmatch(r"\..*-[a-z0-9_]{8}(\.[^.]+)?", path.name) and _age_s(path) > LEFTOVER_AGE_S:
                path.unlink()


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime
