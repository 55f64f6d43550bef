"""A request as a server hands it over, before anything is checked."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .failure import RefusedError
from .headers import Headers

__all__ = ["Arrival", "consumed", "too_large"]


@dataclass(slots=True)
class Arrival:
    """What came, and how to read its body."""

    method: str
    path: str
    headers: Headers
    read: Callable[[int], Awaitable[bytes]]
    """Reads the body, which has at most so many bytes. Raises RefusedError: body_too_large, body_consumed."""
    at: float = field(default_factory=time.monotonic)


def consumed(fix: str) -> RefusedError:
    """The failure of a body that something before the receiver has read."""
    return RefusedError("body_consumed", f"something read the body before its signature was checked: {fix}")


def too_large(most: int) -> RefusedError:
    """The failure of a body that has more than so many bytes."""
    return RefusedError("body_too_large", f"the body has more than {most} bytes: see max_body")
