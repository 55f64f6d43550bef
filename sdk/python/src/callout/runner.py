"""How a function of the developer is run under a deadline: on an event loop, or in a thread that may block."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .workers import LoopThread, Workers

__all__ = ["BlockingRunner", "Late", "LoopRunner", "Outcome", "Runner", "blocking"]

T = TypeVar("T")
Function = Callable[[Any], Any]


@dataclass(frozen=True)
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
        source: Any
        future: asyncio.Future[Outcome]
        if _is_async(function):
            source = future = self._loop.create_task(_awaited(function, argument))
        else:
            source = self._workers.submit(contextvars.copy_context().run, _called, function, argument)
            future = asyncio.wrap_future(source)
        in_time = False
        try:
            await asyncio.wait((future,), timeout=seconds)
            in_time = future.done()
        finally:  # the server may give the request up, by cancelling it
            if not in_time:
                future.cancel()
                _leave(source, late)
        if not in_time:
            return None
        outcome = _outcome(future)
        if inspect.iscoroutine(outcome.value):  # of a plain function that gives one, such as a lambda
            left = seconds - (time.monotonic() - start)
            return await self.run(_same, outcome.value, left, late)
        return outcome

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
        if _is_async(function):
            future = asyncio.run_coroutine_threadsafe(_awaited(function, argument), self._loop.get())
        else:
            future = self._workers.submit(contextvars.copy_context().run, _called, function, argument)
        concurrent.futures.wait((future,), timeout=seconds)
        if not future.done():
            _leave(future, late)
            return None
        outcome = _outcome(future)
        if inspect.iscoroutine(outcome.value):
            left = seconds - (time.monotonic() - start)
            return await self.run(_same, outcome.value, left, late)
        return outcome

    def await_late(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop.get()).result(60)


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


def _is_async(function: Function) -> bool:
    # An object that is called has its own way of being async.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _called(function: Function, argument: Any) -> Outcome:
    try:
        return Outcome(function(argument))
    except BaseException as error:
        return Outcome(error=error)


async def _awaited(function: Function, argument: Any) -> Outcome:
    try:
        return Outcome(await function(argument))
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # SystemExit would end the loop
        return Outcome(error=error)


async def _same(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine
