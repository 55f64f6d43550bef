"""The receiver as an ASGI application (3.0): FastAPI, Starlette, Quart, uvicorn, hypercorn."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from .arrival import Arrival, consumed, too_large
from .failure import RefusedError
from .headers import Headers

if TYPE_CHECKING:
    from .answer import Answer
    from .receiver import Callout

__all__ = ["Receive", "Scope", "Send", "application"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FIX = "mount the receiver outside of what reads bodies, such as a middleware, or let that put back what it read"

FIRST = 2.0
"""Seconds for which the first bytes of a body are waited for. Many servers say nothing when there are no more."""
WHOLE = 10.0
"""Seconds for which all of it is waited for."""


async def application(hooks: Callout, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(hooks, receive, send)
        return
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    body = _Body(receive, headers)
    answer = await hooks.answer(Arrival(scope["method"], scope["path"], headers, body.read))
    if not body.gone:
        await _write(send, answer)


async def _live(hooks: Callout, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            hooks.drain()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _write(send: Send, answer: Answer) -> None:
    headers: Iterable[tuple[str, str]] = answer.headers
    if answer.status != 204:
        headers = [*headers, ("content-length", str(len(answer.body)))]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


class _Body:
    """The body of one request."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        length = headers.get("content-length")
        self._length = int(length) if length.isascii() and length.isdigit() else None
        self.gone = False

    async def read(self, most: int) -> bytes:
        raw = bytearray()
        seconds = FIRST if self._length else WHOLE
        while True:
            message = await self._next(seconds, bool(raw))
            if message["type"] != "http.request":
                break
            raw += message.get("body", b"")
            if len(raw) > most:
                raise too_large(most)
            if not message.get("more_body", False):
                break
            seconds = WHOLE
        # A client that has gone away does not mind this answer either.
        if self._length is not None and len(raw) != self._length:
            raise consumed(FIX)
        return bytes(raw)

    async def _next(self, seconds: float, begun: bool) -> Message:
        """The next message. It is asyncio.wait_for without a task of its own, which every request would pay for."""
        task, over = asyncio.current_task(), False

        def end() -> None:
            nonlocal over
            over = task is not None and task.cancel()

        timer = asyncio.get_running_loop().call_later(seconds, end)
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not over:  # the server gives the request up
                raise
            if task is not None and sys.version_info >= (3, 11):
                task.uncancel()
        finally:
            timer.cancel()
        if begun:
            raise RefusedError("malformed", f"the body did not come within {WHOLE:.0f} s")
        raise consumed(FIX)
