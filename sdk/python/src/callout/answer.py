"""What goes back to Callout, and what a handler may say besides a change."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from .failure import RefusedError

__all__ = ["Answer", "Later", "Never", "Reject", "changed", "refusal", "rejected", "unchanged"]

MAX_ANSWER = 1 << 20
MAX_MESSAGE = 8192
JSON = ("content-type", "application/json")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def _check_message(message: str, least: int) -> None:
    if not least <= len(message.encode("utf-8", "surrogatepass")) <= MAX_MESSAGE:
        raise ValueError(f"a message has {least} to {MAX_MESSAGE} bytes")


class Reject(Exception):
    """Refuses a call: the caller of the core gets this status and this message. Raise it from a handler of a call.

    The status is 400 to 499 and the message has 1 to 8,192 bytes; else it is a ValueError, and the call has failed.
    An event has happened, and cannot be refused.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        if not 400 <= status <= 499:
            raise ValueError("a call is rejected with a status of 400 to 499")
        _check_message(message, 1)
        self.status = status
        self.message = message


class Later(Exception):
    """Asks for an event again. Raise it from a handler of an event.

    after is how many seconds to wait at least, a whole number from 0 on; without one Callout waits as the target's
    retry says. A message has at most 8,192 bytes.
    """

    def __init__(self, message: str = "", *, after: int | None = None) -> None:
        super().__init__(message)
        if after is not None and not 0 <= after <= 10**9:
            raise ValueError("after is a number of seconds from 0 on")
        _check_message(message, 0)
        self.message = message
        self.after = after


class Never(Exception):
    """Gives an event up: it becomes a dead letter at once. Raise it from a handler of an event.

    A message has at most 8,192 bytes.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        _check_message(message, 0)
        self.message = message


@dataclass(slots=True)
class Answer:
    """An HTTP answer. Header names are in lower case."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def json(self) -> Any:
        """The body, decoded; None where there is none."""
        return json.loads(self.body) if self.body else None

    def header(self, name: str) -> str:
        """The value of a header, "" where it is not there."""
        return dict(self.headers).get(name.lower(), "")


def unchanged() -> Answer:
    return Answer(204)


def changed(value: object) -> Answer:
    """The answer for what a handler of a call returned. Raises ValueError or TypeError for what is no object."""
    if value is None:
        return unchanged()
    if type(value) is not dict:
        value = _object(value)
    body = write(cast(dict[str, Any], value))
    if len(body) > MAX_ANSWER:
        raise ValueError(f"an answer has at most 1 MiB, this one has {len(body)} bytes")
    return Answer(200, body, [JSON])


def _object(value: object) -> dict[str, Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if not isinstance(value, Mapping):
        hint = ": raise it" if isinstance(value, (Reject, Later, Never)) else ""
        raise TypeError(f"a handler returns an object (a dict) or None, not {type(value).__name__}{hint}")
    return dict(cast(Mapping[str, Any], value))


def rejected(reject: Reject) -> Answer:
    said = {"forwardedStatusCode": reject.status, "forwardedErrorMessage": reject.message}
    return Answer(200, write(said), [JSON])


def refusal(refused: RefusedError) -> Answer:
    body = write({"code": refused.code, "message": refused.message})
    return Answer(refused.status, body, [JSON, *refused.headers])


def write(value: dict[str, Any]) -> bytes:
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can only say by an escape
        return _encode_ascii(value).encode()
