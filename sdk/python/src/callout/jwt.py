"""Bodies that are signed themselves: a compact JWS in ZITADEL's form, with iss, aud, iat, exp and jti."""

from __future__ import annotations

from typing import Any

from .compact import read_object, split_compact
from .failure import NotGenuineError
from .jwks import KeySource
from .stamp import TOLERANCE

__all__ = ["verify_jwt"]

_MEMBERS = frozenset(("alg", "kid", "typ"))
_LAST = 10**12  # the first number of seconds with more than 12 digits


def verify_jwt(text: bytes, now: float, keys: KeySource, issuer: str, audience: str) -> tuple[bytes, str]:
    """Checks a JWT as it came, and gives its payload and jti, which may be "".

    What issuer and audience are empty of is not looked at. Raises NotGenuineError, or UnavailableError when keys
    cannot be fetched.
    """
    header, pieces, raws = split_compact(text, 3, _MEMBERS)
    kid, algorithm = header.get("kid"), header.get("alg")
    if header.get("typ") != "JWT" or algorithm not in ("EdDSA", "RS256") or not isinstance(kid, str):
        raise NotGenuineError("the header of the JWT is not alg EdDSA or RS256, kid, and typ JWT")
    key = keys.find(kid)
    if key is None:
        raise NotGenuineError("no key of the JWKS has the kid of the JWT")
    if key.algorithm != algorithm:
        raise NotGenuineError("the key of that kid signs with another algorithm")
    if not key.fits(raws[2], f"{pieces[0]}.{pieces[1]}".encode()):
        raise NotGenuineError("the signature of the JWT does not fit")
    claims = read_object(raws[1])
    if claims is None:
        raise NotGenuineError("the payload of the JWT is no JSON object, or has a member twice")
    _check_claims(claims, now, issuer, audience)
    jti = claims.get("jti", "")
    if not isinstance(jti, str):
        raise NotGenuineError("jti is no text")
    return raws[1], jti


def _check_claims(claims: dict[str, Any], now: float, issuer: str, audience: str) -> None:
    issued, expires = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    if issued is None or abs(now - issued) > TOLERANCE:
        raise NotGenuineError("iat is missing or too far from now: look at the clocks of both machines")
    if expires is None or now > expires + TOLERANCE:
        raise NotGenuineError("exp is missing or over")
    for name, want in (("iss", issuer), ("aud", audience)):
        if want and claims.get(name) != want:
            raise NotGenuineError(f"{name} is another one than was expected")


def _seconds(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LAST else None
