"""The receiver as a WSGI application (PEP 3333): Flask, Django, gunicorn, mod_wsgi."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http.client import responses
from typing import TYPE_CHECKING, Any

from .arrival import Arrival, consumed, too_large
from .headers import Headers

if TYPE_CHECKING:
    from .receiver import Callout

__all__ = ["Environ", "EnvironHeaders", "StartResponse", "application", "joined_apart"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

FIX = "let nothing read request.data, request.form or wsgi.input before the receiver"

_JOINED = re.compile(r",(?=v1a?,)")


def application(hooks: Callout, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    async def read(most: int) -> bytes:
        return _read(environ, most)

    # WSGI hands paths over as latin-1 of what is UTF-8.
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
    answer = hooks.answer_blocking(Arrival(environ["REQUEST_METHOD"], path, EnvironHeaders(environ), read))
    pairs = [(_as_written(name), value) for name, value in answer.headers]
    if answer.status != 204:
        pairs.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} {responses[answer.status]}", pairs)
    return [answer.body]


class EnvironHeaders(Headers):
    """The headers of an environ. What is asked for is looked up, and nothing else."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def _values(self, name: str) -> list[str]:
        value = self._environ.get(_variable(name))
        # Servers that say neither type nor length leave them out, or empty.
        if value is None or (value == "" and name in _BARE):
            return []
        return [joined_apart(name, value) if "," in value else value]

    def _listed(self) -> list[tuple[str, str]]:
        names = [key[5:].replace("_", "-").lower() for key in self._environ.copy() if key.startswith("HTTP_")]
        asked = [*(name for name in names if name not in _BARE), *_BARE]
        return [(name, value) for name in asked for value in self._values(name)]


_BARE = ("content-type", "content-length")


@lru_cache(maxsize=256)
def _variable(name: str) -> str:
    upper = name.upper().replace("-", "_")
    return upper if name.lower() in _BARE else "HTTP_" + upper


@lru_cache(maxsize=64)
def _as_written(name: str) -> str:
    return "-".join(map(str.capitalize, name.split("-")))


def joined_apart(name: str, value: str) -> str:
    """Lines of one header, which servers of WSGI join with a comma: no well-formed signature has one in front."""
    return _JOINED.sub(" ", value) if name.lower() == "webhook-signature" else value


def _read(environ: Environ, most: int) -> bytes:
    # Flask's own request, where it is its view that calls: it may have kept the bytes beside what it parsed.
    request = environ.get("werkzeug.request")
    kept = getattr(request, "_cached_data", None)
    if isinstance(kept, bytes):
        if len(kept) > most:
            raise too_large(most)
        return kept
    stream = getattr(request, "__dict__", {}).get("stream") or environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        return _read_stream(stream, int(length), most)
    return _read_stream(stream, None, most) if environ.get("wsgi.input_terminated") else b""


def _read_stream(stream: Any, length: int | None, most: int) -> bytes:
    """Reads a body of a length that is known, or up to its end."""
    want = most + 1 if length is None else length
    raw = bytearray()
    while len(raw) < want:
        chunk = stream.read(want - len(raw))
        if not chunk:
            break
        raw += chunk
    if len(raw) > most:
        raise too_large(most)
    if length is not None and len(raw) < length:
        raise consumed(FIX)
    return bytes(raw)
