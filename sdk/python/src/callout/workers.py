"""Threads for plain handlers, and a loop for async ones where there is none."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .failure import UnavailableError

__all__ = ["Job", "Late", "LoopThread", "Outcome", "Workers"]

MAX_WAITING = 1024


@dataclass(slots=True)
class Outcome:
    """What a function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


class Late(Protocol):
    """Told of a function whose time is over."""

    def left(self) -> None:
        """Nobody waits for the function any more."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """How it ended, after that. It is called on a loop or in a thread."""
        ...


class Job:
    """A call that a thread makes. It waits, runs and has ended; who waits for it may leave before that."""

    __slots__ = ("_argument", "_call", "_context", "_late", "_left", "_lock", "_tell", "outcome")

    def __init__(self, call: Callable[[Any], Any], argument: Any, tell: Callable[[], object]) -> None:
        """The call is made in the context of who makes the job. tell is called in the thread when it has ended,
        unless who waited has left; it does not raise."""
        self._call: Callable[[Any], Any] | None = call
        self._argument = argument
        self._context = contextvars.copy_context()
        self._tell = tell
        self._lock = threading.Lock()
        self._left = False
        self._late: Late | None = None
        self.outcome: Outcome | None = None
        """How it ended, None as long as it has not."""

    def leave(self, late: Late | None) -> bool:
        """Waits no longer; False when the call has ended already.

        One that has not begun never does. One that runs goes on, and late is told how it ends.
        """
        with self._lock:
            if self.outcome is not None:
                return False
            self._left, self._late = True, late
            begun = self._call is None
            self._call = None
            if late is not None:
                late.left()
        if late is not None and not begun:
            late.ended(Outcome(error=asyncio.CancelledError()))
        return True

    def run(self) -> None:
        """Makes the call, in this thread."""
        with self._lock:
            call, self._call = self._call, None
        if call is None:
            return
        try:
            outcome = Outcome(self._context.run(call, self._argument))
        except BaseException as error:
            outcome = Outcome(error=error)
        with self._lock:
            self.outcome = outcome
        if self._left and self._late is not None:
            self._late.ended(outcome)

    def tell(self) -> None:
        """Tells who waits that it has ended."""
        if not self._left:
            self._tell()


class _Thread:
    """A thread of the pool. What it is to do next is laid down in it, and its lock let go: that wakes it."""

    __slots__ = ("job", "wake")

    def __init__(self) -> None:
        self.job: Job | None = None
        self.wake = threading.Lock()
        self.wake.acquire()


class Workers:
    """At most so many threads, started when they are needed. They keep no process from ending.

    The executor of the standard library waits for its threads at the end, and a handler that hangs would hang that.
    Its queue and its futures also cost several times what a lock for each side does.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("there is at least one thread")
        self._most = most
        self._start()

    def _start(self) -> None:
        self._idle: list[_Thread] = []  # the last one that has become idle is the first one to be woken
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._threads = 0
        self._pid = os.getpid()

    def submit(self, job: Job) -> None:
        """Has a thread run the job. Raises UnavailableError when 1,024 wait already."""
        if self._pid != os.getpid():  # a server has forked, which takes no threads along
            self._start()
        try:
            thread = self._idle.pop()
        except IndexError:
            self._queue(job)
        else:
            thread.job = job
            thread.wake.release()

    def _queue(self, job: Job) -> None:
        with self._lock:
            if self._idle:  # since a moment ago: what waits is looked for under this lock
                thread = self._idle.pop()
                thread.job = job
                thread.wake.release()
            elif self._threads < self._most:
                name = f"callout-{self._threads + 1}"
                threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()
                self._threads += 1  # it did start: a machine may have no more threads
            elif len(self._waiting) >= MAX_WAITING:
                raise UnavailableError(f"{MAX_WAITING} plain handlers wait for a thread: give more threads")
            else:
                self._waiting.append(job)

    def _work(self, job: Job) -> None:
        this = _Thread()
        following: Job | None = job
        while True:
            if following is None:
                this.wake.acquire()
                following, this.job = this.job, None
            if following is not None:
                job, following = following, None
                job.run()
                # Idle before anybody is told: who is told goes on at once, and what is left to do here is little.
                following = self._next(this)
                job.tell()
                del job  # an idle thread keeps nothing alive

    def _next(self, this: _Thread) -> Job | None:
        """What waits; without that the thread is idle from now on."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(this)
            return None


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
