"""How a function of the developer is run under a deadline: on an event loop, or in a thread that may block."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import inspect
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .workers import LoopThread, Workers

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


@dataclass(frozen=True)
class Outcome:
    """What a function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


Ending = asyncio.Future[Outcome | None]
"""How a function ended, None when its time was over before."""


class Late(Protocol):
    """Told of a function whose time is over."""

    def left(self) -> None:
        """Nobody waits for the function any more."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """How it ended, after that. It is called on a loop or in a thread."""
        ...


class Runner(Protocol):
    """Runs plain and async functions of one argument."""

    async def run(self, function: Function, argument: Any, seconds: float, late: Late | None = None) -> Outcome | None:
        """The outcome, or None when it took longer than seconds.

        Then an async function is cancelled, a plain one that waits for a thread never starts, and one that runs goes
        on; late is told how it ends. Raises UnavailableError when too many wait.
        """
        ...

    def await_late(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """From another thread: waits for what an async store does, on the loop that it is used to."""
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
        start = time.monotonic()
        ending: Ending = self._loop.create_future()
        source = self._begin(function, argument, ending)
        timer = self._loop.call_later(max(seconds, 0.0), _settle, ending, None)
        outcome: Outcome | None = None
        try:
            outcome = await ending
        finally:  # the server may give the request up, by cancelling it
            timer.cancel()
            if outcome is None:
                _leave(source, late)
        if outcome is not None and inspect.iscoroutine(outcome.value):  # of a plain function, such as a lambda
            left = seconds - (time.monotonic() - start)
            return await self.run(_SAME, outcome.value, left, late)
        return outcome

    def _begin(self, function: Function, argument: Any, ending: Ending) -> Any:
        """Starts a task, or a job of a thread, which settles the ending itself: that saves turns of the loop."""
        if function.is_async:
            return _task(_settling(function.call, argument, ending), self._loop)
        job = self._workers.submit(contextvars.copy_context().run, _called, function.call, argument)

        def ended(job: concurrent.futures.Future[Outcome]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(_settle, ending, _outcome(job))

        job.add_done_callback(ended)
        return job

    def await_late(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)


class BlockingRunner:
    """Runs functions for who is in a thread that may block. Async ones run on a loop in a thread of its own."""

    def __init__(self, workers: Workers, loop: LoopThread) -> None:
        self._workers = workers
        self._loop = loop

    async def run(self, function: Function, argument: Any, seconds: float, late: Late | None = None) -> Outcome | None:
        start = time.monotonic()
        future: concurrent.futures.Future[Outcome]
        if function.is_async:
            future = asyncio.run_coroutine_threadsafe(_awaited(function.call, argument), self._loop.get())
        else:
            future = self._workers.submit(contextvars.copy_context().run, _called, function.call, argument)
        concurrent.futures.wait((future,), timeout=seconds)
        if not future.done():
            _leave(future, late)
            return None
        outcome = _outcome(future)
        if inspect.iscoroutine(outcome.value):
            left = seconds - (time.monotonic() - start)
            return await self.run(_SAME, outcome.value, left, late)
        return outcome

    def await_late(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop.get()).result(60)


def _task(coroutine: Coroutine[Any, Any, Outcome], loop: asyncio.AbstractEventLoop) -> asyncio.Task[Outcome]:
    """A task, which where Python can (3.12) begins at once: one that never waits costs no turn of the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


_left: set[Any] = set()  # a loop keeps no task that nobody waits for


def _leave(source: Any, late: Late | None) -> None:
    """Tells a task or a job of a thread that its time is over, and whoever asked how it ends."""

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


def _called(call: Callable[[Any], Any], argument: Any) -> Outcome:
    try:
        return Outcome(call(argument))
    except BaseException as error:
        return Outcome(error=error)


def _settle(ending: Ending, outcome: Outcome | None) -> None:
    if not ending.done():
        ending.set_result(outcome)


async def _settling(call: Callable[[Any], Any], argument: Any, ending: Ending) -> Outcome:
    try:
        outcome = await _awaited(call, argument)
    except asyncio.CancelledError as cancelled:
        _settle(ending, Outcome(error=cancelled))
        raise
    _settle(ending, outcome)
    return outcome


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
