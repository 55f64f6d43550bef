"""The body of a request: one JSON object, and what it is."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

from .failure import RefusedError

__all__ = ["Body", "Phase", "decode", "phase_of"]

Body = dict[str, Any]
Phase = Literal["request", "response", "function", "event"]

MAX_DEPTH = 128


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def decode(raw: bytes) -> Body:
    """Reads one JSON object in UTF-8, nested at most 128 deep, and unwraps a structured CloudEvent.

    Raises RefusedError malformed.
    """
    try:
        text = raw.decode("utf-8")
        value = _read(text)
    except (ValueError, RecursionError):
        raise RefusedError("malformed", "the body is not one JSON value in UTF-8") from None
    body = _object(value, "the body")
    # Fewer brackets than that cannot be nested deeper.
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper(body, MAX_DEPTH):
        raise RefusedError("malformed", f"the body is nested more than {MAX_DEPTH} deep")
    if body.get("specversion") == "1.0":
        return _object(body.get("data"), "the data of the CloudEvent")
    return body


def _read(text: str) -> object:
    value: object = None
    try:
        value, end = _decoder.raw_decode(text)
    except ValueError:
        end = -1
    # With white space around it, which Callout does not send, or wrong.
    return value if end == len(text) else _decoder.decode(text)


def _object(value: object, name: str) -> Body:
    if not isinstance(value, dict):
        raise RefusedError("malformed", f"{name} is no JSON object")
    return cast(Body, value)


def _deeper(value: object, most: int) -> bool:
    level: list[object] = [value]
    for _ in range(most):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(cast(Body, one).values())
            elif isinstance(one, list):
                below.extend(cast(list[object], one))
        level = [one for one in below if isinstance(one, (dict, list))]
        if not level:
            return False
    return True


def phase_of(body: Body) -> tuple[Phase, str]:
    """What a body is, and the name that a condition is matched with. Raises RefusedError malformed."""
    for member, phase in _MEMBERS:
        name = body.get(member)
        if isinstance(name, str):
            if phase == "request" and "response" in body:
                return "response", name
            return phase, name.removeprefix("function/") if phase == "function" else name
    raise RefusedError("malformed", "the body has neither function, event_type nor fullMethod")


_MEMBERS: tuple[tuple[str, Phase], ...] = (("function", "function"), ("event_type", "event"), ("fullMethod", "request"))
