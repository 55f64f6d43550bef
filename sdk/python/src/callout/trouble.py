"""What is told of a request that got no answer of its handler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["Log", "Trouble", "log_trouble"]

_logger = logging.getLogger("callout")


@dataclass(frozen=True)
class Trouble:
    """A request that was refused, or whose handler failed. Nothing of it is a key or a signature."""

    status: int
    code: str
    """The code that the caller got."""
    detail: str
    """Which check failed, and what helps."""
    condition: str
    """Such as "event user.added"; "" for what was not read so far."""
    delivery_id: str
    error: BaseException | None = None
    """What the handler or the store raised."""

    def __str__(self) -> str:
        """One line."""
        about = " ".join(part for part in (self.condition, self.delivery_id and f"({self.delivery_id})") if part)
        line = f"callout: {self.status} {self.code}{' ' if about else ''}{about}: {self.detail}"
        if self.error is not None:
            line += f": {type(self.error).__name__}: {self.error}{_place(self.error)}"
        return "".join(c if c.isprintable() else " " for c in line)[:1000]


Log = Callable[[Trouble], None]
"""A hook that is told. It is called on the event loop or in the thread of the request, and must not block."""


def log_trouble(trouble: Trouble) -> None:
    """One line to the logger `callout`, which is to stderr where logging is not configured; the trace at DEBUG."""
    _logger.log(logging.ERROR if trouble.status >= 500 else logging.WARNING, "%s", trouble)
    if trouble.error is not None:
        _logger.debug("%s", trouble.code, exc_info=trouble.error)


def _place(error: BaseException) -> str:
    """Where it was raised, for who has no trace."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
