"""Bodies: what is one, and what it is."""

from __future__ import annotations

import json

import pytest
from conftest import make

from callout.body import decode, phase_of
from callout.failure import RefusedError
from callout.testing import Signed, event, receive, request, signed


@pytest.mark.parametrize(
    ("body", "phase", "name"),
    [
        ({"function": "function/create_id_token"}, "function", "create_id_token"),
        ({"function": "create_id_token", "event_type": "a", "fullMethod": "/a.B/C"}, "function", "create_id_token"),
        ({"function": 1, "event_type": "a", "fullMethod": "/a.B/C"}, "event", "a"),
        ({"event_type": None, "fullMethod": "/a.B/C", "response": None}, "response", "/a.B/C"),
        ({"fullMethod": "/a.B/C"}, "request", "/a.B/C"),
    ],
)
def test_what_a_body_is(body, phase, name):
    assert phase_of(body) == (phase, name)


NESTED = '{"event_type":"user.added","aggregateID":"n","a":'


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"event_type":"user.added"}', 204),
        (b' \r\n\t{"event_type":"user.added"}\n', 204),
        ((NESTED + "[" * 127 + "]" * 127 + "}").encode(), 204),
        ((NESTED + "[" * 128 + "]" * 128 + "}").encode(), 400),
        ((NESTED + '"' + "[{" * 500 + '"}').encode(), 204),
        (b"[" * 500_000, 400),
        (b'{"a":' * 100_000, 400),
        (b"", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"{}"', 400),
        (b"{}", 400),
        (b'{"event_type":7}', 400),
        (b'{"event_type":"user.added"}{}', 400),
        (b'{"event_type":"user.added",}', 400),
        (b"{'event_type':'user.added'}", 400),
        (b'{"event_type":"user.added","a":NaN}', 400),
        (b'{"event_type":"user.added","a":-Infinity}', 400),
        (b'{"event_type":"user.added","a":01}', 400),
        (b'{"event_type":"user.added","a":"\n"}', 400),
        (b'{"event_type":"user.added","a":"\xff"}', 400),
        (b'{"event_type":"user.added","a":"\xed\xa0\x80"}', 400),
        (b'\xef\xbb\xbf{"event_type":"user.added"}', 400),
        ('{"event_type":"user.added"}'.encode("utf-16"), 400),
        (b'{"specversion":"1.0","data":{"event_type":"user.added"}}', 204),
        (b'{"specversion":"1.0","data":"text","event_type":"user.added"}', 400),
        (b'{"specversion":"1.0","event_type":"user.added"}', 400),
        (b'{"specversion":"0.3","data":{"event_type":"user.added"}}', 400),
    ],
)
def test_one_object_and_nothing_else(hooks, raw, status):
    answer = receive(hooks, signed(raw))
    assert answer.status == status
    if status == 400:
        assert answer.json == {"code": "malformed", "message": "the body is no call and no event"}


def test_unknown_members_and_numbers_are_passed_on(told, seen):
    hooks = make(told, seen)

    @hooks.request("/acme.Users/Echo")
    async def echo(call):
        assert call.raw == made.body
        return call.body

    made = request("/acme.Users/Echo", {"n": 9007199254740993, "s": "\ud800", "t": "ä"}, members={"new": [None]})
    answer = receive(hooks, made)
    assert answer.json == json.loads(made.body)
    assert b"9007199254740993" in answer.body


def test_a_structured_cloud_event_is_unwrapped(hooks, seen):
    assert receive(hooks, event("user.added", aggregate_id="u7", structured=True)).status == 204
    assert seen == ["u7"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=utf-8"}, 204),
        ({"content-type": "Application/JSON"}, 204),
        ({"content-type": "application/cloudevents+json"}, 204),
        ({"content-encoding": "Identity"}, 204),
        ({"content-type": "text/json"}, 415),
        ({"content-type": "application/jsonx"}, 415),
        ({"content-type": "application/jwt"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": None}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": str((1 << 20) + 1)}, 413),
        ({"content-length": "9" * 30}, 413),
    ],
)
def test_headers_of_a_body(hooks, headers, status):
    made: Signed = event("user.added")
    for name, value in headers.items():
        made = made.header(name, value)
    assert receive(hooks, made).status == status


def test_decode_raises_one_error():
    with pytest.raises(RefusedError, match="malformed"):
        decode(b"{" * 10)
