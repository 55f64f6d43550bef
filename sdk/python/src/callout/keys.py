"""Keys as texts: which schemes each of them is for."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .failure import ConfigurationError

__all__ = ["KeyRing", "Secret", "decode_base64", "read_keys"]

Check = Callable[[bytes, bytes], bool]
"""Whether a signature (first) fits a message (second)."""


class Secret:
    """A key of HMAC-SHA256, taken into both hashes once: a message then costs two copies of them.

    That is a quarter of what hmac.digest costs for a body of 1 KiB. Safe for several threads.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, head: bytes, body: bytes) -> bytes:
        """The code of head and body, one behind the other."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(head)
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()


@dataclass(frozen=True)
class KeyRing:
    """Keys by what they are for. A text may be in two places."""

    count: int = 0
    secrets: tuple[Secret, ...] = ()  # Standard Webhooks, HMAC-SHA256
    publics: tuple[Check, ...] = ()  # Standard Webhooks, ed25519
    texts: tuple[Secret, ...] = ()  # ZITADEL

    def __repr__(self) -> str:  # never the keys
        return f"KeyRing(count={self.count})"


def decode_base64(text: str) -> bytes | None:
    """Padded standard base64 in its one canonical form, or None."""
    try:
        raw = binascii.a2b_base64(text)
    except ValueError:
        return None
    # Python passes over what is no base64, and over loose last bits: another text of the same bytes.
    return raw if binascii.b2a_base64(raw, newline=False).decode() == text else None


def read_keys(texts: Iterable[str]) -> KeyRing:
    """Reads keys. Raises ConfigurationError for a text that is not what its prefix says; the error never shows it."""
    secrets: list[Secret] = []
    publics: list[Check] = []
    zitadel: list[Secret] = []
    count = 0
    for text in texts:
        count += 1
        try:
            _read_key(text, secrets, publics, zitadel)
        except ConfigurationError as wrong:
            raise ConfigurationError(f"key {count}: {wrong}") from None
    return KeyRing(count, tuple(secrets), tuple(publics), tuple(zitadel))


def _read_key(text: str, secrets: list[Secret], publics: list[Check], zitadel: list[Secret]) -> None:
    if text.startswith("whpk_"):
        publics.append(_public_check(_sized(text, "whpk_", 32)))
    elif text.startswith("whsk_"):
        publics.append(_private_check(_sized(text, "whsk_", 32, 64)))
    else:
        _read_secret(text, secrets, zitadel)


def _read_secret(text: str, secrets: list[Secret], zitadel: list[Secret]) -> None:
    raw = decode_base64(text.removeprefix("whsec_"))
    fits = raw is not None and 24 <= len(raw) <= 64
    if text.startswith("whsec_") and not fits:
        raise ConfigurationError("a whsec_ key is 24 to 64 bytes in padded standard base64")
    if not text.strip() or len(text.encode()) > 512:
        raise ConfigurationError("a key has 1 to 512 bytes, and is not blank")
    if raw is not None and fits:
        secrets.append(Secret(raw))
    zitadel.append(Secret(text.encode()))


def _sized(text: str, prefix: str, *sizes: int) -> bytes:
    raw = decode_base64(text.removeprefix(prefix))
    if raw is None or len(raw) not in sizes:
        said = " or ".join(map(str, sizes))
        raise ConfigurationError(f"a {prefix} key is {said} bytes in padded standard base64")
    return raw


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as missing:
        raise ConfigurationError(
            "ed25519 keys (whpk_, whsk_) need the package cryptography: pip install 'callout-sdk[crypto]'"
        ) from missing
    return ed25519


def _public_check(raw: bytes) -> Check:
    from_bytes = _ed25519().Ed25519PublicKey.from_public_bytes
    try:
        key = from_bytes(raw)
    except ValueError:
        raise ConfigurationError("a key that begins with whpk_ is no ed25519 key") from None

    def check(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message)
        except Exception:  # InvalidSignature, or a length that is none
            return False
        return True

    return check


def _private_check(raw: bytes) -> Check:
    private = _ed25519().Ed25519PrivateKey.from_private_bytes(raw[:32])
    public: bytes = private.public_key().public_bytes_raw()
    # Whoever signs with halves that do not belong together gives away the private one.
    if len(raw) == 64 and hashlib.sha256(raw[32:]).digest() != hashlib.sha256(public).digest():
        raise ConfigurationError("the two halves of a whsk_ key do not belong together")
    return _public_check(public)
