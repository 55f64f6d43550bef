"""The receiver as a view of Django, under gunicorn and uvicorn."""

from __future__ import annotations

import json

import pytest
from conftest import post, process

from callout.testing import event, request

CREATE = request("/acme.Users/Create", {"givenName": "Ada"})
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "django_app:wsgi"],
    "uvicorn": ["-m", "uvicorn", "django_app:asgi", "--port", "0", "--lifespan", "off"],
}


@pytest.fixture(scope="module", params=SERVERS)
def url(request):
    with process(*SERVERS[request.param]) as (_, address):
        yield address


@pytest.mark.parametrize("view", ["plain", "async"])
def test_a_view(url, view):
    for path in (f"/{view}", f"/{view}-body"):
        status, headers, body = post(url + path, CREATE)
        assert (status, json.loads(body)) == (200, {"displayName": "Ada!"})
        assert {n.lower(): v for n, v in headers.items()}["content-type"] == "application/json"
    assert post(url + f"/{view}", event("user.added"))[::2] == (204, b"")
    assert post(url + f"/{view}", event("user.added", key="another"))[0] == 401
    big = request("/acme.Users/Create", {"givenName": "x" * (1 << 20)})
    assert post(url + f"/{view}", big)[0] == 413


@pytest.mark.parametrize("view", ["plain", "async"])
def test_a_body_that_was_read_is_noticed(url, view):
    status, _, body = post(url + f"/{view}-stream", CREATE)
    assert (status, json.loads(body)["code"]) == (500, "body_consumed")
