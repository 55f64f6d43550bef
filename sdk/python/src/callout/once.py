"""Deliveries are handled once: which are done, and which are under way."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

__all__ = ["MemoryStore", "Store", "UnderWay"]


class Store(Protocol):
    """Keeps the ids of deliveries that are done, where your data is: Redis, SQL. Plain or async methods.

    It is called from several threads at once if its methods are plain, and on the event loop if they are async. What
    it raises is answered 503, so that the delivery comes again: better late than twice.
    """

    def seen(self, delivery_id: str, /) -> bool | Awaitable[bool]:
        """Whether the delivery is done."""
        ...

    def done(self, delivery_id: str, /) -> Awaitable[None] | None:
        """The handler of the delivery has succeeded. Keep that for as long as a delivery may come again."""
        ...


class MemoryStore:
    """Keeps ids in memory: 10,000 for 10 minutes. Each process has its own, and a restart forgets."""

    def __init__(self, most: int = 10_000, seconds: float = 600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def seen(self, delivery_id: str, /) -> bool:
        """Whether the delivery is done, and not forgotten."""
        with self._lock:
            return self._until.get(delivery_id, float("-inf")) > self._clock()

    def done(self, delivery_id: str, /) -> None:
        """Keeps the id, and forgets the oldest where there are too many."""
        with self._lock:
            now = self._clock()
            self._until[delivery_id] = now + self._seconds
            self._until.move_to_end(delivery_id)
            while len(self._until) > self._most or next(iter(self._until.values())) <= now:
                self._until.popitem(last=False)


class UnderWay:
    """The deliveries whose handler runs at this moment."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, delivery_id: str) -> bool:
        """Whether it began: False when it is under way already."""
        with self._lock:
            if delivery_id in self._ids:
                return False
            self._ids.add(delivery_id)
            return True

    def end(self, delivery_id: str) -> None:
        with self._lock:
            self._ids.discard(delivery_id)
