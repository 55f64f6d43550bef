"""Whether a request is genuine: which scheme decides, and what a handler may read."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .failure import ConfigurationError, NotGenuineError
from .headers import Headers
from .jwe import PrivateKeys, open_jwe, read_private_keys
from .jwks import FetchedKeys, GivenKeys, KeySource, PublicKey
from .jwt import verify_jwt
from .keys import KeyRing, read_keys
from .standard import Entries, decides, read_entries, verify_standard
from .zitadel import HEADER, verify_zitadel

__all__ = ["Genuine", "Payload", "Scheme", "Verifier"]

Scheme = Literal["standard", "standard_v1a", "zitadel"]
Payload = Literal["jwt", "jwe"]

SCHEMES: tuple[Scheme, ...] = ("standard", "standard_v1a", "zitadel")


@dataclass(slots=True)
class Genuine:
    """A request that was checked: the body that a handler may read, and the delivery id, "" when there is none."""

    body: bytes
    delivery_id: str


class Verifier:
    """Checks requests. A pure function of what it is given, but for a JWKS at a URL. Safe for several threads."""

    def __init__(
        self,
        keys: Iterable[str] = (),
        *,
        schemes: Iterable[Scheme] | None = None,
        payload: Payload | None = None,
        jwks: str | Mapping[str, object] | None = None,
        issuer: str = "",
        audience: str = "",
        private_keys: Mapping[str, str] | None = None,
        unsigned: bool = False,
    ) -> None:
        if isinstance(keys, str):
            raise ConfigurationError("keys is a list of texts")
        taken = _read_schemes(schemes)
        ring = read_keys(keys)
        self._ring = _narrow(ring, taken)
        self._issuer, self._audience = issuer, audience
        self._payload = payload
        self._jwks = _read_jwks(payload, jwks)
        self._private: PrivateKeys = _read_private(payload, private_keys or {})
        # The instance's ed25519 keys sign v1a, where a target has that and no key of its own.
        self._v1a = self._jwks if payload is None and "standard_v1a" in taken else None
        self._signed = ring.count > 0 or self._v1a is not None
        _check_some(self._signed, self._jwks is not None, unsigned)
        if self._signed and not (self._v1a or self._ring.secrets or self._ring.publics or self._ring.texts):
            raise ConfigurationError("no key is for one of the schemes")

    @property
    def blocks(self) -> bool:
        """Whether verify may wait for the network."""
        return self._jwks is not None and self._jwks.blocks

    @property
    def takes_compact(self) -> bool:
        """Whether bodies are JWTs or JWEs."""
        return self._payload is not None

    def verify(self, headers: Headers, body: bytes, now: float) -> Genuine:
        """Checks a request as it came; now is in seconds since 1970.

        Raises NotGenuineError, whose detail names the check, and UnavailableError when a JWKS cannot be fetched.
        """
        delivery_id = self._check_signature(headers, body, now) if self._signed else ""
        if self._jwks is None or self._payload is None:
            return Genuine(body, delivery_id or _unsigned_id(headers))
        jwt = open_jwe(body, self._private) if self._payload == "jwe" else body
        inner, jti = verify_jwt(jwt, now, self._jwks, self._issuer, self._audience)
        return Genuine(inner, delivery_id or jti or _unsigned_id(headers))

    def _check_signature(self, headers: Headers, body: bytes, now: float) -> str:
        """The id that is signed, which ZITADEL's scheme has none of. What fails here is not saved by the other."""
        entries = read_entries(headers)
        if decides(entries, bool(self._ring.secrets), bool(self._ring.publics or self._v1a)):
            return self._check_standard(entries, headers, body, now)
        if self._ring.texts and HEADER in headers:
            verify_zitadel(headers, body, now, self._ring)
            return ""
        raise NotGenuineError(
            "there is no signature that a key is for: look at signature: and signing_key: of the target"
        )

    def _check_standard(self, entries: Entries, headers: Headers, body: bytes, now: float) -> str:
        try:
            return verify_standard(entries, headers, body, now, self._ring)
        except NotGenuineError:
            if self._v1a is None:
                raise
        known = self._v1a.webhook_keys()
        try:
            return verify_standard(entries, headers, body, now, _with(self._ring, known))
        except NotGenuineError:
            fetched = self._v1a.webhook_keys(anew=True)
            if fetched == known:
                raise
        return verify_standard(entries, headers, body, now, _with(self._ring, fetched))


def _with(ring: KeyRing, keys: list[PublicKey]) -> KeyRing:
    return replace(ring, count=ring.count + len(keys), publics=(*ring.publics, *(key.fits for key in keys)))


def _unsigned_id(headers: Headers) -> str:
    """An id of a header that is not signed; "" where it is none, since ids are remembered."""
    said = headers.get("callout-delivery-id")
    return said if len(said) <= 255 and all("!" <= c <= "~" for c in said) else ""


def _read_schemes(schemes: Iterable[Scheme] | None) -> set[Scheme]:
    taken = set(SCHEMES if schemes is None else schemes)
    if not taken or not taken.issubset(SCHEMES):
        raise ConfigurationError(f"schemes are some of {', '.join(SCHEMES)}")
    return taken


def _narrow(ring: KeyRing, taken: set[Scheme]) -> KeyRing:
    return replace(
        ring,
        secrets=ring.secrets if "standard" in taken else (),
        publics=ring.publics if "standard_v1a" in taken else (),
        texts=ring.texts if "zitadel" in taken else (),
    )


def _check_some(signed: bool, published: bool, unsigned: bool) -> None:
    if unsigned and (signed or published):
        raise ConfigurationError("unsigned goes with neither keys nor a JWKS: leave it out, and they are checked")
    if not (signed or published or unsigned):
        raise ConfigurationError(
            "a receiver needs keys (the target's whsec_ text) or the JWKS of the instance; without them anybody could "
            "call it. From the environment: CALLOUT_KEYS=whsec_…"
        )


def _read_jwks(payload: str | None, jwks: str | Mapping[str, object] | None) -> KeySource | None:
    if payload not in (None, "jwt", "jwe"):
        raise ConfigurationError("payload is jwt or jwe, or left out")
    if jwks is None:
        if payload is not None:
            raise ConfigurationError("payload jwt and jwe need the JWKS of the instance: its URL, or what is there")
        return None
    if importlib.util.find_spec("cryptography") is None:
        raise ConfigurationError("a JWKS needs the package cryptography: pip install 'callout-sdk[jwt]'")
    return FetchedKeys(jwks) if isinstance(jwks, str) else GivenKeys(jwks)


def _read_private(payload: str | None, texts: Mapping[str, str]) -> PrivateKeys:
    if payload != "jwe":
        return {}
    if not texts:
        raise ConfigurationError("payload jwe needs the private keys of the target, each by its id in Callout")
    return read_private_keys(texts)
