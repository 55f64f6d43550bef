"""Threads for plain handlers, and a loop for async ones where there is none."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .failure import UnavailableError

__all__ = ["LoopThread", "Workers"]

MAX_WAITING = 1024

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Workers:
    """At most so many threads, started when they are needed. They keep no process from ending.

    The executor of the standard library waits for its threads at the end, and a handler that hangs would hang that.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("there is at least one thread")
        self._most = most
        self._start()

    def _start(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0
        self._pid = os.getpid()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Raises UnavailableError when 1,024 wait already."""
        if self._pid != os.getpid():  # a server has forked, which takes no threads along
            self._start()
        if self._jobs.qsize() >= MAX_WAITING:
            raise UnavailableError(f"{MAX_WAITING} plain handlers wait for a thread: give more threads")
        future: Future[Any] = Future()
        self._jobs.put((future, function, arguments))
        if not self._idle.acquire(blocking=False):
            self._grow()
        return future

    def _grow(self) -> None:
        with self._lock:
            if self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name=f"callout-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                self._idle.release()
                job = self._jobs.get()
            future, function, arguments = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)
            del job, future, function, arguments  # an idle thread keeps nothing alive


class LoopThread:
    """An event loop in a thread of its own, for async handlers under WSGI. It starts when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                threading.Thread(target=self._loop.run_forever, name="callout-loop", daemon=True).start()
            return self._loop
