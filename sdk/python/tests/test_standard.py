"""The signatures of Standard Webhooks, by the published vectors and by the strict reading of their headers."""

from __future__ import annotations

import base64
import hmac
import json

import pytest
from conftest import HERE

from callout.failure import ConfigurationError, NotGenuineError
from callout.genuine import Verifier
from callout.headers import Headers

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
NOW = 1_700_000_000
STAMP = str(NOW)
BODY = b'{"a":1}'


def sign(id: str = "id", stamp: str = STAMP, body: bytes = BODY, secret: bytes = b"k" * 32) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, f"{id}.{stamp}.".encode() + body, "sha256")).decode()


GOOD = sign()
SAFE = GOOD[:3] + GOOD[3:].replace("+", "-").replace("/", "_")


def headers(id: str = "id", stamp: str = STAMP, *signatures: str) -> Headers:
    pairs = [("webhook-id", id), ("webhook-timestamp", stamp)]
    return Headers(pairs + [("Webhook-Signature", one) for one in signatures])


VECTORS = json.loads((HERE / "data/standard-webhooks.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_published_vectors(vector):
    body = base64.b64decode(vector["body_base64"])
    for text in filter(None, (vector["secret"], vector.get("public_key"))):
        if "18-byte" in vector["name"]:
            with pytest.raises(ConfigurationError):
                Verifier([text])
            continue
        said = headers(vector["id"], str(vector["timestamp"]), vector["signature"])
        assert Verifier([text]).verify(said, body, vector["timestamp"]).delivery_id == vector["id"]
        with pytest.raises(NotGenuineError):
            Verifier([text]).verify(said, body + b" ", vector["timestamp"])


@pytest.mark.parametrize(
    ("id", "stamp", "signatures", "good"),
    [
        ("id", STAMP, [GOOD], True),
        ("id", STAMP, ["v1,AAAA " + GOOD], True),
        ("id", STAMP, ["v9,zz! " + GOOD], True),
        ("id", STAMP, ["v1,AAAA  " + GOOD], True),
        ("id", STAMP, ["v1,AAAA, " + GOOD], True),
        ("id", STAMP, ["v1 " + GOOD], True),
        ("id", STAMP, ["v1,AAAA", GOOD], True),
        ("i" * 255, STAMP, [sign("i" * 255)], True),
        ("id", str(NOW - 300), [sign(stamp=str(NOW - 300))], True),
        ("id", str(NOW + 300), [sign(stamp=str(NOW + 300))], True),
        ("id", STAMP, ["v1,AAAA\t" + GOOD], False),
        ("id", STAMP, [GOOD + " \t"], False),
        ("id", STAMP, [GOOD + ",x"], False),
        ("id", STAMP, [GOOD + ","], False),
        ("id", STAMP, [GOOD + "x"], False),
        ("id", STAMP, [GOOD + "="], False),
        ("id", STAMP, [GOOD.rstrip("=")], False),
        ("id", STAMP, [SAFE], SAFE == GOOD),
        ("id", STAMP, [GOOD[:10] + "\n" + GOOD[10:]], False),
        ("id", STAMP, ["v1a" + GOOD[2:]], False),
        ("id", STAMP, [""], False),
        ("id", STAMP, [], False),
        ("id", STAMP, ["v9,AAAA " * 63 + GOOD], True),
        ("id", STAMP, ["v9,AAAA " * 64 + GOOD], False),
        ("id", STAMP, ["v1,AAAA " * 4 + GOOD], True),
        ("id", STAMP, ["v1,AAAA " * 5 + GOOD], False),
        ("", STAMP, [sign("")], False),
        ("id.x", STAMP, [sign("id.x")], False),
        ("i d", STAMP, [sign("i d")], False),
        ("i" * 256, STAMP, [sign("i" * 256)], False),
        ("di", STAMP, [GOOD], False),
        ("id", str(NOW + 1), [GOOD], False),
        *(
            ("id", stamp, [sign(stamp=stamp)], False)
            for stamp in (
                str(NOW - 301),
                str(NOW + 301),
                "+1700000000",
                "01700000000",
                "1700000000 ",
                "1700000000.0",
                "1700000000s",
                "",
                "1" * 13,
                "\u0661700000000".encode().decode("latin-1"),
            )
        ),
    ],
)
def test_headers_are_read_strictly(id, stamp, signatures, good):
    said = headers(id, stamp, *signatures)
    if good:
        assert Verifier([KEY]).verify(said, BODY, NOW).delivery_id == id
    else:
        with pytest.raises(NotGenuineError):
            Verifier([KEY]).verify(said, BODY, NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_header_that_stands_twice_is_refused(name):
    pairs = list(headers("id", STAMP, GOOD))
    pairs.append((name, dict(pairs)[name]))
    with pytest.raises(NotGenuineError, match="unauthorized"):
        Verifier([KEY]).verify(Headers(pairs), BODY, NOW)


def test_a_moved_boundary_is_refused():
    good = sign("a", body=b"1700000000.x")
    with pytest.raises(NotGenuineError):
        Verifier([KEY]).verify(headers("a.1700000000", STAMP, good), b"x", NOW)


def test_one_of_several_keys_is_enough():
    for keys in ([KEY, OTHER], [OTHER, KEY]):
        assert Verifier(keys).verify(headers("id", STAMP, GOOD), BODY, NOW).delivery_id == "id"
    with pytest.raises(NotGenuineError):
        Verifier([OTHER]).verify(headers("id", STAMP, GOOD), BODY, NOW)


def test_bare_base64_is_a_secret_too():
    assert Verifier([KEY.removeprefix("whsec_")]).verify(headers("id", STAMP, GOOD), BODY, NOW)
