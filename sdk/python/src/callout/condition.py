"""Conditions, and which handler is the most exact one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .body import Phase
from .failure import ConfigurationError
from .runner import Function

__all__ = ["Table"]

_SERVICE = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
_CALL = re.compile(rf"(?=.{{1,255}}\Z)(?:\*|{_SERVICE}|/{_SERVICE}/[A-Za-z0-9_]+)\Z")
_FUNCTION = re.compile(r"(?=.{1,100}\Z)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){0,15}\Z")

_FORMS = {
    "request": "/package.Service/Method, package.Service or *",
    "response": "/package.Service/Method, package.Service or *",
    "function": "a name such as create_id_token",
    "event": "a type such as user.added, a group such as user.*, or *",
}


class Table:
    """Functions by phase and condition. It is filled before requests come, and then only read."""

    def __init__(self) -> None:
        self._by_phase: dict[Phase, dict[str, Function]] = {"request": {}, "response": {}, "function": {}, "event": {}}

    def add(self, phase: Phase, condition: str, handler: Function) -> None:
        """Raises ConfigurationError for what is no condition of the phase, or stands there already."""
        if phase == "function":
            condition = condition.removeprefix("function/")
        if not _is_condition(phase, condition):
            raise ConfigurationError(f"{condition!r} is no condition of a {phase}: {_FORMS[phase]}")
        handlers = self._by_phase[phase]
        if condition in handlers:
            raise ConfigurationError(f"the {phase} {condition} has a handler already")
        handlers[condition] = handler

    def find(self, phase: Phase, name: str) -> Function | None:
        """The handler of the most exact condition that covers the name."""
        handlers = self._by_phase[phase]
        exact = handlers.get(name)
        if exact is not None and (name.startswith("/") or phase in ("function", "event")):
            return exact
        for condition in _candidates(phase, name):
            if condition in handlers:
                return handlers[condition]
        return None

    def __iter__(self) -> Iterator[tuple[Phase, str]]:
        for phase, handlers in self._by_phase.items():
            for condition in handlers:
                yield phase, condition


def _is_condition(phase: Phase, text: str) -> bool:
    if phase == "event":
        return text == "*" or _is_event_type(text.removesuffix(".*"))
    return bool((_FUNCTION if phase == "function" else _CALL).match(text))


def _is_event_type(text: str) -> bool:
    segments = text.split(".")
    if len(text.encode("utf-8", "surrogatepass")) > 255 or len(segments) > 16 or text.startswith("/"):
        return False
    return all(segments) and text.isprintable() and not any(c in "*>" or c.isspace() for c in text)


def _candidates(phase: Phase, name: str) -> Iterator[str]:
    """Conditions that cover a name, the most exact one first."""
    if phase == "function":
        yield name
        return
    if phase == "event":
        yield name
        head = name
        while "." in head:
            head = head.rpartition(".")[0]
            yield head + ".*"
    elif name.startswith("/"):
        yield name
        yield name[1:].rpartition("/")[0]
    yield "*"
