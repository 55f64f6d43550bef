"""JWTs and JWEs, made by another library, and what is changed of them."""

from __future__ import annotations

import base64
import json
import os
import threading
from functools import cache

import pytest
from conftest import make
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from test_keys import PUBLIC, SEED, b64

from callout import Callout, ConfigurationError
from callout.failure import NotGenuineError, UnavailableError
from callout.genuine import Verifier
from callout.headers import Headers
from callout.jwks import FetchedKeys, read_jwks
from callout.testing import KEY, receive, signed

NOW = 1_700_000_000
CLAIMS = {"iss": "default", "aud": "acme:hook", "jti": "01ID", "iat": NOW, "exp": NOW + 300}
BODY = {"event_type": "user.added", "aggregateID": "u1", **CLAIMS}
ED, OTHER, RS = (OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048))
NONE = Headers([])


def public(key, kid: str, **more) -> dict:
    return {**key.as_dict(private=False), "kid": kid, "use": "sig", **more}


JWKS = {"keys": [public(ED, "ed", alg="EdDSA"), public(RS, "rs", alg="RS256"), {"kty": "EC", "kid": "ec"}]}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(payload: object = BODY, header: object = None, key=ED, alg: str = "EdDSA") -> str:
    """A JWT with any header, signed by key with alg."""
    text = f"{part({'alg': alg, 'kid': 'ed', 'typ': 'JWT'} if header is None else header)}.{part(payload)}"
    signature = jws.JWSRegistry.algorithms[alg].sign(text.encode(), key)
    return f"{text}.{part(signature)}"


def verify(text: str, **options):
    given = {"payload": "jwt", "jwks": JWKS, **options}
    return Verifier(**given).verify(NONE, text.encode(), NOW)


@pytest.mark.parametrize(("kid", "key", "alg"), [("ed", ED, "EdDSA"), ("rs", RS, "RS256")])
def test_what_another_library_signs(kid, key, alg):
    for header in ({"alg": alg, "kid": kid, "typ": "JWT"}, {"typ": "JWT", "kid": kid, "alg": alg}):
        text = jws.serialize_compact(header, json.dumps(BODY), key, algorithms=[alg])
        genuine = verify(text, issuer="default", audience="acme:hook")
        assert (json.loads(genuine.body), genuine.delivery_id) == (BODY, "01ID")


