"""Views for Django: `path("hooks", callout.django.view(hooks))`. They are exempt from CSRF, since they are signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .answer import Answer
from .arrival import Arrival, consumed, too_large
from .headers import Headers
from .wsgi import joined_apart

if TYPE_CHECKING:
    from .receiver import Callout

__all__ = ["async_view", "view"]

View = Callable[[Any], Any]
AsyncView = Callable[[Any], Awaitable[Any]]

FIX = "let no middleware read request.POST, request.FILES or the stream before this view"


def view(hooks: Callout) -> View:
    """A plain view, for WSGI. Plain handlers run in a thread of their own: their database connections are theirs."""

    def callout_view(request: Any) -> Any:
        return _response(hooks.answer_blocking(_arrival(request)))

    callout_view.csrf_exempt = True  # type: ignore[attr-defined]
    return callout_view


def async_view(hooks: Callout) -> AsyncView:
    """An async view, for ASGI."""

    async def callout_view(request: Any) -> Any:
        return _response(await hooks.answer(_arrival(request)))

    callout_view.csrf_exempt = True  # type: ignore[attr-defined]
    return callout_view


def _arrival(request: Any) -> Arrival:
    async def read(most: int) -> bytes:
        from_django = import_module("django.core.exceptions")
        try:
            # Django keeps the bytes beside what it parsed of a form, and refuses when it did not.
            body: bytes = request.body
        except from_django.RequestDataTooBig:
            raise too_large(most) from None
        except import_module("django.http").RawPostDataException:
            raise consumed(FIX) from None
        if len(body) > most:
            raise too_large(most)
        return body

    headers = Headers((name, joined_apart(name, value)) for name, value in request.headers.items())
    return Arrival(request.method, request.path, headers, read)


def _response(answer: Answer) -> Any:
    made = import_module("django.http").HttpResponse(answer.body, status=answer.status)
    del made["Content-Type"]
    for name, value in answer.headers:
        made[name] = value
    return made
