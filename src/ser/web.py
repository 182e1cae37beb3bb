"""What the page and the service share: limits of what is uploaded, and serving until Ctrl-C."""

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser import audio
from ser.audio import Waveform
from ser.errors import SerError, ServeError

LOOPBACK = "127.0.0.1"
GRACE_S = 60  # in which what is at work may come to its end, when the server is to stop

BYTES_PER_MB = 10**6


class TooLong(SerError):
    """A recording lasts longer than is allowed."""


@dataclass(frozen=True)
class Limits:
    """Of a recording that is uploaded: its file in millions of bytes, and its length in seconds."""

    max_mb: float
    max_s: float

    @property
    def max_bytes(self) -> int:
        """Of its file."""
        return round(self.max_mb * BYTES_PER_MB)

    def blocks(self, path: Path, sample_rate: int) -> Iterator[Waveform]:
        """The samples of a recording, as `audio.stream` gives them.

        Raises:
            AudioError: it cannot be read.
            TooLong: as soon as that is known, whatever its header says.
        """
        n_samples = 0
        for block in audio.stream(path, sample_rate):
            n_samples += len(block)
            if n_samples > self.max_s * sample_rate:
                raise TooLong(f"lasts longer than {self.max_s:g} s, which is the limit here; cut it into parts")
            yield block


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(app: Any, host: str, port: int, what: str) -> None:
    """Serve an ASGI application until Ctrl-C or SIGTERM; what is at work is finished before.

    Args:
        host: to listen on.
        port: likewise; 0: any that is free.
        what: is served, for the line that says where.

    Raises:
        ServeError: it cannot listen there.
    """
    import uvicorn

    with _listening(host, port) as listening:
        port = listening.getsockname()[1]
        print(f"{what}: http://{f'[{host}]' if ':' in host else host}:{port}/  (Ctrl-C ends it)", flush=True)
        if not is_loopback(host):
            print("whoever reaches this machine can use it: there is no password and no encryption", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # uvicorn stops first; then clean up
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S)
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}, port {port} ({_reason(error)}); name another with --port or --host"
        ) from None


def _reason(error: OSError) -> str | None:
    """In the system's words, to which Python adds the address; a host that is not found has only its own."""
    return error.strerror if isinstance(error, socket.gaierror) or not error.errno else os.strerror(error.errno)
