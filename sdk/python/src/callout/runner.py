"""How a function of the developer is run under a deadline: on an event loop, or in a thread that may block."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .stepping import begin
from .workers import Job, Late, LoopThread, Outcome, Workers

__all__ = ["BlockingRunner", "Function", "Late", "LoopRunner", "Outcome", "Runner", "blocking"]

T = TypeVar("T")


@dataclass(frozen=True)
class Function:
    """A plain or async function of one argument."""

    call: Callable[[Any], Any]
    is_async: bool

    @classmethod
    def of(cls, call: Callable[[Any], Any]) -> Function:
        # An object that is called has its own way of being async.
        inner = getattr(call, "__call__", None)  # noqa: B004
        return cls(call, inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(inner))


class Runner(Protocol):
    """Runs plain and async functions of one argument."""

    async def run(self, function: Function, argument: Any, seconds: float, late: Late | None = None) -> Outcome | None:
        """The outcome, or None when it took longer than seconds.

        Then an async function is cancelled, a plain one that waits for a thread never starts, and one that runs goes
        on; late is told how it ends. Raises UnavailableError when too many wait.
        """
        ...

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        """From any thread: has what an async store does done on the loop that it is used to. It does not wait."""
        ...


def blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits by blocking its thread, so that it never gives way."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("something waits for an event loop where there is none")


class LoopRunner:
    """Runs functions for who is on an event loop. Plain ones get a thread."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._loop = asyncio.get_running_loop()

    async def run(self, function: Function, argument: Any, seconds: float, late: Late | None = None) -> Outcome | None:
        until = time.monotonic() + seconds
        if function.is_async:
            running = _Running(self._loop, until)
            task = _task(running.settling(function.call, argument), self._loop)
            return running.outcome or await running.outcome_of(task, late)
        outcome = await self._run_plain(function.call, argument, seconds, late)
        if outcome is not None and inspect.iscoroutine(outcome.value):  # of a plain function, such as a lambda
            return await self.run(_SAME, outcome.value, until - time.monotonic(), late)
        return outcome

    async def _run_plain(
        self, call: Callable[[Any], Any], argument: Any, seconds: float, late: Late | None
    ) -> Outcome | None:
        loop, ending = self._loop, self._loop.create_future()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(_settle, ending)

        job = Job(call, argument, tell)
        self._workers.submit(job)
        timer = loop.call_later(max(seconds, 0.0), _settle, ending)
        try:
            await ending
        except asyncio.CancelledError:  # the server gives the request up
            if not job.leave(late) and late is not None:  # it has ended just now
                late.left()
                late.ended(_ended(job))
            raise
        finally:
            timer.cancel()
        return None if job.leave(late) else job.outcome

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class BlockingRunner:
    """Runs functions for who is in a thread that may block. Async ones run on a loop in a thread of its own."""

    def __init__(self, workers: Workers, loop: LoopThread) -> None:
        self._workers = workers
        self._loop = loop

    async def run(self, function: Function, argument: Any, seconds: float, late: Late | None = None) -> Outcome | None:
        until = time.monotonic() + seconds
        if function.is_async:
            return self._run_async(function.call, argument, seconds, late)
        # A lock for each side is the cheapest way there is to have another thread do a thing and to wait for it.
        ended = threading.Lock()
        ended.acquire()
        job = Job(function.call, argument, ended.release)
        self._workers.submit(job)
        ended.acquire(timeout=max(seconds, 0.0))
        outcome = None if job.leave(late) else job.outcome
        if outcome is not None and inspect.iscoroutine(outcome.value):
            return self._run_async(_same, outcome.value, until - time.monotonic(), late)
        return outcome

    def _run_async(
        self, call: Callable[[Any], Any], argument: Any, seconds: float, late: Late | None
    ) -> Outcome | None:
        future = asyncio.run_coroutine_threadsafe(_awaited(call, argument), self._loop.get())
        concurrent.futures.wait((future,), timeout=seconds)
        if future.done():
            return _outcome(future)
        _leave(future, late)
        return None

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop.get())


class _Running:
    """An async function in a task of its own: one that does not give way when it is cancelled is left behind."""

    __slots__ = ("_ending", "_loop", "_timer", "_until", "outcome")

    def __init__(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self._loop, self._until = loop, until
        self.outcome: Outcome | None = None
        self._ending: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def outcome_of(self, task: asyncio.Task[Outcome], late: Late | None) -> Outcome | None:
        self._ending = self._loop.create_future()
        outcome: Outcome | None = None
        try:
            await self._ending
            outcome = self.outcome
        finally:  # the server may give the request up, by cancelling it
            if self._timer is not None:
                self._timer.cancel()
            if outcome is None:
                _leave(task, late)
        return outcome

    async def settling(self, call: Callable[[Any], Any], argument: Any) -> Outcome:
        # It settles the ending itself: that saves turns of the loop. And one that never waits needs no timer.
        try:
            outcome = Outcome(await begin(call(argument), self._wait))
        except asyncio.CancelledError as cancelled:
            self._end(Outcome(error=cancelled))
            raise
        except BaseException as error:  # SystemExit would end the loop
            outcome = Outcome(error=error)
        self._end(outcome)
        return outcome

    def _wait(self) -> None:
        self._timer = self._loop.call_later(max(self._until - time.monotonic(), 0.0), self._end, None)

    def _end(self, outcome: Outcome | None) -> None:
        if self._ending is None:  # a task that began at once, and did not wait
            self.outcome = outcome
        elif not self._ending.done():
            self.outcome = outcome
            self._ending.set_result(None)


def _task(coroutine: Coroutine[Any, Any, Outcome], loop: asyncio.AbstractEventLoop) -> asyncio.Task[Outcome]:
    """A task, which where Python can (3.12) begins at once: one that never waits costs no turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


_left: set[Any] = set()  # a loop keeps no task that nobody waits for


def _leave(source: Any, late: Late | None) -> None:
    """Tells a task that its time is over, and whoever asked how it ends."""

    def ended(source: Any) -> None:
        _left.discard(source)
        outcome = _outcome(source)
        if late is not None:
            late.ended(outcome)

    _left.add(source)
    if late is not None:
        late.left()
    source.cancel()
    source.add_done_callback(ended)


def _outcome(future: Any) -> Outcome:
    if future.cancelled():
        return Outcome(error=asyncio.CancelledError())
    error: BaseException | None = future.exception()
    outcome: Outcome = Outcome(error=error) if error is not None else future.result()
    return outcome


def _ended(job: Job) -> Outcome:
    return job.outcome or Outcome(error=asyncio.CancelledError())


def _settle(ending: asyncio.Future[None]) -> None:
    if not ending.done():
        ending.set_result(None)


async def _awaited(call: Callable[[Any], Any], argument: Any) -> Outcome:
    try:
        return Outcome(await call(argument))
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # SystemExit would end the loop
        return Outcome(error=error)


async def _same(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


_SAME = Function(_same, True)
