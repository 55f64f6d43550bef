"""Compact JWS and JWE: parts of base64url with dots between."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast

from .failure import NotGenuineError

__all__ = ["decode_part", "read_object", "split_compact"]


def decode_part(text: str) -> bytes | None:
    """Unpadded base64url in its one canonical form, or None. Nothing is passed over."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text else None


def split_compact(text: bytes, parts: int, members: frozenset[str]) -> tuple[dict[str, Any], list[str], list[bytes]]:
    """The header, the parts and what is in them. Raises NotGenuineError.

    The base64url must be canonical: another text of the same bytes would be another one for who remembers what
    came. A header with a member that is not named here asks for something that is not done.
    """
    try:
        pieces = text.decode("ascii").split(".")
    except UnicodeDecodeError:
        pieces = []
    raws = [decode_part(piece) for piece in pieces] if len(pieces) == parts else []
    found = [raw for raw in raws if raw]
    if len(found) != parts:
        raise NotGenuineError(f"the body is not {parts} parts of canonical base64url: is payload as the target has it?")
    header = read_object(found[0])
    if header is None or not members.issuperset(header):
        raise NotGenuineError("the header of the JWT or JWE is malformed, or has a member that is not taken")
    return header, pieces, found


def read_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object in which no member stands twice at the top, or None."""
    try:
        # The outermost object is the last that the hook is given.
        names: list[list[str]] = []

        def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            names[:] = [[name for name, _ in pairs]]
            return dict(pairs)

        value: object = json.loads(raw.decode("utf-8"), object_pairs_hook=keep, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or len(set(names[0])) != len(names[0]):
        return None
    return cast(dict[str, Any], value)


def _refuse(constant: str) -> object:
    raise ValueError(constant)
