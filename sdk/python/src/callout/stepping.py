"""What is awaited without waiting, most of the time: a timer is for the rest."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

__all__ = ["begin"]

T = TypeVar("T")


@types.coroutine
def begin(awaitable: Awaitable[T], waits: Callable[[], object]) -> Generator[Any, Any, T]:
    """Awaits, and calls waits when there is something to wait for, once, before it does."""
    inside: Any = awaitable.__await__()
    try:
        given = inside.send(None)
        waits()
        while True:
            try:
                sent = yield given
            except GeneratorExit:
                inside.close()
                raise
            except BaseException as error:
                given = inside.throw(error)
            else:
                given = inside.send(sent)
    except StopIteration as end:
        result: T = end.value
        return result
