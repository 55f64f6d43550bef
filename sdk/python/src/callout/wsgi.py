"""The receiver as a WSGI application (PEP 3333): Flask, Django, gunicorn, mod_wsgi."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .arrival import Arrival, consumed, too_large
from .headers import Headers

if TYPE_CHECKING:
    from .receiver import Callout

__all__ = ["Environ", "StartResponse", "application", "joined_apart"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

FIX = "let nothing read request.data, request.form or wsgi.input before the receiver"

_JOINED = re.compile(r",(?=v1a?,)")


def application(hooks: Callout, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    async def read(most: int) -> bytes:
        return _read(environ, most)

    # WSGI hands paths over as latin-1 of what is UTF-8.
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
    headers = Headers(_pairs(environ))
    answer = hooks.answer_blocking(Arrival(environ["REQUEST_METHOD"], path, headers, read))
    pairs = [("-".join(map(str.capitalize, name.split("-"))), value) for name, value in answer.headers]
    if answer.status != 204:
        pairs.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", pairs)
    return [answer.body]


def _pairs(environ: Environ) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            header = name[5:].replace("_", "-").lower()
            yield header, joined_apart(header, value)
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            yield name.replace("_", "-").lower(), environ[name]


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
