"""The public keys that an instance signs JWTs with: given as a value, or fetched from its URL."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any, Protocol, cast

from .compact import decode_part
from .failure import ConfigurationError, UnavailableError

__all__ = ["FetchedKeys", "GivenKeys", "KeySource", "PublicKey", "read_jwks"]

MAX_BYTES = 256 << 10
MAX_KEYS = 64
KEPT = 300.0
KEPT_MOST = 3600.0
AGAIN = 10.0
FETCH_TIME = 5.0
PAUSE = 1.0


class PublicKey:
    """A key that verifies with one algorithm, EdDSA or RS256."""

    def __init__(self, algorithm: str, verify: Callable[[bytes, bytes], None]) -> None:
        self.algorithm = algorithm
        self._verify = verify

    def fits(self, signature: bytes, message: bytes) -> bool:
        try:
            self._verify(signature, message)
        except Exception:  # InvalidSignature, or a length that is none
            return False
        return True


KeySet = dict[str, PublicKey]


class KeySource(Protocol):
    """Where public keys come from. May be used from several threads."""

    blocks: bool

    def find(self, kid: str) -> PublicKey | None:
        """The key of that id. Raises UnavailableError when the keys cannot be had."""
        ...

    def webhook_keys(self, anew: bool = False) -> list[PublicKey]:
        """The ed25519 keys, which sign v1a too; anew fetches them again, at most once in 10 seconds."""
        ...


def read_jwks(document: object) -> KeySet:
    """Reads a JWKS (RFC 7517). Keys of other kinds are passed over. Raises ValueError for what is no JWKS."""
    listed = cast(Mapping[str, object], document).get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("it is no set of keys: an object with a list of keys is expected")
    keys = cast(list[object], listed)
    if len(keys) > MAX_KEYS:
        raise ValueError(f"there are more than {MAX_KEYS} keys")
    found: KeySet = {}
    for listed_one in keys:
        one = cast(dict[str, Any], listed_one) if isinstance(listed_one, dict) else {}
        kid = one.get("kid")
        if not isinstance(kid, str) or not kid or "d" in one or one.get("use", "sig") != "sig":
            continue
        key = _read_key(one)
        if key is None or one.get("alg", key.algorithm) != key.algorithm:
            continue
        if kid in found:
            raise ValueError("two keys have the same kid")
        found[kid] = key
    return found


def _read_key(one: dict[str, Any]) -> PublicKey | None:
    def part(name: str) -> bytes:
        text = one.get(name)
        return (decode_part(text) if isinstance(text, str) else None) or b""

    try:
        if one.get("kty") == "OKP" and one.get("crv") == "Ed25519":
            return _ed25519(part("x"))
        if one.get("kty") == "RSA":
            return _rsa(int.from_bytes(part("n"), "big"), int.from_bytes(part("e"), "big"))
    except ValueError:
        pass
    return None


def _ed25519(raw: bytes) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return PublicKey("EdDSA", Ed25519PublicKey.from_public_bytes(raw).verify)


def _rsa(n: int, e: int) -> PublicKey | None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.hashes import SHA256

    if not 2048 <= n.bit_length() <= 8192:
        return None
    key = RSAPublicNumbers(e, n).public_key()
    return PublicKey("RS256", lambda signature, message: key.verify(signature, message, PKCS1v15(), SHA256()))


def _ed25519_keys(keys: KeySet) -> list[PublicKey]:
    return [key for key in keys.values() if key.algorithm == "EdDSA"]


class GivenKeys:
    """The keys of a JWKS that was given as a value."""

    blocks = False

    def __init__(self, document: object) -> None:
        try:
            self._keys = read_jwks(document)
        except ValueError as fault:
            raise ConfigurationError(f"jwks: {fault}") from None

    def find(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid)

    def webhook_keys(self, anew: bool = False) -> list[PublicKey]:
        return _ed25519_keys(self._keys)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys are where they were said to be, and nowhere else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


class FetchedKeys:
    """The keys of a JWKS at a URL, fetched when they are needed, by one thread at a time.

    They are kept for what Cache-Control says: 5 minutes where it says nothing, an hour at most. For a kid that is not
    there they are fetched again, at most once in 10 seconds. A fetch takes 5 seconds at most, and has 256 KiB.
    """

    blocks = True

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        if not re.match(r"https?://", url):
            raise ConfigurationError("the URL of a JWKS begins with https://, or http:// on one's own machine")
        self._url = url
        self._clock = clock
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._lock = threading.Lock()
        self._keys: KeySet = {}
        self._fetched = self._until = self._failed = float("-inf")
        self._kept: tuple[KeySet, float] = ({}, self._until)  # what is read without the lock, always both

    def find(self, kid: str) -> PublicKey | None:
        keys, until = self._kept
        # Who sends a kid that nobody has makes nobody wait whose key is here.
        if kid in keys and self._clock() < until:
            return keys[kid]
        with self._lock:
            now = self._clock()
            if now >= self._until or (kid not in self._keys and now - self._fetched >= AGAIN):
                self._fetch(now)
            return self._keys.get(kid)

    def webhook_keys(self, anew: bool = False) -> list[PublicKey]:
        keys, until = self._kept
        if not anew and self._clock() < until:
            return _ed25519_keys(keys)
        with self._lock:
            now = self._clock()
            if now >= self._until or (anew and now - self._fetched >= AGAIN):
                self._fetch(now)
            return _ed25519_keys(self._keys)

    def _fetch(self, now: float) -> None:
        if now - self._failed < PAUSE:
            raise UnavailableError("the JWKS could not be fetched a moment ago")
        try:
            with self._opener.open(self._url, timeout=FETCH_TIME) as answer:
                raw = answer.read(MAX_BYTES + 1)
                kept = _kept(answer.headers.get("Cache-Control", ""))
            if len(raw) > MAX_BYTES:
                raise ValueError("it has more than 256 KiB")
            keys = read_jwks(json.loads(raw))
        except (OSError, ValueError, RecursionError) as fault:
            if isinstance(fault, urllib.error.HTTPError):
                fault.close()
            self._failed = self._clock()
            raise UnavailableError("the JWKS cannot be fetched", fault) from None
        self._keys, self._fetched, self._until = keys, now, now + kept
        self._kept = keys, self._until


def _kept(control: str) -> float:
    """Seconds for which an answer with that Cache-Control is kept."""
    said = [part.strip().lower() for part in control.split(",")]
    if "no-store" in said or "no-cache" in said:
        return 0.0
    for part in said:
        age = re.fullmatch(r'max-age="?(\d{1,9})"?', part)
        if age:
            return min(float(age[1]), KEPT_MOST)
    return KEPT
