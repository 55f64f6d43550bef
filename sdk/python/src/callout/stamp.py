"""The time in a signature."""

from __future__ import annotations

from .failure import NotGenuineError

__all__ = ["TOLERANCE", "check_stamp", "is_seconds"]

TOLERANCE = 300
"""Seconds that a signature's time may lie from now, in both directions, the bound included."""


def is_seconds(text: str) -> bool:
    """Whether text is a time in its one canonical form: digits, at most 12, no leading zero."""
    return 0 < len(text) <= 12 and text.isascii() and text.isdigit() and (text[0] != "0" or text == "0")


def check_stamp(text: str, now: float) -> None:
    """Raises NotGenuineError for a time that is malformed, or too far from now (seconds since 1970)."""
    if not is_seconds(text):
        raise NotGenuineError("the timestamp is malformed")
    if abs(now - int(text)) > TOLERANCE:
        raise NotGenuineError(
            f"the timestamp is {round(now - int(text))} s old, and {TOLERANCE} s are taken in both directions: "
            "look at the clocks of both machines"
        )
