"""Downloading a file over HTTP, and going on where an earlier try broke off."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from requests.exceptions import ChunkedEncodingError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from urllib3.exceptions import ReadTimeoutError

from ser.errors import DownloadError

log = logging.getLogger("ser")

CHUNK_BYTES = 2**14  # what is lost at most when a connection breaks off


class ResumingDownloader:
    """A downloader for pooch that keeps what has come, and asks only for the rest (RFC 9110, section 14).

    pooch deletes its own temporary file when anything goes wrong, so what comes lies in `partial` until it is all
    there.
    """

    def __init__(self, partial: Path, size: int, page: str, *, timeout_s: float, waits_s: Sequence[float]) -> None:
        """Prepare to download.

        Args:
            partial: the file for what has come so far; it may hold the beginning already.
            size: of the whole file, in bytes.
            page: where a person finds the file, for messages.
            timeout_s: how long the server may say nothing, in seconds.
            waits_s: seconds to wait before each further try, counted anew once more of the file has come.
        """
        self.partial, self.size, self.page = partial, size, page
        self.timeout_s, self.waits_s = timeout_s, waits_s

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download `url` to `output_file`.

        Raises:
            DownloadError: every try failed, or the server has something else at `url`.
            OSError: the file cannot be written.
        """
        if self._have() > self.size:
            self.partial.unlink()
        furthest, failures = self._have(), 0
        while self._have() < self.size:
            try:
                self._go_on(url)
            except requests.RequestException as error:
                reason = self._reason(error, url)
                if self._have() > furthest:
                    furthest, failures = self._have(), 0
                if failures == len(self.waits_s):
                    kept = "what has come is kept; " if self._have() else ""
                    raise DownloadError(
                        f"{url}: {reason} (tried {failures + 1} times); {kept}give the same command again later, or get"
                        f" the file yourself: {self.page}"
                    ) from None
                log.warning("%s; trying again in %g s", reason, self.waits_s[failures])
                time.sleep(self.waits_s[failures])
                failures += 1
        self.partial.replace(output_file)

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _go_on(self, url: str) -> None:
        """Ask for what is missing, and add what comes to the partial file."""
        have = self._have()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout_s) as response:
            begin = self._begin(response, have)
            log.info("%s %s", f"going on at {self._place()}:" if begin else "downloading", url)
            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("left"))
            bar = Progress(*columns, console=Console(stderr=True))
            with self.partial.open("ab" if begin else "wb") as file, bar:
                task = bar.add_task("", total=self.size, completed=begin)
                for chunk in response.iter_content(CHUNK_BYTES):
                    file.write(chunk)
                    bar.advance(task, len(chunk))
                    if file.tell() > self.size:
                        self._refuse(response, "more")
        if self._have() < self.size:
            raise ChunkedEncodingError  # an answer without a length, cut short

    def _begin(self, response: requests.Response, have: int) -> int:
        """Check an answer's head, and say where in the file its body begins: at 0 where the server gives no parts."""
        status = response.status_code
        answer = f"the server answered {status} {response.reason}"
        if status >= 500 or status in (408, 429):
            raise requests.HTTPError(answer)
        if status == 416 or (status == 206 and not self._continues(response, have)):
            self.partial.unlink(missing_ok=True)
            raise requests.HTTPError(f"{answer}, which does not go on where the file broke off")
        if status not in (200, 206):
            raise DownloadError(f"{response.url}: {answer}; see {self.page}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            self._refuse(response, "a web page")
        begin = have if status == 206 else 0
        length = response.headers.get("Content-Length")
        if length and begin + int(length) != self.size:
            self._refuse(response, f"{begin + int(length):,} bytes")
        return begin

    def _continues(self, response: requests.Response, have: int) -> bool:
        return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")

    def _refuse(self, response: requests.Response, what: str) -> NoReturn:
        raise DownloadError(
            f"{response.url}: the server sent {what} where the file has {self.size:,} bytes; log in to your network if"
            f" it wants that, or see {self.page}"
        )

    def _reason(self, error: requests.RequestException, url: str) -> str:
        silent = isinstance(error, requests.Timeout) or any(isinstance(arg, ReadTimeoutError) for arg in error.args)
        if silent:
            return f"the server said nothing for {self.timeout_s:g} s"
        if isinstance(error, ChunkedEncodingError):
            return f"the connection broke off at {self._place()}"
        if isinstance(error, requests.exceptions.SSLError):
            return f"no secure connection to {urlsplit(url).hostname} ({error})"
        if isinstance(error, requests.ConnectionError):
            return f"no connection to {urlsplit(url).hostname}"
        return str(error)

    def _place(self) -> str:
        return f"{self._have() / 1e6:.1f} of {self.size / 1e6:.1f} MB"
