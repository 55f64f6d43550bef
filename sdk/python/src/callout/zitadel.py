"""ZITADEL's signature: `ZITADEL-Signature: t=SECONDS,v1=HEX`."""

from __future__ import annotations

import hmac
import re

from .failure import NotGenuineError
from .headers import Headers
from .keys import KeyRing
from .stamp import check_stamp
from .standard import FEW_MORE, MAX_ENTRIES

__all__ = ["HEADER", "verify_zitadel"]

HEADER = "zitadel-signature"

_HEX = re.compile(r"[0-9a-f]{64}\Z")


def verify_zitadel(headers: Headers, body: bytes, now: float, ring: KeyRing) -> None:
    """Checks the header against the body as it came. Raises NotGenuineError."""
    values = headers.all(HEADER)
    if len(values) != 1:
        raise NotGenuineError("ZITADEL-Signature stands twice")
    stamp, signatures = _parse(values[0])
    if len(signatures) > ring.count + FEW_MORE:
        raise NotGenuineError("ZITADEL-Signature has many more signatures than there are keys")
    check_stamp(stamp, now)
    head = stamp.encode() + b"."
    for text in ring.texts:
        want = text.digest(head, body).hex()
        if any([hmac.compare_digest(want, have) for have in signatures]):
            return
    raise NotGenuineError("no signature of ZITADEL-Signature fits a key: is it the key of this target?")


def _parse(value: str) -> tuple[str, list[str]]:
    parts = value.split(",")
    if len(parts) > MAX_ENTRIES:
        raise NotGenuineError("ZITADEL-Signature has more than 64 elements")
    stamps: list[str] = []
    signatures: list[str] = []
    for part in parts:
        name, _, text = part.lstrip(" ").partition("=")
        if name == "t":
            stamps.append(text)
        elif name == "v1" and _HEX.match(text):
            signatures.append(text)
    if len(stamps) != 1:
        raise NotGenuineError("ZITADEL-Signature has no single timestamp")
    return stamps[0], signatures
