"""What the README shows is run."""

from __future__ import annotations

import json
import re

from conftest import HERE, post, process

from callout.testing import event, request

BLOCKS = re.findall(r"```python\n(.*?)```", (HERE.parent / "README.md").read_text(), re.S)
CREATE = "/acme.user.v1.UserService/CreateUser"


def block(part: str) -> str:
    found = [text for text in BLOCKS if part in text]
    assert len(found) == 1, part
    return found[0]


def test_begin():
    with process("-c", block("hooks.serve(9000)").replace("9000", "0")) as (running, url):
        changed = post(url, request(CREATE, {"givenName": "Ada", "familyName": "Lovelace"}))
        assert json.loads(changed[2]) == {"displayName": "Ada Lovelace"}
        assert json.loads(post(url, request(CREATE, {}))[2])["forwardedErrorMessage"] == "a user needs a given name"
        assert post(url, event("user.added", aggregate_id="u1"))[0] == 204
        assert running.stdout.readline() == "event user.added of u1\n"


def test_test():
    begin = block("hooks.serve(9000)").replace("hooks = Callout.from_env()", "").replace("hooks.serve(9000)", "")
    head, _, handlers = begin.partition("\n\n")
    texts, _, tests = block("from callout.testing").partition("\n\n\n")
    made: dict = {}
    exec(head + "\n" + texts + handlers + "\n\n" + tests, made)
    ran = [value() for name, value in made.items() if name.startswith("test_")]
    assert len(ran) == 2


def test_a_store():
    made: dict = {"Callout": type("C", (), {"from_env": staticmethod(lambda **options: options)})}
    exec(block("class Done:"), made)
    assert made["hooks"]["store"].seen
