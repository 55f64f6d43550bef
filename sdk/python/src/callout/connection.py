"""One connection of the server: reads a request, has it answered, reads the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from .answer import Answer
from .arrival import Arrival, too_large
from .http1 import MAX_HEAD, BadRequestError, Chunks, Head, parse_head, render

__all__ = ["Connection"]

IDLE = 75.0
"""Seconds for which a connection is kept without a request."""
SLOW = 10.0
"""Seconds within which headers and body come."""
LINGER = 1.0
"""Seconds for which what a client still sends is thrown away, so that it reads the answer first."""
MAX_UNREAD = 2 << 20
"""Bytes of answers that wait for a client that does not read them, and sends more."""

Answering = Callable[[Arrival], Awaitable[Answer]]


class Connection(asyncio.Protocol):
    """Its time is looked at by sweep, which the server calls now and then."""

    def __init__(self, answering: Answering, open_ones: set[Connection]) -> None:
        self._answering = answering
        self._open = open_ones
        self._buffer = bytearray()
        self._head: Head | None = None
        self._chunks: Chunks | None = None
        self._body: asyncio.Future[bytes] | None = None
        self._most = 0
        self._task: asyncio.Task[None] | None = None
        self._lingers = False
        self._said_all = False
        self._until = time.monotonic() + SLOW

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self._task is not None or self._head is not None or bool(self._buffer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._buffer.clear()
        if self._body is not None and not self._body.done():
            self._body.cancel()

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            return
        if not self.busy:
            self._until = time.monotonic() + SLOW
        self._buffer += data
        self._go_on()

    def eof_received(self) -> bool:
        # A client that has said all may still read the answer; what is not there by now never comes.
        self._said_all = True
        if self._body is not None and not self._body.done():
            self._body.cancel()
        return self._task is not None

    def sweep(self, now: float) -> None:
        """Ends the connection when its time is over."""
        if now < self._until or (self._task is not None and self._body is None):
            return
        if self._transport.is_closing():  # and the client does not read what is left
            self._transport.abort()
        elif self._lingers or not self.busy:
            self._transport.close()
            self._until = now + SLOW
        else:
            self._refuse(408)

    def close_when_idle(self) -> None:
        if not self.busy:
            self._transport.close()

    def abort(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def _go_on(self) -> None:
        try:
            if self._head is None:
                self._read_head()
            if self._body is not None:
                self._read_body(self._body)
        except BadRequestError as bad:
            self._refuse(bad.status)
        # What comes before it is its turn waits in the kernel; a body that is read has its own bound.
        if self._task is not None and self._body is None and len(self._buffer) > MAX_HEAD:
            self._transport.pause_reading()

    def _read_head(self) -> None:
        while self._buffer.startswith(b"\r\n"):  # some clients put an empty line between
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD or (end < 0 and len(self._buffer) > MAX_HEAD):
            raise BadRequestError(431)
        if end < 0:
            return
        self._head = head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        arrival = Arrival(head.method, head.path, head.headers, self._read)
        self._task = asyncio.get_running_loop().create_task(self._respond(arrival, head))

    async def _read(self, most: int) -> bytes:
        head = self._head
        if head is None or head.length == 0:
            return b""
        if head.expects and not self._buffer:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._most = most
        self._chunks = Chunks() if head.length is None else None
        self._body = asyncio.get_running_loop().create_future()
        self._transport.resume_reading()
        self._go_on()
        if self._said_all and not self._body.done():
            self._body.cancel()
        try:
            raw = await self._body
        finally:
            self._body = None
        if len(raw) > most:
            raise too_large(most)
        head.length = 0  # it was read
        return raw

    def _read_body(self, body: asyncio.Future[bytes]) -> None:
        head = self._head
        if body.done() or head is None:
            return
        if self._chunks is not None:
            if self._chunks.feed(self._buffer, self._most):
                body.set_result(bytes(self._chunks.body))
        elif head.length is not None and len(self._buffer) >= head.length:
            body.set_result(bytes(self._buffer[: head.length]))
            del self._buffer[: head.length]

    async def _respond(self, arrival: Arrival, head: Head) -> None:
        try:
            answer = await self._answering(arrival)
        except asyncio.CancelledError:  # the client has gone, or the server ends
            self._transport.abort()
            return
        if self._lingers or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self._transport.abort()
            return
        unread = head.length != 0
        keep_alive = head.keep_alive and not unread and not answer.header("connection")
        self._transport.write(render(answer, keep_alive))
        self._task = self._head = None
        self._until = time.monotonic() + (SLOW if self._buffer else IDLE)
        if unread:
            self._linger()
        elif not keep_alive:
            self._transport.close()
        else:
            self._transport.resume_reading()
            self._go_on()
            if self._said_all and self._task is None:
                self._transport.close()

    def _refuse(self, status: int) -> None:
        """Answers what is no request, and ends."""
        if self._task is not None:
            self._task.cancel()
        if not self._transport.is_closing():
            self._transport.write(render(Answer(status), False))
            self._linger()

    def _linger(self) -> None:
        self._lingers = True
        self._buffer.clear()
        self._until = time.monotonic() + LINGER
        self._task = self._head = self._body = None
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()
