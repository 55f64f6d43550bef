"""The signatures of Standard Webhooks: v1 (HMAC-SHA256) and v1a (ed25519)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from .failure import NotGenuineError
from .headers import Headers
from .keys import KeyRing, decode_base64
from .stamp import check_stamp

__all__ = ["FEW_MORE", "MAX_ENTRIES", "Entries", "decides", "read_entries", "verify_standard"]

MAX_ENTRIES = 64
"""Entries of a header that are looked at."""

FEW_MORE = 4
"""How many more signatures than keys are tried: who signs may be ahead in exchanging keys."""

_VERSIONS = ("v1", "v1a")

# Visible ASCII without a dot: with one the boundary between id, time and body could be moved.
_ID = re.compile(r"[!-\-/-~]{1,255}\Z")


@dataclass(slots=True)
class Entries:
    """The header webhook-signature, taken apart."""

    refused: bool
    """It has a tab, or too many entries."""
    signatures: list[tuple[str, bytes]]
    """Those of the versions that are known, and well formed; others are passed over."""


def read_entries(headers: Headers) -> Entries:
    """Entries stand one space apart; proxies make doubled spaces and `, ` of it."""
    said = headers.all("webhook-signature")
    joined = said[0] if len(said) == 1 else " ".join(said)
    parts = joined.replace(", ", " ").split(" ")
    if "" in parts:
        parts = [entry for entry in parts if entry]
    if "\t" in joined or len(parts) > MAX_ENTRIES:
        return Entries(True, [])
    found: list[tuple[str, bytes]] = []
    for part in parts:
        version, _, text = part.partition(",")
        raw = decode_base64(text) if version in _VERSIONS and text else None
        if raw is not None:
            found.append((version, raw))
    return Entries(False, found)


def decides(entries: Entries, hmac_keys: bool, ed25519_keys: bool) -> bool:
    """Whether these signatures decide: there is a well-formed one of a version that there are keys for."""
    if entries.refused:
        return hmac_keys or ed25519_keys
    return any([hmac_keys if version == "v1" else ed25519_keys for version, _ in entries.signatures])


def verify_standard(entries: Entries, headers: Headers, body: bytes, now: float, ring: KeyRing) -> str:
    """Checks the three headers against the body as it came, and gives the delivery id. Raises NotGenuineError."""
    ids, stamps = headers.all("webhook-id"), headers.all("webhook-timestamp")
    if len(ids) != 1 or not _ID.match(ids[0]):
        raise NotGenuineError("webhook-id is missing, stands twice, or is malformed")
    if len(stamps) != 1:
        raise NotGenuineError("webhook-timestamp is missing or stands twice")
    check_stamp(stamps[0], now)
    if entries.refused:
        raise NotGenuineError("webhook-signature is malformed, or has more than 64 entries")
    if len(entries.signatures) > ring.count + FEW_MORE:
        raise NotGenuineError("webhook-signature has many more signatures than there are keys")
    if not _fits(entries.signatures, f"{ids[0]}.{stamps[0]}.".encode(), body, ring):
        raise NotGenuineError("no signature of webhook-signature fits a key: is it the key of this target?")
    return ids[0]


def _fits(entries: list[tuple[str, bytes]], head: bytes, body: bytes, ring: KeyRing) -> bool:
    have = [raw for version, raw in entries if version == "v1"]
    for secret in ring.secrets:
        want = secret.digest(head, body)
        if True in [hmac.compare_digest(want, raw) for raw in have]:  # each, whichever fits
            return True
    if not ring.publics:
        return False
    message = head + body
    pairs = [raw for version, raw in entries if version == "v1a" and len(raw) == 64]
    return any(check(raw, message) for check in ring.publics for raw in pairs)
