"""The bodies that a target receives and answers, as TypedDicts. Members that are not named here pass through."""

from __future__ import annotations

from typing import Any, TypedDict

__all__ = ["CallBody", "EventBody", "FunctionBody", "Rejection", "RequestBody", "ResponseBody", "TokenAnswer"]


class CallBody(TypedDict, total=False):
    """What requests and responses may have."""

    instanceID: str
    orgID: str
    projectID: str
    userID: str
    headers: dict[str, list[str]]


class _Method(TypedDict):
    fullMethod: str
    request: dict[str, Any]


class RequestBody(_Method, CallBody):
    """A request."""


class _Answered(_Method):
    response: dict[str, Any]


class ResponseBody(_Answered, CallBody):
    """A response."""


class FunctionBody(TypedDict):
    """A function: beside its name, what the core says of it."""

    function: str


class _Occurred(TypedDict):
    aggregateID: str
    event_type: str


class EventBody(_Occurred, total=False):
    """An event."""

    aggregateType: str
    resourceOwner: str
    instanceID: str
    version: str
    sequence: int
    created_at: str
    userID: str
    event_payload: Any


class Rejection(TypedDict):
    """The answer that Reject makes."""

    forwardedStatusCode: int
    forwardedErrorMessage: str


class _Claim(TypedDict):
    key: str
    value: Any


class _Metadata(TypedDict):
    key: str
    value: str


class TokenAnswer(TypedDict, total=False):
    """The answer that Claims makes."""

    append_claims: list[_Claim]
    set_user_metadata: list[_Metadata]
    append_log_claims: list[str]
