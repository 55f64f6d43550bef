"""A test kit: makes signed requests for any condition, and hands them to a receiver without a port.

    from callout.testing import KEY, receive, request

    def test_a_user_gets_a_name():
        answer = receive(hooks, request("/acme.user.v1.UserService/CreateUser", {"givenName": "Ada"}))
        assert answer.json == {"displayName": "Ada"}

The receiver is made with the key KEY, or the requests with its key: `request(…, key="whsec_…")`.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict

from .answer import Answer
from .arrival import Arrival
from .headers import Headers
from .keys import decode_base64
from .receiver import Callout

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["KEY", "Options", "Signed", "event", "function", "receive", "receive_async", "request", "response", "signed"]

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""A key for tests, which everybody knows."""


@dataclass(frozen=True)
class Signed:
    """A request as Callout sends it. Change what is to be wrong by dataclasses.replace, or with `header`."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = "POST"
    path: str = "/"

    def header(self, name: str, value: str | None) -> Signed:
        """The same request with another header; None takes it out. It is not signed anew."""
        kept = {key: said for key, said in self.headers.items() if key != name.lower()}
        return replace(self, headers=kept if value is None else {**kept, name.lower(): value})


class Options(TypedDict, total=False):
    """What may be said of any request."""

    key: str
    """A whsec_ text signs by both HMAC schemes, a whsk_ text by v1a, another one by ZITADEL's."""
    delivery_id: str
    """A new one unless it is said."""
    attempt: int
    """From 1 on."""
    remaining_ms: int
    """10,000 unless it is said."""
    test: bool
    """Marks a sample."""
    headers: Mapping[str, str]
    """These come beside those that Callout has, and in place of those that they name."""
    path: str
    now: float
    """When it is signed, in seconds since 1970."""


def request(
    method: str, request: object, /, *, members: Mapping[str, Any] | None = None, **options: Unpack[Options]
) -> Signed:
    """The request of a method. members are more of the body, such as orgID; options are those of signed."""
    return signed({"fullMethod": method, "request": request, **(members or {})}, **options)


def response(
    method: str,
    request: object,
    response: object,
    /,
    *,
    members: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> Signed:
    """The response of a method. members are more of the body; options are those of signed."""
    return signed({"fullMethod": method, "request": request, "response": response, **(members or {})}, **options)


def function(name: str, context: Mapping[str, Any] | None = None, /, **options: Unpack[Options]) -> Signed:
    """A function, with what the core says of it. Options are those of signed."""
    return signed({"function": f"function/{name.removeprefix('function/')}", **(context or {})}, **options)


def event(
    type: str,
    payload: object = None,
    /,
    *,
    aggregate_id: str = "1",
    members: Mapping[str, Any] | None = None,
    structured: bool = False,
    **options: Unpack[Options],
) -> Signed:
    """An event. structured makes it a CloudEvent in structured form; options are those of signed."""
    body: dict[str, Any] = {"aggregateID": aggregate_id, "event_type": type, **(members or {})}
    if payload is not None:
        body["event_payload"] = payload
    headers = {"callout-event-id": uuid.uuid4().hex, "callout-event-type": type, "callout-sequence": "1"}
    if structured:
        attributes = {"specversion": "1.0", "id": headers["callout-event-id"], "source": "/test", "type": type}
        body = {**attributes, "datacontenttype": "application/json", "data": body}
        headers["content-type"] = "application/cloudevents+json"
    options["headers"] = {**headers, **options.get("headers", {})}
    return signed(body, **options)


def signed(body: Mapping[str, Any] | bytes, /, **options: Unpack[Options]) -> Signed:
    """Any body, as Callout would send it."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    stamp = str(int(options.get("now", time.time())))
    delivery_id = options.get("delivery_id", uuid.uuid4().hex)
    base = {
        "content-type": "application/json",
        "content-length": str(len(raw)),
        "user-agent": "callout",
        "callout-target": "test",
        "callout-delivery-id": delivery_id,
        "callout-attempt": str(options.get("attempt", 1)),
        "callout-remaining-ms": str(options.get("remaining_ms", 10_000)),
        "callout-instance": "default",
        **({"callout-test": "true"} if options.get("test") else {}),
        **_signatures(options.get("key", KEY), delivery_id, stamp, raw),
    }
    more = {name.lower(): value for name, value in options.get("headers", {}).items()}
    return Signed(raw, {**base, **more}, path=options.get("path", "/"))


def _signatures(key: str, delivery_id: str, stamp: str, raw: bytes) -> dict[str, str]:
    message = f"{delivery_id}.{stamp}.".encode() + raw
    made = {"webhook-id": delivery_id, "webhook-timestamp": stamp}
    if key.startswith("whsk_"):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        seed = (decode_base64(key.removeprefix("whsk_")) or b"")[:32]
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
        return {**made, "webhook-signature": "v1a," + base64.b64encode(signature).decode()}
    text = hmac.digest(key.encode(), stamp.encode() + b"." + raw, "sha256").hex()
    made["zitadel-signature"] = f"t={stamp},v1={text}"
    secret = decode_base64(key.removeprefix("whsec_"))
    if secret is not None and 24 <= len(secret) <= 64:
        made["webhook-signature"] = "v1," + base64.b64encode(hmac.digest(secret, message, "sha256")).decode()
    return made


def receive(hooks: Callout, signed: Signed) -> Answer:
    """What the receiver answers. Async handlers run on a loop in another thread."""
    return hooks.answer_blocking(_arrival(signed))


async def receive_async(hooks: Callout, signed: Signed) -> Answer:
    """What the receiver answers, with async handlers on this loop."""
    return await hooks.answer(_arrival(signed))


def _arrival(signed: Signed) -> Arrival:
    async def read(most: int) -> bytes:
        return signed.body

    return Arrival(signed.method, signed.path, Headers(signed.headers.items()), read)
