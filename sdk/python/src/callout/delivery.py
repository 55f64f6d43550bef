"""What a handler is given."""

from __future__ import annotations

import time
from typing import Any, Generic, TypeVar, cast
from urllib.parse import unquote

from .headers import Headers

__all__ = ["Call", "Delivery", "Event", "Function", "Response"]

Request = TypeVar("Request")
Result = TypeVar("Result")
Payload = TypeVar("Payload")
Context = TypeVar("Context")


class Delivery:
    """One request to a target, checked and decoded. It may be read from several threads.

    Signed are the body and, where Standard Webhooks or a JWT decided, delivery_id. Headers are not: what you act upon
    take from the body.
    """

    __slots__ = ("body", "deadline", "delivery_id", "headers", "raw")

    body: Any
    """The whole body, decoded, with every member that it had."""

    def __init__(self, body: Any, raw: bytes, headers: Headers, delivery_id: str, deadline: float) -> None:
        self.body = body
        self.raw = raw
        """The body as bytes: of a JWT or JWE the payload, else as it came."""
        self.headers = headers
        """The headers as they came."""
        self.delivery_id = delivery_id
        """The same on every attempt; "" where there is none. Do a thing once for each."""
        self.deadline = deadline
        """When nobody waits for the answer any more, on the clock of time.monotonic()."""

    def remaining(self) -> float:
        """Seconds until the deadline, 0.0 once it is over.

        An async handler is cancelled then. A plain one cannot be: the caller has its answer, and the handler looks
        here, or at expired, to end. One that gives up raises: an event whose handler returns is done, however late.
        """
        return max(0.0, self.deadline - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether the deadline is over."""
        return time.monotonic() >= self.deadline

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1 on."""
        return self._number("callout-attempt") or 1

    @property
    def sequence(self) -> int | None:
        """The number of the message in its stream: of an event and of an async target."""
        return self._number("callout-sequence")

    @property
    def target(self) -> str:
        """The name of the target in Callout's configuration."""
        return self.headers.get("callout-target")

    @property
    def instance(self) -> str:
        """The instance, that is the tenant."""
        return self._text("instanceID") or unquote(self.headers.get("callout-instance"))

    @property
    def org(self) -> str:
        """The organization; "" where none is named."""
        return self._text("orgID") or self._text("resourceOwner") or unquote(self.headers.get("callout-org"))

    @property
    def test(self) -> bool:
        """Whether this is a sample: answer it as everything, and keep nothing of it."""
        return self.headers.get("callout-test") == "true"

    @property
    def replay(self) -> bool:
        """Whether somebody sends this event again on purpose."""
        return self.headers.get("callout-replay") == "true"

    @property
    def redrive(self) -> bool:
        """Whether this was a dead letter."""
        return self.headers.get("callout-redrive") == "true"

    def _number(self, name: str) -> int | None:
        text = self.headers.get(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None

    def _text(self, member: str) -> str:
        value = self.body.get(member)
        return value if isinstance(value, str) else ""


class Call(Delivery, Generic[Request]):
    """A request, before the core handles it. Call[R] says what request is, by a TypedDict."""

    __slots__ = ()

    @property
    def request(self) -> Request:
        """What the core was asked, with what targets before you changed."""
        return cast(Request, self.body.get("request"))

    @property
    def full_method(self) -> str:
        """/package.Service/Method."""
        return self._text("fullMethod")

    @property
    def user_id(self) -> str:
        """Who calls; "" where the core does not say."""
        return self._text("userID")

    @property
    def project_id(self) -> str:
        """The project; "" where the core does not say."""
        return self._text("projectID")


class Response(Call[Request], Generic[Request, Result]):
    """A response, after the core has handled the request. Response[Q, R] says what request and response are."""

    __slots__ = ()

    @property
    def response(self) -> Result:
        """What the core answers, with what targets before you changed."""
        return cast(Result, self.body.get("response"))


class Function(Delivery, Generic[Context]):
    """A named place in the core. Function[C] says what body is, by a TypedDict."""

    __slots__ = ()

    body: Context

    @property
    def name(self) -> str:
        """The function's name, without function/ before it."""
        return self._text("function").removeprefix("function/")


class Event(Delivery, Generic[Payload]):
    """An event, after the core has stored it. Event[P] says what payload is, by a TypedDict."""

    __slots__ = ()

    @property
    def payload(self) -> Payload:
        """What the event says: event_payload of the body, None where it has none."""
        return cast(Payload, self.body.get("event_payload"))

    @property
    def type(self) -> str:
        """The type, such as user.added."""
        return self._text("event_type")

    @property
    def aggregate_id(self) -> str:
        """What the event is about."""
        return self._text("aggregateID")

    @property
    def aggregate_type(self) -> str:
        """The kind of what the event is about; "" where the core does not say."""
        return self._text("aggregateType")

    @property
    def user_id(self) -> str:
        """Who did it; "" where the core does not say."""
        return self._text("userID")

    @property
    def id(self) -> str:
        """The event's id, the same for every target that gets it."""
        return unquote(self.headers.get("callout-event-id") or self.headers.get("ce-id"))

    @property
    def time(self) -> str:
        """When it was stored, RFC 3339 in UTC; else created_at of the body."""
        return self.headers.get("callout-event-time") or self._text("created_at")
