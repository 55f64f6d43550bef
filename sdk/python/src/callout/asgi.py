"""The receiver as an ASGI application (3.0): FastAPI, Starlette, Quart, uvicorn, hypercorn."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .arrival import Arrival, consumed, too_large
from .failure import RefusedError
from .headers import Headers
from .stepping import begin

if TYPE_CHECKING:
    from .answer import Answer
    from .receiver import Callout

__all__ = ["Receive", "Scope", "ScopeHeaders", "Send", "application"]

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
    headers = ScopeHeaders(scope["headers"])
    body = _Body(receive, headers)
    await _write(send, await hooks.answer(Arrival(scope["method"], scope["path"], headers, body.read)))


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
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204:
        pairs.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


class ScopeHeaders(Headers):
    """The headers of a scope. What is asked for is decoded, and nothing else."""

    __slots__ = ("_one", "_raw")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = [(name.lower(), value) for name, value in pairs]
        self._one = dict(self._raw)
        if len(self._one) != len(self._raw):  # one stands twice
            self._one.clear()
            super().__init__(self._listed())

    def get(self, name: str, default: str = "") -> str:
        if not self._one:
            return super().get(name, default)
        value = self._one.get(_encoded(name))
        return default if value is None else value.decode("latin-1")

    def _values(self, name: str) -> list[str]:
        if not self._one:
            return super()._values(name) if self._raw else []
        value = self._one.get(_encoded(name))
        return [] if value is None else [value.decode("latin-1")]

    def _listed(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw]


@lru_cache(maxsize=256)
def _encoded(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


class _Body:
    """The body of one request."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._seconds = FIRST
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        length = headers.get("content-length")
        self._length = int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else None

    async def read(self, most: int) -> bytes:
        message = await self._next(FIRST if self._length else WHOLE, False)
        raw: bytes = message.get("body", b"") if message["type"] == "http.request" else b""
        if len(raw) > most:
            raise too_large(most)
        if message.get("more_body", False):
            raw = await self._rest(raw, most)
        # A client that has gone away does not mind this answer either.
        if self._length is not None and len(raw) != self._length:
            raise consumed(FIX)
        return bytes(raw)

    async def _rest(self, first: bytes, most: int) -> bytes:
        raw, more = bytearray(first), True
        while more:
            message = await self._next(WHOLE, True)
            if message["type"] != "http.request":
                break
            raw += message.get("body", b"")
            if len(raw) > most:
                raise too_large(most)
            more = message.get("more_body", False)
        return bytes(raw)

    async def _next(self, seconds: float, begun: bool) -> Message:
        """The next message. It is asyncio.wait_for without a task of its own; the timer too is for what is waited for
        alone, which in most requests is nothing."""
        self._seconds = seconds
        try:
            return await begin(self._receive(), self._wait)
        except asyncio.CancelledError:
            if not self._over:  # the server gives the request up
                raise
            if self._task is not None and sys.version_info >= (3, 11):
                self._task.uncancel()
        finally:
            if self._timer is not None:
                self._timer.cancel()
        if begun:
            raise RefusedError("malformed", f"the body did not come within {WHOLE:.0f} s")
        raise consumed(FIX)

    def _wait(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def _end(self) -> None:
        self._over = self._task is not None and self._task.cancel()
