"""Fetching a corpus as its authors released it: downloaded, checked, unpacked, and in place only when whole.

The work is done in `.<name>-download` beside the corpus folder: the partial download, the archive, and what is being
unpacked. So a kill leaves either no corpus folder or a whole one, and the next call goes on with what has come.
"""

import logging
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from ser.corpora.base import Release
from ser.errors import DownloadError
from ser.files import hold

log = logging.getLogger("ser")

TIMEOUT_S = 30.0  # how long the server may say nothing
WAITS_S = (1.0, 2.0, 5.0, 10.0, 20.0)  # before each further try; counted anew once more of the file has come
CHUNK_BYTES = 2**14  # what a kill loses at most
BUSY = (408, 429, 500, 502, 503, 504)  # answers after which another try may succeed


def fetch(release: Release, folder: Path, lacking: Callable[[], str]) -> bool:
    """Download a release and unpack it into `folder`, unless it is there; return whether it was downloaded.

    `lacking` is asked where something is in the folder, and says what the corpus there lacks; "" where it is whole.

    Raises:
        DownloadError: it cannot be downloaded or written, or something else lies in `folder`.
    """
    folder = folder.resolve()
    work = folder.parent / f".{folder.name}-download"
    try:
        if _is_there(release, folder, lacking) and not work.exists():
            return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        with hold(
            folder.parent / f"{work.name}.lock", f"another process is fetching {release.about.title}; waiting for it"
        ):
            fetched = not _is_there(release, folder, lacking)  # asked again, after waiting
            if fetched:
                unpacked = _unpacked(release, work)
                if folder.exists():
                    folder.rmdir()  # it is empty; Windows does not rename onto it
                unpacked.rename(folder)
            shutil.rmtree(work, ignore_errors=True)
            return fetched
    except OSError as error:
        raise DownloadError(
            f"{error.filename or folder.parent}: cannot be written ({error.strerror or error}); free space, or name"
            " another folder"
        ) from None
    except KeyboardInterrupt:
        log.warning("interrupted; the download so far is kept in %s, and the same command goes on with it", work)
        raise


def _is_there(release: Release, folder: Path, lacking: Callable[[], str]) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if found := lacking() if folder.is_dir() else "it is a file":
        raise DownloadError(
            f"{release.about.title} cannot be fetched into {folder}, which is not empty ({found}); name another"
            " folder, or move away what is there; nothing was changed"
        )
    return True


def _unpacked(release: Release, work: Path) -> Path:
    """Download the archive into the folder `work`, unless it is there, and unpack it into a folder there."""
    begun, archive, unpacked = work / "archive.part", work / "archive.zip", work / "unpacked"
    if unpacked.exists():
        shutil.rmtree(unpacked)  # a kill left it, perhaps with half a file
    needed = release.size - _size(begun) - _size(archive) + release.unpacked_size
    if (free := shutil.disk_usage(work.parent).free) < needed:
        raise DownloadError(
            f"{work.parent}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free; free some, or name a"
            " folder on another disk"
        )
    if not archive.exists():
        log.info("%s\ndownloading %s", release.about.terms, release.url)
    pooch.get_logger().setLevel("WARNING")  # what it would say is said above
    download, unzip = partial(_download, release, begun), pooch.Unzip(extract_dir=unpacked.name)
    try:
        pooch.retrieve(release.url, f"md5:{release.md5}", archive.name, work, downloader=download, processor=unzip)
    except ValueError:
        raise DownloadError(
            f"{release.url}: what came is not the release (its md5 is not {release.md5}) and was deleted; the same"
            f" command starts anew, or get the file yourself: {release.about.page}"
        ) from None
    return unpacked


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _download(release: Release, begun: Path, url: str, output: str, _: object) -> None:
    """Download for pooch, which deletes `output` when anything goes wrong: so what comes lies in `begun` until then."""
    furthest, waits_s = 0, iter(WAITS_S)
    while (have := _size(begun)) < release.size:
        if have > furthest:
            furthest, waits_s = have, iter(WAITS_S)
        try:
            _go_on(release, begun, have)
        except requests.RequestException as error:
            reason, answer = f"the connection failed at {_size(begun):,} of {release.size:,} bytes", error.response
            if answer is not None:
                reason = f"the server answered {answer.status_code} {answer.reason}"
            elif "timed out" in str(error):
                reason = f"the server said nothing for {TIMEOUT_S:g} s"
            elif isinstance(error, requests.exceptions.SSLError):
                reason = f"no secure connection ({error})"
            if (answer is not None and answer.status_code not in BUSY) or (wait_s := next(waits_s, None)) is None:
                raise DownloadError(
                    f"{url}: {reason}; what has come is kept; give the same command later, or see {release.about.page}"
                ) from None
            log.warning("%s; trying again in %g s", reason, wait_s)
            time.sleep(wait_s)
    begun.replace(output)


def _go_on(release: Release, begun: Path, have: int) -> None:
    """Ask for what comes after the bytes that are there, and add it to the file."""
    # Zenodo wants clients to say who they are. An answer that is compressed could not be gone on with.
    headers = {"User-Agent": "ser-lab", "Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    with requests.get(release.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        begin = have if response.status_code == 206 else 0  # a server that gives no parts sends all
        size = begin + int(response.headers.get("Content-Length", release.size - begin))
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page or size != release.size:
            raise DownloadError(
                f"{release.url}: the server sent {'a web page' if is_page else f'{size:,} bytes'} where the file has"
                f" {release.size:,} bytes; log in to your network if it wants that, or see {release.about.page}"
            )
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with begun.open("ab" if begin else "wb") as file, Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=release.size, completed=begin)
            for chunk in response.iter_content(CHUNK_BYTES):
                bar.advance(task, file.write(chunk))
    if _size(begun) < release.size:  # an answer without a length was cut short
        raise requests.ConnectionError
