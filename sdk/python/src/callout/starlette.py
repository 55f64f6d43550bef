"""The receiver inside of an endpoint of Starlette or FastAPI: `return await callout.starlette.respond(hooks, request)`.

Nothing of this is needed to have it under a path: `app.add_route("/hooks", hooks)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .arrival import Arrival, consumed, too_large
from .asgi import ScopeHeaders

if TYPE_CHECKING:
    from .receiver import Callout

__all__ = ["respond"]

FIX = "let nothing read request.stream() or request.form() before; request.body() and request.json() keep the bytes"


async def respond(hooks: Callout, request: Any) -> Any:
    """Answers a request whose body may have been parsed: the bytes that Starlette kept beside it are taken."""

    async def read(most: int) -> bytes:
        try:
            body: bytes = await request.body()
        except RuntimeError:  # the stream was consumed
            raise consumed(FIX) from None
        if len(body) > most:
            raise too_large(most)
        return body

    headers = ScopeHeaders(request.scope["headers"])
    answer = await hooks.answer(Arrival(request.method, request.scope["path"], headers, read))
    response = import_module("starlette.responses").Response
    return response(answer.body, status_code=answer.status, headers=dict(answer.headers))
