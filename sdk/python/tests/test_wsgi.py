"""The receiver as a WSGI application: by hand, and under gunicorn and Flask's own server."""

from __future__ import annotations

import io
import json

import pytest
from conftest import post, process

from callout.testing import event, request

CREATE = request("/acme.Users/Create", {"givenName": "Ada"})
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "flask_app:application"],
    "gunicorn, threads": [
        "-m",
        "gunicorn",
        "-b",
        "127.0.0.1:0",
        "--no-control-socket",
        "--threads",
        "4",
        "--preload",
        "flask_app:application",
    ],
    "Flask": ["flask_app.py"],
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    with process(*SERVERS[request.param]) as (_, address):
        yield request.param, address


@pytest.mark.parametrize("path", ["/hooks", "/parsed", "/mounted", "/mounted/x"])
def test_ways_to_stand_in_an_application(server, path):
    _, url = server
    status, headers, body = post(url + path, CREATE)
    assert (status, json.loads(body), headers["Content-Type"]) == (200, {"displayName": "Ada!"}, "application/json")
    made = event("user.added")
    assert post(url + path, made)[::2] == (204, b"")
    assert post(url + path, made)[1]["Callout-Duplicate"] == "true"
    assert post(url + path, event("user.added", key="another"))[0] == 401
    assert json.loads(post(url + path, request("/acme.Users/Plain", {}))[2])["thread"].startswith("callout-")


def test_flasks_context_goes_along(server):
    assert json.loads(post(server[1] + "/hooks", request("/acme.Users/Context", {}))[2]) == {"g": "here"}


@pytest.mark.parametrize("path", ["/read", "/uncached", "/middle"])
def test_a_body_that_was_read_is_noticed(server, path):
    name, url = server
    if (name, path) == ("Flask", "/middle"):
        return  # its wsgi.input is the bare connection, which has no end: see the README
    status, _, body = post(url + path, CREATE)
    assert (status, json.loads(body)["code"]) == (500, "body_consumed")


def call(hooks, made, raw: bytes | None = None, **more):
    environ = {
        "REQUEST_METHOD": made.method,
        "PATH_INFO": "/x",
        "wsgi.input": io.BytesIO(made.body if raw is None else raw),
    }
    for name, value in made.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    said = []
    body = b"".join(hooks.wsgi({**environ, **more}, lambda status, headers: said.append((status, dict(headers)))))
    return *said[0], body


def test_an_answer(hooks):
    assert call(hooks, CREATE) == (
        "200 OK",
        {"Content-Type": "application/json", "Content-Length": "22"},
        b'{"displayName":"Ada!"}',
    )
    assert call(hooks, event("user.added")) == ("204 No Content", {}, b"")
    assert call(hooks, CREATE, REQUEST_METHOD="GET")[:2][1]["Allow"] == "POST"


def test_bodies(hooks):
    without = CREATE.header("content-length", None)
    assert call(hooks, without, **{"wsgi.input_terminated": True})[0] == "200 OK"
    assert call(hooks, without)[0].startswith("401"), "a body of no length is none"
    assert call(hooks, CREATE, b"")[0].startswith("500")
    assert call(hooks, CREATE, CREATE.body[:-1])[0].startswith("500")
    assert call(hooks, CREATE, CREATE.body + b"what follows")[0] == "200 OK"
    assert call(hooks, without, b"x" * (2 << 20), **{"wsgi.input_terminated": True})[0].startswith("413")


def test_signatures_on_several_lines(hooks):
    good = CREATE.headers["webhook-signature"]
    assert call(hooks, CREATE.header("webhook-signature", f"v1,AAAA,{good}"))[0] == "200 OK"
    assert call(hooks, CREATE.header("webhook-signature", f"v1a,AAAA,{good},v1,AAAA"))[0] == "200 OK"
    assert call(hooks, CREATE.header("webhook-signature", f"{good},x"))[0] == "200 OK", "ZITADEL's decides then"
    assert call(hooks, CREATE.header("webhook-id", "a,b"))[0].startswith("401")
