"""Who is let in: so many requests at once, none too large, none too slow. The others are told so at once."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ser.service.batching import Batcher
from ser.web import Limits

AROUND_BYTES = 10_000  # of a form, around its file
UPLOAD_S = 60.0  # in which a file must have come
DRAIN_S = 10.0  # in which a client that is refused may send what it has to send; else it would not hear the answer


class Admission:
    """ASGI middleware for one path to which files are posted.

    Args:
        app: what it stands before.
        path: such as /predict.
        limits: of a file.
        n_at_once: requests that are let in, those that wait included.
        batcher: who hears them.

    Attributes:
        n_inside: requests that are in.
    """

    def __init__(self, app: ASGIApp, *, path: str, limits: Limits, n_at_once: int, batcher: Batcher) -> None:
        self.app, self.path, self.limits, self.n_at_once, self.batcher = app, path, limits, n_at_once, batcher
        self.n_inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", self.path):
            await self.app(scope, receive, send)
            return
        headers = Request(scope).headers
        refusal = self._refusal(headers)
        if refusal:
            if "expect" not in headers:  # else the client waits for leave to send
                await _drain(receive)
            response = JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
            await response(scope, receive, send)
            return
        self.n_inside += 1
        try:
            await self.app(scope, self._watched(receive), send)
        finally:
            self.n_inside -= 1

    def _refusal(self, headers: Mapping[str, str]) -> HTTPException | None:
        if int(headers.get("content-length", 0)) > self.limits.max_bytes + AROUND_BYTES:
            return self._too_large()
        if self.n_inside >= self.n_at_once:
            return busy(self.batcher)
        return None

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the file is larger than {self.limits.max_mb:g} MB, which is the limit here")

    def _watched(self, receive: Receive) -> Receive:
        """The body, as far as it keeps to what is allowed: not all clients say its size beforehand."""
        n_bytes, is_over = 0, False
        until = asyncio.get_running_loop().time() + UPLOAD_S

        async def watched() -> Message:
            nonlocal n_bytes, is_over
            try:
                async with asyncio.timeout_at(None if is_over else until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the file had not come within {UPLOAD_S:g} s") from None
            n_bytes += len(message.get("body", b""))
            is_over = not message.get("more_body", False)
            if n_bytes > self.limits.max_bytes + AROUND_BYTES:
                if not is_over:
                    await _drain(receive)
                raise self._too_large()
            return message

        return watched


def busy(batcher: Batcher, duration_s: float = 0.0) -> HTTPException:
    """The answer to somebody for whose recording, of a length that may not be known yet, there is no place."""
    wait_s = batcher.wait_s(duration_s)
    detail = f"too many recordings are waiting already; come again in {wait_s} s"
    return HTTPException(429, detail, {"Retry-After": str(wait_s)})


async def _drain(receive: Receive) -> None:
    """Take what a client sends, and forget it: a connection that is closed while it sends loses the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while (await receive()).get("more_body", False):
                pass
