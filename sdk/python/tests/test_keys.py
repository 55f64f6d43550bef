"""Keys as texts."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callout import Callout, ConfigurationError
from callout.environment import read_environment
from callout.failure import NotGenuineError
from callout.genuine import Verifier
from callout.headers import Headers
from callout.testing import event, signed


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def halves(seed: bytes) -> tuple[bytes, bytes]:
    return seed, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


SEED, PUBLIC = halves(b"a" * 32)
CROSSED = SEED + halves(b"b" * 32)[1]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("whsec_" + b64(b"k" * 24), True),
        ("whsec_" + b64(b"k" * 64), True),
        (b64(b"k" * 32), True),
        ("a key of ZITADEL's", True),
        ("k" * 512, True),
        ("whsk_" + b64(SEED), True),
        ("whsk_" + b64(SEED + PUBLIC), True),
        ("whpk_" + b64(PUBLIC), True),
        ("whsec_" + b64(b"k" * 23), False),
        ("whsec_" + b64(b"k" * 65), False),
        ("whsec_", False),
        ("", False),
        ("  ", False),
        ("k" * 513, False),
        ("whsec_" + b64(b"k" * 32).rstrip("="), False),
        ("whsec_" + "_-_-" * 10, False),
        ("whsec_" + b64(b"k" * 32) + "\n", False),
        ("whsec_" + "A" * 40 + "AB==", False),
        ("whsk_" + b64(CROSSED), False),
        ("whsk_" + b64(b"k" * 33), False),
        ("whpk_" + b64(b"k" * 31), False),
        ("whpk_!", False),
    ],
)
def test_keys(text, good):
    if good:
        assert text not in repr(Verifier([text])._ring)
        return
    with pytest.raises(ConfigurationError) as refused:
        Callout([text])
    assert len(text) < 8 or text[6:] not in str(refused.value)


def test_a_receiver_needs_something_to_check_with():
    for options in (
        {},
        {"keys": []},
        {"keys": ["k"], "unsigned": True},
        {"keys": "whsec_"},
        {"keys": ["k"], "path": "x"},
    ):
        with pytest.raises(ConfigurationError):
            Callout(**options)
    Callout(unsigned=True)


@pytest.mark.parametrize("text", ["whsk_" + b64(SEED), "whsk_" + b64(SEED + PUBLIC), "whpk_" + b64(PUBLIC)])
def test_v1a(text):
    made = event("user.added", key="whsk_" + b64(SEED))
    headers = Headers(made.headers.items())
    now = int(made.headers["webhook-timestamp"])
    assert Verifier([text]).verify(headers, made.body, now).delivery_id == made.headers["webhook-id"]
    for other in ("whpk_" + b64(CROSSED[32:]), "whsec_" + b64(PUBLIC)):
        with pytest.raises(NotGenuineError):
            Verifier([other]).verify(headers, made.body, now)
    with pytest.raises(NotGenuineError):
        Verifier([text]).verify(headers, made.body + b" ", now)


def test_a_public_key_is_no_secret_of_zitadels():
    text = "whpk_" + b64(PUBLIC)
    forged = signed({"event_type": "user.added"}, key=text)  # which anybody can make
    for keys in ([text], [text, "whsec_" + b64(b"k" * 32)]):
        with pytest.raises(NotGenuineError):
            Verifier(keys).verify(
                Headers(forged.headers.items()), forged.body, int(forged.headers["webhook-timestamp"])
            )


def test_the_environment(tmp_path):
    pem = tmp_path / "k.pem"
    pem.write_text("PEM")
    assert read_environment({}) == {}
    assert read_environment(
        {"CALLOUT_KEYS": "a, b,", "CALLOUT_ISSUER": "i", "CALLOUT_AUDIENCE": "", "CALLOUT_PAYLOAD": "jwt"}
    ) == {
        "keys": ["a", "b"],
        "issuer": "i",
        "payload": "jwt",
    }
    said = {"CALLOUT_JWKS": "http://127.0.0.1/", "CALLOUT_PRIVATE_KEYS": f"k1={pem},k2={pem}"}
    assert read_environment(said) == {"jwks": "http://127.0.0.1/", "private_keys": {"k1": "PEM", "k2": "PEM"}}
    for bad in ("k1", "=x", "k1=", f"k1={tmp_path / 'none'}"):
        with pytest.raises(ConfigurationError):
            read_environment({"CALLOUT_PRIVATE_KEYS": bad})


def test_from_env(monkeypatch):
    monkeypatch.setenv("CALLOUT_KEYS", "")
    with pytest.raises(ConfigurationError, match="CALLOUT_KEYS"):
        Callout.from_env()
    monkeypatch.setenv("CALLOUT_KEYS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,whpk_no")
    with pytest.raises(ConfigurationError, match=r"^key 2: a whpk_ key is 32 bytes in padded standard base64$"):
        Callout.from_env()
    Callout.from_env(keys=["an option goes before"])


def test_an_ed25519_signature_has_64_bytes():
    made = event("user.added", key="whsk_" + b64(SEED))
    raw = base64.b64decode(made.headers["webhook-signature"].removeprefix("v1a,"))
    for signature in (raw + b"\0", raw[:-1]):
        longer = made.header("webhook-signature", "v1a," + b64(signature))
        with pytest.raises(NotGenuineError):
            Verifier(["whpk_" + b64(PUBLIC)]).verify(
                Headers(longer.headers.items()), made.body, int(made.headers["webhook-timestamp"])
            )
