"""The server that a receiver starts: the standard library, and nothing else."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .answer import JSON, Answer, write
from .arrival import Arrival
from .connection import Connection

if TYPE_CHECKING:
    from .receiver import Callout

__all__ = ["serve"]

DRAIN = 10.0
SWEEP = 0.25
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(hooks: Callout, port: int, host: str) -> None:
    """Serves until it is told to end, and returns when it has drained."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_Server(hooks).run(host, port))
    finally:
        _cancel_rest(loop)
        loop.close()


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what still runs. Unlike asyncio.run it does not wait for what will not end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=1))


class _Server:
    def __init__(self, hooks: Callout) -> None:
        self._hooks = hooks
        self._open: set[Connection] = set()
        self._draining = False
        self._told: asyncio.Event = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self._answer, self._open), host, port, backlog=1024)
        restore = _on_signal(loop, self._told.set)
        sweeping = loop.create_task(self._sweep())
        print(f"listening on {_address(listener.sockets[0])}", flush=True)
        try:
            await self._told.wait()
            self._told.clear()
            await self._drain(listener)
        finally:
            sweeping.cancel()
            restore()

    async def _answer(self, arrival: Arrival) -> Answer:
        if arrival.path == "/healthz" and arrival.method == "GET":
            status, text = (503, "draining") if self._draining else (200, "ok")
            return Answer(status, write({"status": text}), [JSON])
        answer = await self._hooks.answer(arrival)
        if self._draining:
            answer = Answer(answer.status, answer.body, [*answer.headers, ("connection", "close")])
        return answer

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = time.monotonic()
            for connection in list(self._open):
                connection.sweep(now)

    async def _drain(self, listener: asyncio.Server) -> None:
        """Takes nothing more, and waits for what has begun: 10 seconds at most, or until it is told once more."""
        self._draining = True
        self._hooks.drain()
        listener.close()
        until = time.monotonic() + DRAIN
        while any(c.busy for c in self._open) and time.monotonic() < until and not self._told.is_set():
            await asyncio.sleep(0.02)
        for connection in list(self._open):
            if connection.busy:
                connection.abort()
            else:
                connection.close_when_idle()
        await asyncio.sleep(0)


def _on_signal(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> Callable[[], None]:
    """Has told called upon SIGTERM and SIGINT, and gives what undoes that. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def tell(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(told)

    before: dict[signal.Signals, Any] = {number: signal.signal(number, tell) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore


def _address(listening: socket.socket) -> str:
    """An address that this machine reaches, of a server on all of them too."""
    host: str
    port: int
    host, port = listening.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = reached.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
