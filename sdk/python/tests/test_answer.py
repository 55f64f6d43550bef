"""What handlers say, and what Callout reads."""

from __future__ import annotations

import base64
import dataclasses
import logging

import pytest
from conftest import make

from callout import Claims, Later, Never, Reject, claim, log_claim, metadata
from callout.testing import KEY, event, function, receive, request, response


def said(hooks, method: str, handler, made=request):
    hooks.request(method)(handler)
    return receive(hooks, made(method, {}))


@dataclasses.dataclass
class User:
    displayName: str


def test_a_change_a_refusal_and_nothing(hooks, told):
    assert receive(hooks, request("/acme.Users/Create", {"givenName": "Ada"})).json == {"displayName": "Ada!"}
    answer = receive(hooks, request("/acme.Users/Create", {}))
    assert answer.status == 200
    assert answer.body == b'{"forwardedStatusCode":422,"forwardedErrorMessage":"a user needs a given name"}'
    nothing = receive(hooks, request("/acme.Users/Nothing", {}))
    assert (nothing.status, nothing.body, nothing.headers) == (204, b"", [])
    assert said(hooks, "/a.B/Empty", lambda call: {}).body == b"{}"
    assert said(hooks, "/a.B/Class", lambda call: User("Ada")).json == {"displayName": "Ada"}
    assert told == []


def raising(error):
    def handler(call):
        raise error

    return handler


@pytest.mark.parametrize(
    "handler",
    [
        lambda call: [1],
        lambda call: "text",
        lambda call: User,
        lambda call: {"n": float("nan")},
        lambda call: {"o": object()},
        lambda call: {"s": "x" * (1 << 20)},
        lambda call: Reject(422, "no"),
        lambda call: Reject(200, "no"),
        lambda call: Reject(422, ""),
        lambda call: Reject(422, "x" * 8193),
        raising(RuntimeError("secret inside")),
        raising(SystemExit(1)),
        raising(KeyboardInterrupt()),
        raising(Later()),
        raising(Never()),
        lambda call: call.request["missing"],
    ],
)
def test_a_handler_that_fails(hooks, told, handler):
    answer = said(hooks, "/a.B/Bad", handler)
    assert answer.status == 500
    assert answer.json == {"code": "handler_failed", "message": "the handler failed"}
    assert told[0].error is not None
    assert told[0].condition == "request /a.B/Bad"


def test_an_async_handler_that_ends_the_program_fails(hooks, told):
    async def handler(call):
        raise SystemExit(1)

    assert said(hooks, "/a.B/Exit", handler).status == 500


def test_the_longest_answer(hooks):
    assert said(hooks, "/a.B/Long", lambda call: {"s": "x" * ((1 << 20) - 8)}).status == 200


def test_a_lambda_that_gives_a_coroutine(hooks):
    async def inner(call):
        return {"a": 1}

    assert said(hooks, "/a.B/Lambda", lambda call: inner(call)).json == {"a": 1}


def test_an_event_says_later_and_never(hooks, told):
    answer = receive(hooks, event("user.later"))
    assert (answer.status, answer.header("Retry-After")) == (503, "7")
    assert answer.json == {"code": "retry_later", "message": "not now"}
    answer = receive(hooks, event("user.never"))
    assert (answer.status, answer.json) == (422, {"code": "given_up", "message": "no use"})
    hooks.event("user.plain")(raising(Later()))
    answer = receive(hooks, event("user.plain"))
    assert (answer.status, answer.header("Retry-After")) == (503, "")
    assert told == []
    for bad in (lambda: Later(after=-1), lambda: Later("x" * 8193), lambda: Never("x" * 8193)):
        with pytest.raises(ValueError):
            bad()


def test_an_event_cannot_be_rejected(hooks):
    hooks.event("user.rejected")(raising(Reject(422, "no")))
    assert receive(hooks, event("user.rejected")).json["code"] == "handler_failed"


def test_what_an_event_returns_is_not_looked_at(hooks):
    hooks.event("user.value")(lambda event: ["a value"])
    assert receive(hooks, event("user.value")).status == 204


