"""Fetching a corpus as its authors released it: downloaded, checked, unpacked, and in place only when whole.

All work is done in a hidden folder beside the corpus folder, `.<name>-download`: the partial download, then the
archive, then what is being unpacked. A lock beside it keeps other processes out. A kill at any moment leaves either no
corpus folder or a whole one; the next call goes on with what was downloaded, and sweeps up the rest.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ser.corpora.archive import check_room, unpack
from ser.errors import DownloadError
from ser.files import hold

log = logging.getLogger("ser")

TIMEOUT_S = 30.0
WAITS_S = (1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Release:
    """A corpus as its authors released it, in one zip archive.

    Attributes:
        name: what the corpus is called.
        url: of the archive.
        page: where a person finds the archive.
        size: of the archive, in bytes.
        md5: of the archive, in hexadecimal.
        unpacked_size: of all files in the archive, in bytes; a rough one, until the archive itself says it.
        terms: licence and citation; shown before a download.
    """

    name: str
    url: str
    page: str
    size: int
    md5: str
    unpacked_size: int
    terms: str


def fetch(
    release: Release,
    folder: Path,
    lacking: Callable[[], str],
    *,
    timeout_s: float = TIMEOUT_S,
    waits_s: Sequence[float] = WAITS_S,
) -> bool:
    """Download a release and unpack it into `folder`, unless it is there.

    Args:
        release: what to fetch.
        folder: where the corpus shall lie: missing, empty, or with the corpus in it.
        lacking: looks into `folder` when that is a folder with something in it, and says what is wrong with the corpus
            there; "" where it will do.
        timeout_s: how long the server may say nothing, in seconds.
        waits_s: seconds to wait before each further try to download.

    Returns:
        whether it was downloaded; False where it was there.

    Raises:
        DownloadError: it cannot be downloaded, unpacked or written, or something else lies in `folder`.
    """
    folder = Path(os.path.realpath(folder))
    work = folder.parent / f".{folder.name}-download"
    lock_file = folder.parent / f".{folder.name}-download.lock"
    partial, archive, unpacked = work / "archive.part", work / "archive.zip", work / "unpacked"
    with _writing(folder):
        if _is_there(release, folder, lacking) and not work.exists() and not lock_file.exists():
            return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(release, work, lock_file):
            try:
                if _is_there(release, folder, lacking):  # now, after waiting
                    _sweep(work, keep=())
                    return False
                work.mkdir(exist_ok=True)
                _sweep(work, keep=(partial, archive))
                _download(release, partial, archive, timeout_s, waits_s)
                unpack(archive, unpacked)
                if folder.exists():
                    folder.rmdir()  # it is empty; Windows does not rename onto it
                unpacked.rename(folder)
                _sweep(work, keep=())
            except KeyboardInterrupt:
                if partial.exists() or archive.exists():
                    log.warning(
                        "interrupted; the download so far is kept in %s, and the same command goes on with it", work
                    )
                raise
            finally:
                _sweep(work, keep=(partial, archive))
                with suppress(OSError):  # something is kept in it
                    work.rmdir()
    return True


def _is_there(release: Release, folder: Path, lacking: Callable[[], str]) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    found = lacking() if folder.is_dir() else "it is a file"
    if found:
        raise DownloadError(
            f"{release.name} cannot be fetched into {folder}, which is not empty ({found}); name another folder, or"
            " move away what is there; nothing was changed"
        )
    return True


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{error.filename or folder.parent}: cannot be written ({error.strerror or error}); free space, or name"
            " another folder"
        ) from None


@contextmanager
def _alone(release: Release, work: Path, lock_file: Path) -> Iterator[None]:
    """Keep other processes out of `work`; wait for one that is at it."""
    with hold(lock_file, f"another process is fetching {release.name}; waiting for it"):
        try:
            yield
        finally:
            if not work.exists():
                with suppress(OSError):  # Windows, where the release of the lock deletes it
                    lock_file.unlink()  # a process that waits for it notices, and makes a new one


def _sweep(work: Path, keep: Sequence[Path]) -> None:
    """Empty the working folder, but for what to go on with."""
    for path in work.iterdir() if work.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path)
        elif path not in keep:
            path.unlink()


def _download(release: Release, partial: Path, archive: Path, timeout_s: float, waits_s: Sequence[float]) -> None:
    """Download the archive, unless it is there with the right checksum."""
    import pooch

    from ser.corpora.transfer import ResumingDownloader

    have = sum(path.stat().st_size for path in (partial, archive) if path.exists())
    check_room(archive.parent, max(0, release.size - have) + release.unpacked_size)
    if not archive.exists():
        log.info("%s", release.terms)
    pooch.get_logger().setLevel("WARNING")  # what it would say is said here
    try:
        pooch.retrieve(
            release.url,
            known_hash=f"md5:{release.md5}",
            fname=archive.name,
            path=archive.parent,
            downloader=ResumingDownloader(partial, release.size, release.page, timeout_s=timeout_s, waits_s=waits_s),
        )
    except ValueError:
        raise DownloadError(
            f"{release.url}: what came is not the release (its md5 is not {release.md5}) and was deleted; the same"
            f" command starts anew, or get the file yourself: {release.page}"
        ) from None