GOOD = jwt()
FIRST, PAYLOAD, LAST = GOOD.split(".")
SAID = {"alg": "EdDSA", "kid": "ed", "typ": "JWT"}
TWICE = b'{"alg":"EdDSA","kid":"ed","kid":"ed","typ":"JWT"}'
BAD = {
    "empty": "",
    "two parts": f"{FIRST}.{PAYLOAD}",
    "four parts": GOOD + ".",
    "truncated": GOOD[:-2],
    "padded": GOOD + "==",
    "a line break behind": GOOD + "\n",
    "a line break": f"{FIRST}\n.{PAYLOAD}.{LAST}",
    "white space around": " " + GOOD,
    "JSON form": json.dumps({"payload": PAYLOAD}),
    "another payload": f"{FIRST}.{part({**BODY, 'aggregateID': 'u2'})}.{LAST}",
    "no payload": f"{FIRST}..{LAST}",
    "no signature": f"{FIRST}.{PAYLOAD}.",
    "loose last bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "alg none": f"{part({**SAID, 'alg': 'none'})}.{PAYLOAD}.",
    "alg of another key": jwt(header={**SAID, "alg": "RS256"}, key=RS, alg="RS256"),
    "alg of another key, rightly signed": jwt(header={**SAID, "alg": "RS256"}),
    "kid of another key": jwt(header={**SAID, "kid": "rs"}),
    "by another key": jwt(key=OTHER),
    "another algorithm": jwt(header={**SAID, "kid": "rs", "alg": "PS256"}, key=RS, alg="PS256"),
    "unknown kid": jwt(header={**SAID, "kid": "x"}),
    "kid that is no text": jwt(header={**SAID, "kid": 1}),
    "no kid": jwt(header={"alg": "EdDSA", "typ": "JWT"}),
    "no typ": jwt(header={"alg": "EdDSA", "kid": "ed"}),
    "another typ": jwt(header={**SAID, "typ": "at+jwt"}),
    "kid twice": jwt(header=TWICE),
    "crit": jwt(header={**SAID, "crit": ["exp"]}),
    "zip": jwt(header={**SAID, "zip": "DEF"}),
    "a key of its own": jwt(header={**SAID, "jwk": public(OTHER, "ed")}, key=OTHER),
    "an address of keys": jwt(header={**SAID, "jku": "http://127.0.0.1/"}),
    "header that is a list": jwt(header=[]),
    "a member twice": jwt(json.dumps(BODY)[:-1].encode() + b',"iat":1700000000}'),
    "no object": jwt([]),
    "no claims": jwt({}),
    "no exp": jwt({"iat": NOW}),
    "exp over": jwt({**BODY, "exp": NOW - 301}),
    "iat long ago": jwt({**BODY, "iat": NOW - 301}),
    "iat ahead": jwt({**BODY, "iat": NOW + 301}),
    "iat as a text": jwt({**BODY, "iat": str(NOW)}),
    "iat with a fraction": jwt({**BODY, "iat": NOW + 0.5}),
    "iat is true": jwt({**BODY, "iat": True}),
    "exp too long": jwt({**BODY, "exp": 10**12}),
    "jti that is no text": jwt({**BODY, "jti": 7}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_jwts(name):
    with pytest.raises(NotGenuineError):
        verify(BAD[name])


def test_bounds_of_time_are_included():
    for claims in ({"iat": NOW - 300}, {"iat": NOW + 300}, {"exp": NOW - 300}):
        verify(jwt({**BODY, **claims}))


def test_expected_claims():
    for options in ({"issuer": "twin"}, {"audience": "hook"}):
        with pytest.raises(NotGenuineError):
            verify(GOOD, **options)
    with pytest.raises(NotGenuineError):
        verify(jwt({**BODY, "aud": ["acme:hook"]}), audience="acme:hook")


@cache
def private(kind: str):
    return rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(getattr(ec, kind)())


def pem(kind: str) -> str:
    return private(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KINDS = ["RSA", "SECP256R1", "SECP384R1", "SECP521R1"]
KEYS = {kind: pem(kind) for kind in KINDS}
KEYS["EC"] = KEYS["SECP256R1"]
REGISTRY = jwe.JWERegistry(
    algorithms=["RSA-OAEP-256", "ECDH-ES+A256KW", "RSA-OAEP", "A256GCM", "A128GCM", "DEF", "dir"],
    strict_check_header=False,
)


def sealed(kind: str, text: str = GOOD, **header) -> str:
    alg = "RSA-OAEP-256" if kind == "RSA" else "ECDH-ES+A256KW"
    key = (RSAKey if kind == "RSA" else ECKey).import_key(pem(kind))
    said = {"alg": alg, "cty": "JWT", "enc": "A256GCM", "kid": kind, "typ": "JWT", **header}
    return jwe.encrypt_compact({k: v for k, v in said.items() if v}, text.encode(), key, registry=REGISTRY)


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_library_encrypts(kind):
    genuine = verify(sealed(kind), payload="jwe", private_keys=KEYS)
    assert (json.loads(genuine.body), genuine.delivery_id) == (BODY, "01ID")


def bad_jwes() -> dict[str, str]:
    good = sealed("RSA")
    a, b, c, d, e = good.split(".")
    header = {"alg": "RSA-OAEP-256", "cty": "JWT", "enc": "A256GCM", "kid": "RSA", "typ": "JWT"}
    epk = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
    return {
        "a JWT": GOOD,
        "truncated": good[:-4],
        "padded": good + "=",
        "without its key": f"{a}..{c}.{d}.{e}",
        "parts in another order": f"{a}.{b}.{d}.{c}.{e}",
        "compressed": sealed("RSA", zip="DEF"),
        "OAEP with SHA-1": sealed("RSA", alg="RSA-OAEP"),
        "A128GCM": sealed("RSA", enc="A128GCM"),
        "no cty": sealed("RSA", cty=None),
        "no typ": sealed("RSA", typ=None),
        "header changed": f"{part(dict(reversed(header.items())))}.{b}.{c}.{d}.{e}",
        "unknown kid": sealed("RSA", kid="x"),
        "of another key": sealed("SECP384R1", kid="SECP256R1"),
        "of another kind": sealed("SECP256R1", kid="RSA"),
        "epk beside RSA": sealed("RSA", epk=epk),
        "no epk": f"{part({**header, 'alg': 'ECDH-ES+A256KW'})}.{b}.{c}.{d}.{e}",
        "wrong epk": f"{part({**header, 'alg': 'ECDH-ES+A256KW', 'kid': 'SECP256R1', 'epk': epk})}.{b}.{c}.{d}.{e}",
        "epk that is no object": f"{part({**header, 'alg': 'ECDH-ES+A256KW', 'kid': 'EC', 'epk': 7})}.{b}.{c}.{d}.{e}",
        "another tag": f"{a}.{b}.{c}.{d}.{part(os.urandom(16))}",
        "short tag": f"{a}.{b}.{c}.{d}.{part(base64.urlsafe_b64decode(e + '==')[:12])}",
        "a bad JWT in it": sealed("RSA", BAD["by another key"]),
    }


@pytest.mark.parametrize(("name", "text"), bad_jwes().items())
def test_bad_jwes(name, text):
    with pytest.raises(NotGenuineError):
        verify(text, payload="jwe", private_keys=KEYS)


def test_configurations_that_are_refused():
    small = rsa.generate_private_key(65537, 1024)
    text = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for options in (
        {"payload": "jwt"},
        {"payload": "jws", "jwks": JWKS},
        {"payload": "jwe", "jwks": JWKS},
        {"payload": "jwe", "jwks": JWKS, "private_keys": {"k": "PEM"}},
        {"payload": "jwe", "jwks": JWKS, "private_keys": {"k": text}},
        {"payload": "jwt", "jwks": {}},
        {"payload": "jwt", "jwks": {"keys": [{}] * 65}},
        {"payload": "jwt", "jwks": {"keys": [public(ED, "a"), public(OTHER, "a")]}},
        {"payload": "jwt", "jwks": "file:///etc/passwd"},
        {"jwks": JWKS, "unsigned": True},
    ):
        with pytest.raises(ConfigurationError):
            Callout(**options)


def test_keys_that_are_passed_over():
    small = RSAKey.generate_key(1024)
    listed = [
        public(ED, ""),
        public(ED, "enc", use="enc"),
        public(ED, "alg", alg="RS256"),
        {**ED.as_dict(private=True), "kid": "private"},
        public(small, "small"),
        {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA"},
        {"kty": "oct", "kid": "oct", "k": "AAAA"},
        "text",
        public(RS, "rs"),
    ]
    assert list(read_jwks({"keys": listed})) == ["rs"]


def test_a_signature_is_demanded_beside_a_jwt(told, seen):
    hooks = make(told, seen, payload="jwt", jwks=JWKS, clock=lambda: NOW)
    beside = signed(GOOD.encode(), now=NOW, delivery_id="outer")
    assert receive(hooks, beside).status == 204
    assert receive(hooks, beside).header("callout-duplicate") == "true"
    bare = beside.header("webhook-signature", None).header("zitadel-signature", None)
    assert receive(hooks, bare).status == 401
    assert receive(hooks, signed(BAD["by another key"].encode(), now=NOW)).status == 401


def test_jti_is_the_delivery_id(told, seen):
    hooks = make(told, seen, keys=[], payload="jwt", jwks=JWKS, clock=lambda: NOW)
    one = signed(GOOD.encode(), now=NOW)
    for kind in ("application/jwt", "application/jose", "application/json; charset=utf-8"):
        receive(hooks, one.header("content-type", kind).header("callout-delivery-id", kind.partition(";")[0]))
    assert seen == ["u1"]


def test_a_jwks_without_payload_verifies_v1a(told, seen, published):
    jwks = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": part(PUBLIC), "kid": "k"}]}
    from callout.testing import event

    made = event("user.added", aggregate_id="v1a", key="whsk_" + b64(SEED))
    published.text = json.dumps(jwks).encode()
    for options in ({"jwks": jwks}, {"jwks": published.url}, {"jwks": jwks, "keys": [KEY]}):
        hooks = make(told, seen, **{"keys": [], **options})
        assert receive(hooks, made).status == 204
        assert receive(hooks, replace_body(made)).status == 401
    assert receive(make(told, seen, keys=[], jwks={"keys": [public(OTHER, "o")]}), made).status == 401


def replace_body(made):
    from dataclasses import replace

    return replace(made, body=made.body.replace(b"v1a", b"v1b"))


def test_fetched_keys(published):
    now = [0.0]
    keys = FetchedKeys(published.url, clock=lambda: now[0])
    published.text = json.dumps(JWKS).encode()
    assert keys.find("ed") and keys.find("rs") and published.asked == 1
    assert keys.find("new") is None and published.asked == 1, "asked again within 10 seconds"
    published.text = json.dumps({"keys": [public(OTHER, "new")]}).encode()
    now[0] = 10.0
    assert keys.find("new") and keys.find("ed") is None and published.asked == 2
    now[0] = 309.9
    assert keys.find("new") and published.asked == 2, "kept for 5 minutes"
    published.control = "public, max-age=60"
    now[0] = 310.0
    assert keys.find("new") and published.asked == 3
    published.control = "max-age=999999"
    now[0] = 370.0
    assert keys.find("new") and published.asked == 4
    now[0] = 370.0 + 3599
    assert keys.find("new") and published.asked == 4
    now[0] = 370.0 + 3600
    assert keys.find("new") and published.asked == 5, "an hour at most"


@pytest.mark.parametrize(
    ("status", "text"), [(500, b"{}"), (302, b""), (200, b"no JSON"), (200, b"{}"), (200, b" " * 300_000)]
)
def test_keys_that_cannot_be_fetched(published, status, text):
    published.status, published.text = status, text
    keys = FetchedKeys(published.url)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            keys.find("ed")
    assert published.asked == 1, "asked again at once"


def test_what_cannot_be_fetched_is_503(told, seen, published):
    published.status = 500
    hooks = make(told, seen, keys=[], payload="jwt", jwks=published.url, clock=lambda: NOW)
    assert receive(hooks, signed(GOOD.encode())).json["code"] == "unavailable"
    published.server.server_close()


def test_nobody_waits_for_a_strangers_key(published):
    now = [0.0]
    keys = FetchedKeys(published.url, clock=lambda: now[0])
    published.text = json.dumps(JWKS).encode()
    assert keys.find("ed")
    now[0] = 11.0
    with keys._lock:  # a thread that fetches, since somebody has sent a kid that nobody has
        found = []
        other = threading.Thread(target=lambda: found.extend([keys.find("ed"), keys.webhook_keys()]), daemon=True)
        other.start()
        other.join(30)
        assert len(found) == 2, "who has a key that is here waits for the fetch"
