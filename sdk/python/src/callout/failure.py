"""Why a request gets no answer of a handler: each failure has a status, a code and a text for people."""

from __future__ import annotations

__all__ = ["ConfigurationError", "NotGenuineError", "RefusedError", "UnavailableError"]

# What a caller reads. It says nothing of the inside; the log tells more.
MESSAGES: dict[str, tuple[int, str]] = {
    "unauthorized": (401, "the request is not signed as it must be"),
    "method_not_allowed": (405, "a target takes POST"),
    "not_found": (404, "nothing is served here"),
    "unsupported_media_type": (415, "the body is application/json without an encoding"),
    "body_too_large": (413, "the body is longer than is taken"),
    "malformed": (400, "the body is no call and no event"),
    "unknown_condition": (404, "no handler stands under this condition"),
    "handler_failed": (500, "the handler failed"),
    "handler_timeout": (504, "the handler did not answer in time"),
    "body_consumed": (500, "the body was read before it could be checked"),
    "in_progress": (409, "this delivery is being handled"),
    "retry_later": (503, "the handler asks for this later"),
    "given_up": (422, "the handler cannot do this, now or later"),
    "unavailable": (503, "the target cannot take this now"),
}


class ConfigurationError(ValueError):
    """A receiver cannot be made as it was asked for: a key that is none, a condition twice, a missing package.

    The text says what helps, and never holds a key.
    """


class RefusedError(Exception):
    """Ends the way of a request with an answer that is no handler's."""

    def __init__(self, code: str, detail: str = "", *, message: str = "", cause: BaseException | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status, said = MESSAGES[code]
        self.message = message or said
        self.detail = detail or said
        self.cause = cause
        self.headers: list[tuple[str, str]] = []


class NotGenuineError(RefusedError):
    """A check of what was signed failed. The detail names it, for the log alone."""

    def __init__(self, detail: str) -> None:
        super().__init__("unauthorized", detail)


class UnavailableError(RefusedError):
    """Draining, too busy, or what is needed (a JWKS, a store) cannot be had."""

    def __init__(self, detail: str, cause: BaseException | None = None) -> None:
        super().__init__("unavailable", detail, cause=cause)
