"""The answers of functions that complete a token, as ZITADEL wants them."""

from __future__ import annotations

import base64
from typing import Any

__all__ = ["Claims", "claim", "log_claim", "metadata"]


class Claims(dict[str, list[Any]]):
    """An answer of a function: claims, metadata and log claims, as many as are said.

        return claim("uid", user_id).claim("team", "blue").log_claim("two claims were added")

    The values of claims are whatever JSON can hold. An answer has at most 1 MiB.
    """

    def claim(self, key: str, value: object) -> Claims:
        """Adds a claim to the token."""
        self.setdefault("append_claims", []).append({"key": key, "value": value})
        return self

    def metadata(self, key: str, value: bytes) -> Claims:
        """Sets metadata of the user."""
        said = {"key": key, "value": base64.b64encode(value).decode()}
        self.setdefault("set_user_metadata", []).append(said)
        return self

    def log_claim(self, text: str) -> Claims:
        """Adds a line to the log claim of the token."""
        self.setdefault("append_log_claims", []).append(text)
        return self


def claim(key: str, value: object) -> Claims:
    """An answer that adds a claim to the token. More can be said behind it: `.claim`, `.metadata`, `.log_claim`."""
    return Claims().claim(key, value)


def metadata(key: str, value: bytes) -> Claims:
    """An answer that sets metadata of the user. More can be said behind it."""
    return Claims().metadata(key, value)


def log_claim(text: str) -> Claims:
    """An answer that adds a line to the log claim. More can be said behind it."""
    return Claims().log_claim(text)
