"""Files written whole or not at all, locks, CSV, and digests."""

import csv
import errno
import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

log = logging.getLogger("ser")

LEFTOVER_AGE_S = 24 * 3600  # no writer takes a day over one file


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
    lock = FileLock(lock_file)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        log.info("%s", waiting)
        return lock.acquire()


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a folder: files that `replacing` made beside and that are over a day old."""
    for path in folder.glob(".*"):
        with suppress(OSError):  # another process was faster, or the folder is read-only
            # The eight characters are mkstemp's.
            if re.fullmatch(r"\..*-[a-z0-9_]{8}(\.[^.]+)?", path.name) and _age_s(path) > LEFTOVER_AGE_S:
                path.unlink()


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def try_lock(lock_file: Path) -> FileLock | None:
    """Lock a file for this process, until it is released; None on a file system that gives no locks.

    Raises:
        Timeout: another process has it.
    """
    lock = FileLock(lock_file, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError:
        return None
    return lock


def printable(name: str) -> str:
    """A name as a log can hold it, whatever its bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def one_line(text: str) -> str:
    """A text as one line that any file or terminal can hold: control characters and odd bytes are escaped.

    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    shown = printable(text)
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)


def digest(data: Any) -> str:
    """Of a bytes-like object, 128 bits in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, at least one, whose keys are the columns."""
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
