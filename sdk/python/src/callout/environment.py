"""The options of a receiver that the environment gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .failure import ConfigurationError

__all__ = ["read_environment"]


def read_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Reads CALLOUT_KEYS, CALLOUT_JWKS, CALLOUT_ISSUER, CALLOUT_AUDIENCE, CALLOUT_PRIVATE_KEYS and CALLOUT_PAYLOAD.

    What is not set or empty is left out. Raises ConfigurationError for a private key that cannot be read.
    """
    said = os.environ if environment is None else environment
    options: dict[str, Any] = {
        name: said[variable]
        for name, variable in (
            ("jwks", "CALLOUT_JWKS"),
            ("issuer", "CALLOUT_ISSUER"),
            ("audience", "CALLOUT_AUDIENCE"),
            ("payload", "CALLOUT_PAYLOAD"),
        )
        if said.get(variable)
    }
    keys = _listed(said.get("CALLOUT_KEYS", ""))
    if keys:
        options["keys"] = keys
    private = _listed(said.get("CALLOUT_PRIVATE_KEYS", ""))
    if private:
        options["private_keys"] = dict(map(_private_key, private))
    return options


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _private_key(text: str) -> tuple[str, str]:
    kid, equals, path = text.partition("=")
    if not (kid and equals and path):
        raise ConfigurationError("CALLOUT_PRIVATE_KEYS is KID=PATH, with commas between")
    try:
        return kid, Path(path).read_text(encoding="ascii")
    except (OSError, ValueError) as fault:
        raise ConfigurationError(f"CALLOUT_PRIVATE_KEYS: the file of the key {kid!r} cannot be read") from fault