def test_claims(hooks):
    hooks.function("create_id_token")(
        lambda f: claim("uid", f.body["user"]["id"]).metadata("k", b"v").log_claim("done")
    )
    assert receive(hooks, function("create_id_token", {"user": {"id": "u1"}})).json == {
        "append_claims": [{"key": "uid", "value": "u1"}],
        "set_user_metadata": [{"key": "k", "value": base64.b64encode(b"v").decode()}],
        "append_log_claims": ["done"],
    }
    assert claim("a", 1).claim("b", [2]) == {"append_claims": [{"key": "a", "value": 1}, {"key": "b", "value": [2]}]}
    assert metadata("k", b"") == {"set_user_metadata": [{"key": "k", "value": ""}]}
    assert log_claim("a") == {"append_log_claims": ["a"]}
    assert Claims() == {}


def test_a_response(hooks):
    hooks.response("/a.B/C")(lambda call: {"count": call.response["count"] + len(call.request)})
    assert receive(hooks, response("/a.B/C", {"x": 1}, {"count": 1})).json == {"count": 2}


def test_what_a_handler_is_given(hooks):
    got = []
    hooks.event("user.seen")(got.append)
    more = {"callout-replay": "true", "callout-org": "caf%C3%A9", "X-Own": "1"}
    receive(
        hooks, event("user.seen", {"a": 1}, aggregate_id="u1", attempt=3, test=True, delivery_id="d1", headers=more)
    )
    e = got[0]
    assert (e.type, e.aggregate_id, e.payload, e.delivery_id) == ("user.seen", "u1", {"a": 1}, "d1")
    assert (e.attempt, e.sequence, e.test, e.replay, e.redrive) == (3, 1, True, True, False)
    assert (e.instance, e.org, e.target, e.headers.get("X-OWN"), "x-own" in e.headers) == (
        "default",
        "café",
        "test",
        "1",
        True,
    )
    assert 9 < e.remaining() < 10 and not e.expired and e.id and e.raw.startswith(b"{")


def test_what_is_signed_goes_before_headers(hooks):
    got = []
    hooks.event("user.seen")(got.append)
    receive(
        hooks,
        event(
            "user.seen",
            members={"resourceOwner": "acme", "instanceID": "i1", "created_at": "then"},
            headers={"callout-org": "forged", "callout-instance": "forged"},
        ),
    )
    assert (got[0].org, got[0].instance, got[0].time) == ("acme", "i1", "then")


def test_the_order_of_checks(told, seen):
    hooks = make(told, seen, path="/hooks")
    bad = event(
        "user.added",
        headers={"content-type": "text/plain", "content-length": str(1 << 30), "webhook-signature": "v1,AAAA"},
    )
    from dataclasses import replace

    steps = [
        (replace(bad, method="GET", path="/other"), "not_found"),
        (replace(bad, method="GET", path="/hooks"), "method_not_allowed"),
        (replace(bad, path="/hooks"), "unsupported_media_type"),
        (replace(bad, path="/hooks").header("content-type", "application/json"), "body_too_large"),
        (event("user.added", path="/hooks", key="other"), "unauthorized"),
    ]
    for made, code in steps:
        assert receive(hooks, made).json["code"] == code
    assert receive(hooks, steps[1][0]).header("allow") == "POST"
    hooks.drain()
    assert receive(hooks, steps[0][0]).json == {"code": "unavailable", "message": "the target cannot take this now"}


def test_the_log_says_what_failed_and_no_secret(told, seen, caplog):
    from callout.trouble import log_trouble

    hooks = make(told, seen, log=log_trouble)
    made = event("user.added", key="another key", delivery_id="d\n1")
    with caplog.at_level(logging.WARNING, "callout"):
        receive(hooks, made)
        receive(hooks, event("user.added", now=1))
        hooks.event("user.failed")(raising(ValueError("two\nlines")))
        receive(hooks, event("user.failed", delivery_id="d2"))
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("callout: 401 unauthorized: no signature of ZITADEL-Signature fits a key")
    assert "look at the clocks" in lines[1]
    assert lines[2].startswith("callout: 500 handler_failed event user.failed (d2): ") and "test_answer.py:" in lines[2]
    for line in lines:
        assert "\n" not in line and KEY not in line and made.headers["zitadel-signature"] not in line
