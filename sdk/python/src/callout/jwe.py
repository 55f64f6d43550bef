"""Bodies that are encrypted: a compact JWE with a JWT in it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from .compact import decode_part, split_compact
from .failure import ConfigurationError, NotGenuineError

__all__ = ["PrivateKeys", "open_jwe", "read_private_keys"]

_MEMBERS = frozenset(("alg", "cty", "enc", "epk", "kid", "typ"))
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_ECDH = "ECDH-ES+A256KW"

PrivateKeys = Mapping[str, Any]
"""Private keys of the package cryptography, by their ids in Callout."""


def read_private_keys(texts: Mapping[str, str]) -> PrivateKeys:
    """Reads private keys in PEM, RSA of at least 2048 bits or ECDSA. Raises ConfigurationError, which shows no key."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys: dict[str, Any] = {}
    for kid, text in texts.items():
        try:
            key = load_pem_private_key(text.encode(), None)
        except Exception:
            raise ConfigurationError(f"the private key {kid!r} is no PEM without a password") from None
        curve = isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES
        if not curve and not (isinstance(key, RSAPrivateKey) and key.key_size >= 2048):
            raise ConfigurationError(
                f"the private key {kid!r} is neither RSA of 2048 bits or more, nor ECDSA on P-256, P-384 or P-521"
            )
        keys[kid] = key
    return keys


def open_jwe(text: bytes, keys: PrivateKeys) -> bytes:
    """Opens a JWE as it came, and gives the JWT in it, which is still to be verified. Raises NotGenuineError."""
    header, pieces, raws = _split(text)
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise NotGenuineError("no private key has the kid of the JWE")
    try:
        wrapped = _unwrap(header, key, raws[1])
        return _decrypt(wrapped, pieces[0].encode(), raws[2], raws[3], raws[4])
    except Exception:  # each library has its own, and which one it is tells nobody anything
        raise NotGenuineError("the private key does not open the JWE") from None


def _split(text: bytes) -> tuple[dict[str, Any], list[str], list[bytes]]:
    header, pieces, raws = split_compact(text, 5, _MEMBERS)
    algorithm = header.get("alg")
    if algorithm not in ("RSA-OAEP-256", _ECDH) or (algorithm == _ECDH) != ("epk" in header):
        raise NotGenuineError("the JWE is not by RSA-OAEP-256, or ECDH-ES+A256KW with epk")
    if header.get("enc") != "A256GCM" or header.get("typ") != "JWT" or header.get("cty") != "JWT":
        raise NotGenuineError("the JWE is not enc A256GCM, typ JWT and cty JWT")
    return header, pieces, raws


def _unwrap(header: dict[str, Any], key: Any, encrypted: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    if header["alg"] == _ECDH:
        return aes_key_unwrap(_agree(header["epk"], key), encrypted)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a key of another kind")
    return key.decrypt(encrypted, OAEP(MGF1(SHA256()), SHA256(), None))


def _agree(epk: Any, key: Any) -> bytes:
    """The key-encryption key of RFC 7518, 4.6, with empty apu and apv."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDH, EllipticCurvePublicNumbers
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

    if epk.get("kty") != "EC" or epk.get("crv") != _CURVES[key.curve.name]:
        raise ValueError("a key of another curve")
    x, y = (int.from_bytes(decode_part(epk[name]) or b"", "big") for name in ("x", "y"))
    shared: bytes = key.exchange(ECDH(), EllipticCurvePublicNumbers(x, y, key.curve).public_key())
    name = _ECDH.encode()
    info = struct.pack(">I", len(name)) + name + struct.pack(">III", 0, 0, 256)
    return ConcatKDFHash(SHA256(), 32, info).derive(shared)


def _decrypt(key: bytes, header: bytes, nonce: bytes, text: bytes, tag: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(key) != 32 or len(nonce) != 12 or len(tag) != 16:
        raise ValueError("not what A256GCM takes")
    return AESGCM(key).decrypt(nonce, text + tag, header)
