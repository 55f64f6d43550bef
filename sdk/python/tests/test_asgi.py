"""The receiver as an ASGI application: by hand, and under uvicorn with Starlette and FastAPI."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from conftest import post, process

from callout.testing import event, request

CREATE = request("/acme.Users/Create", {"givenName": "Ada"})


@pytest.fixture(scope="module")
def url():
    with process("uvicorn_app.py") as (_, address):
        yield address


@pytest.mark.parametrize("path", ["/bare", "/mounted/", "/mounted/x", "/api/hooks", "/api/parsed", "/middle/body"])
def test_ways_to_stand_in_an_application(url, path):
    status, headers, body = post(url + path, CREATE)
    assert (status, json.loads(body), headers["content-type"]) == (200, {"displayName": "Ada!"}, "application/json")
    made = event("user.added")
    assert [post(url + path, made)[::2] for _ in range(2)] == [(204, b"")] * 2
    assert post(url + path, made)[1]["callout-duplicate"] == "true"
    assert post(url + path, event("user.added", key="another"))[0] == 401
    assert json.loads(post(url + path, request("/acme.Users/Plain", {}))[2])["thread"].startswith("callout-")


@pytest.mark.parametrize("path", ["/api/streamed", "/middle/stream", "/read/"])
def test_a_body_that_was_read_is_noticed(url, path):
    start = time.monotonic()
    status, _, body = post(url + path, CREATE)
    assert (status, json.loads(body)["code"]) == (500, "body_consumed")
    assert time.monotonic() - start < 30


def test_a_plain_handler_that_hangs(url):
    assert post(url + "/bare", request("/a.B/Hang", {}, remaining_ms=300))[0] == 504


def call(hooks, scope, *messages):
    """Calls the application by hand; it gives what was sent."""
    left, sent = list(messages), []

    async def receive():
        if not left:
            await asyncio.sleep(3600)
        return left.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(hooks(scope, receive, send))
    return sent


def scope(made, **more):
    headers = [(name.encode(), value.encode()) for name, value in made.headers.items()]
    return {"type": "http", "method": "POST", "path": "/", "headers": headers, **more}


def body(raw: bytes, more: bool = False):
    return {"type": "http.request", "body": raw, "more_body": more}


def test_a_body_in_pieces(hooks):
    pieces = [body(CREATE.body[:5], True), body(b"", True), body(CREATE.body[5:])]
    assert call(hooks, scope(CREATE), *pieces)[0]["status"] == 200
    without = CREATE.header("content-length", None)
    assert call(hooks, scope(without), *pieces)[0]["status"] == 200


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([body(b"")], "body_consumed"),
        ([body(CREATE.body[:5])], "body_consumed"),
        ([{"type": "http.disconnect"}], "body_consumed"),
        ([], "body_consumed"),
        ([body(CREATE.body[:5], True)], "malformed"),
    ],
)
def test_a_body_that_does_not_come(hooks, told, monkeypatch, messages, code):
    monkeypatch.setattr("callout.asgi.FIRST", 0.05)
    monkeypatch.setattr("callout.asgi.WHOLE", 0.1)
    sent = call(hooks, scope(CREATE), *messages)
    assert json.loads(sent[1]["body"])["code"] == told[0].code == code
    assert code == "malformed" or "middleware" in told[0].detail


def test_a_body_that_is_too_long(hooks):
    without = CREATE.header("content-length", None)
    sent = call(hooks, scope(without), *[body(b"x" * 300_000, True)] * 4)
    assert sent[0]["status"] == 413


def test_lifespan(hooks):
    sent = call(hooks, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert call(hooks, scope(CREATE), body(CREATE.body))[0]["status"] == 503


def test_a_websocket_is_closed(hooks):
    assert call(hooks, {"type": "websocket"})[0]["type"] == "websocket.close"
