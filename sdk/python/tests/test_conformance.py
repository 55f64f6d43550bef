"""The target and the verifier of the conformance kit start, and do what the contract says of them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from conftest import HERE, post, process

from callout.testing import KEY, event, function, request, response

FOLDER = HERE.parent / "conformance"
X = "/conf.v1.Things/"


@pytest.fixture(scope="module")
def url():
    with process(str(FOLDER / "target.py"), "0") as (_, address):
        yield address


NAMES = {"givenName": "Ada", "familyName": "Lovelace"}


@pytest.mark.parametrize(
    ("made", "status", "said"),
    [
        (request(X + "Change", NAMES), 200, {"displayName": "Ada Lovelace"}),
        (request(X + "Unchanged", {}), 204, None),
        (request(X + "Reject", {}), 200, {"forwardedStatusCode": 422, "forwardedErrorMessage": "a thing needs a name"}),
        (request(X + "Throw", {}), 500, "handler_failed"),
        (request(X + "Hang", {}, remaining_ms=200), 504, "handler_timeout"),
        (request(X + "Echo", {"a": 1}), 200, {"seen": {"fullMethod": X + "Echo", "request": {"a": 1}}}),
        (request(X + "List", {}), 500, "handler_failed"),
        (request(X + "Other", {}), 200, {"by": "service"}),
        (request("/another.Service/Method", {}), 200, {"by": "all"}),
        (response(X + "Change", {}, {"count": 1}), 200, {"count": 2}),
        (response(X + "Other", {}, {}), 404, "unknown_condition"),
        (function("create_id_token", {"user": {"id": "u"}}), 200, {"append_claims": [{"key": "uid", "value": "u"}]}),
        (event("fail.always"), 500, "handler_failed"),
        (event("slow.thing"), 204, None),
        (event("later.thing"), 503, "retry_later"),
        (event("never.thing"), 422, {"code": "given_up", "message": "it is of no use"}),
        (event("reject.thing"), 500, "handler_failed"),
        (event("nothing.here"), 404, "unknown_condition"),
    ],
)
def test_the_target(url, made, status, said):
    code, _, body = post(url, made)
    assert code == status
    assert b"secret" not in body
    got = json.loads(body) if body else None
    assert (got["code"] if isinstance(said, str) else got) == said


def test_it_counts(url):
    made = event("fail.once", aggregate_id="a1")
    assert [post(url, made)[0] for _ in range(3)] == [500, 204, 204]
    for kind in ("thing.added", "thing.removed"):
        post(url, event(kind, aggregate_id="a1"))
    counts = json.loads(post(url, function("counts"))[2])["counts"]
    assert {key: n for key, n in counts.items() if key.endswith("/a1")} == {
        "fail.once/a1": 2,
        "thing.added/a1": 1,
        "thing.removed/a1": 1,
    }


def test_the_verifier():
    made = event("user.added", now=1_700_000_000, delivery_id="msg_1")
    case = {
        "now": 1_700_000_000,
        "keys": [KEY],
        "headers": list(made.headers.items()),
        "body": base64.b64encode(made.body).decode(),
    }
    lines = [
        {"id": "good", **case, "schemes": [], "payload": "", "jwks": {}, "issuer": "", "private_keys": {}},
        {"id": "late", **case, "now": 1_700_000_301},
        {"id": "key", **case, "keys": ["whsec_no"]},
        {"id": "none", "now": 1},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    ran = subprocess.run(
        [sys.executable, str(FOLDER / "verifier.py")], input=text, capture_output=True, text=True, check=True
    )
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert said[0] == {"id": "good", "ok": True, "delivery_id": "msg_1", "body": case["body"]}
    assert said[1:] == [{"id": id, "ok": False} for id in ("late", "key", "none")]
