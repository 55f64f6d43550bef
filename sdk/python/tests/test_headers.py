"""Headers are the same, in whatever form a server has them, and the code of a key is that of the standard library."""

from __future__ import annotations

import hmac

import pytest

from callout.asgi import ScopeHeaders
from callout.headers import Headers
from callout.keys import Secret
from callout.wsgi import EnvironHeaders

ONCE = [("Content-Type", "application/json"), ("Content-Length", "2"), ("X-One", "ä"), ("webhook-id", "a")]


def scope(pairs):
    return ScopeHeaders((name.encode(), value.encode("latin-1")) for name, value in pairs)


def environ(pairs):
    names = {name.upper().replace("-", "_"): value for name, value in pairs}
    return EnvironHeaders(
        {"REQUEST_METHOD": "POST"}
        | {name if name.startswith("CONTENT_") else "HTTP_" + name: value for name, value in names.items()}
    )


@pytest.mark.parametrize("made", [Headers, scope, environ])
def test_one_of_each(made):
    headers = made(ONCE)
    assert sorted(headers) == sorted((name.lower(), value) for name, value in ONCE)
    assert len(headers) == 4
    for name in ("content-type", "Content-Type", "CONTENT-TYPE"):
        assert headers.get(name) == "application/json" and headers.all(name) == ["application/json"] and name in headers
    assert (headers.get("x-one"), headers.get("X-Two", "none"), headers.all("x-two")) == ("ä", "none", [])
    assert "x-two" not in headers and 1 not in headers and headers.get("é") == ""


@pytest.mark.parametrize("made", [Headers, scope])
def test_what_stands_twice_is_there_twice(made):
    headers = made([*ONCE, ("Webhook-ID", "b")])
    assert headers.all("webhook-id") == ["a", "b"] and headers.get("webhook-id") == "a"
    assert headers.get("x-one") == "ä" and len(headers) == 5
    assert made([]).get("webhook-id") == "" and list(made([])) == []


def test_an_environ_has_one_type():
    """A header of the name Content_Type is not the type, whatever a server makes of it."""
    headers = EnvironHeaders({"CONTENT_TYPE": "", "HTTP_CONTENT_TYPE": "text/plain", "HTTP_X_A": "1"})
    assert headers.all("content-type") == [] and list(headers) == [("x-a", "1")]
    both = EnvironHeaders({"CONTENT_TYPE": "application/json", "HTTP_CONTENT_TYPE": "text/plain"})
    assert list(both) == [("content-type", "application/json")]


@pytest.mark.parametrize("size", [1, 24, 64, 65, 512])
def test_the_code_of_a_key(size):
    key = bytes(range(256)) * 2
    assert Secret(key[:size]).digest(b"a.1.", b"body") == hmac.digest(key[:size], b"a.1.body", "sha256")
