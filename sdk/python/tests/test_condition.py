"""Conditions, and which handler runs."""

from __future__ import annotations

import pytest

from callout import Callout, ConfigurationError
from callout.condition import Table
from callout.runner import Function
from callout.testing import KEY, event, function, receive, request, response

GOOD = {
    "request": ["*", "acme.v1.Users", "Users", "/acme.v1.Users/Create"],
    "response": ["*", "s.T", "/s.T/M"],
    "function": ["create_id_token", "function/create_id_token", "a.b", "a-b"],
    "event": ["*", "user.*", "user.human.*", "user.added", "user", "größe.added", "t" * 255 + ".*"],
}
BAD = {
    "request": [
        "",
        "/",
        "/s.T",
        "/s.T/*",
        "/*",
        "s.*",
        "**",
        " *",
        "*\n",
        "/s.T/M\n",
        "/s.T/M.N",
        "/s..T/M",
        "s" * 256,
    ],
    "function": ["*", "a.*", "", "a b", "f" * 101],
    "event": [
        "",
        ".*",
        "*.*",
        "user.*.*",
        "user*",
        "user.a*",
        "*.added",
        "user.>",
        "user.*\n",
        "a b",
        "/a",
        "a..b",
        "t" * 256,
    ],
}


@pytest.mark.parametrize(("phase", "text"), [(phase, text) for phase, all in GOOD.items() for text in all])
def test_conditions(phase, text):
    table = Table()
    table.add(phase, text, print)
    with pytest.raises(ConfigurationError, match="already"):
        table.add(phase, text, print)


@pytest.mark.parametrize(("phase", "text"), [(phase, text) for phase, all in BAD.items() for text in all])
def test_what_is_no_condition(phase, text):
    with pytest.raises(ConfigurationError, match="no condition"):
        Table().add(phase, text, print)


def test_a_function_is_one_with_and_without_its_prefix():
    hooks = Callout([KEY])
    hooks.function("create_id_token")(print)
    with pytest.raises(ConfigurationError):
        hooks.function("function/create_id_token")(print)
    assert hooks.conditions == [("function", "create_id_token")]


@pytest.mark.parametrize(
    ("phase", "name", "found"),
    [
        ("request", "/acme.Users/Create", "/acme.Users/Create"),
        ("request", "/acme.Users/CreateMany", "acme.Users"),
        ("request", "/acme.UsersOther/Create", "*"),
        ("request", "/acme/Users/Create", "*"),
        ("request", "acme.Users", "*"),
        ("response", "/acme.Users/Create", None),
        ("event", "user.added", "user.added"),
        ("event", "user.removed", "user.*"),
        ("event", "user.human.added", "user.human.*"),
        ("event", "user.human.name.added", "user.human.*"),
        ("event", "user", "*"),
        ("event", "usergrant.added", "*"),
        ("function", "create_id_token", "create_id_token"),
        ("function", "create", None),
        ("function", "*", None),
    ],
)
def test_the_most_exact_match(phase, name, found):
    table = Table()
    for text in ("/acme.Users/Create", "acme.Users", "*"):
        table.add("request", text, Function.of(lambda _, text=text: text))
    for text in ("user.added", "user.*", "user.human.*", "*"):
        table.add("event", text, Function.of(lambda _, text=text: text))
    table.add("function", "create_id_token", Function.of(lambda _: "create_id_token"))
    handler = table.find(phase, name)
    assert (handler and handler.call(None)) == found


def test_what_no_handler_covers(hooks, told):
    for made in (request("/a.B/C", {}), response("/a.B/C", {}, {}), function("f"), event("a.b")):
        answer = receive(hooks, made)
        assert (answer.status, answer.json["code"]) == (404, "unknown_condition")
    assert [t.condition for t in told] == ["request /a.B/C", "response /a.B/C", "function f", "event a.b"]


def test_the_fallback(hooks):
    @hooks.fallback
    async def unknown(delivery):
        return {"org": delivery.org}

    with pytest.raises(ConfigurationError):
        hooks.fallback(unknown)
    assert receive(hooks, request("/a.B/C", {}, members={"orgID": "acme"})).json == {"org": "acme"}
    assert receive(hooks, event("a.b")).status == 204
