"""What type checkers say of a developer's code. What is refused here is refused on purpose: a comment that is not
needed is an error of mypy."""

from __future__ import annotations

from typing import Any, TypedDict

from callout import Call, Callout, Claims, Delivery, Event, Function, MemoryStore, Reject, Response, claim
from callout.bodies import EventBody, RequestBody
from callout.testing import event, receive, request


class CreateUser(TypedDict):
    givenName: str
    email: str


class User(TypedDict):
    displayName: str


class TokenContext(TypedDict):
    user: dict[str, str]


hooks = Callout(["whsec_"], schemes=["standard"], store=MemoryStore())
Callout.from_env(path="/hooks", max_body=1000)


@hooks.request("/acme.user.v1.UserService/CreateUser")
async def create(call: Call[CreateUser]) -> User:
    if not call.request.get("email"):
        raise Reject(422, "an e-mail address is needed")
    return {"displayName": call.request["givenName"]}


@hooks.request("*")
def plain(call: Call[CreateUser]) -> User | None:
    return None


@hooks.response("*")
async def answered(call: Response[CreateUser, User]) -> dict[str, str]:
    return {"was": call.response["displayName"], "of": call.request["givenName"]}


@hooks.function("create_id_token")
def token(call: Function[TokenContext]) -> Claims:
    return claim("uid", call.body["user"]["id"]).log_claim("done")


@hooks.event("user.*")
async def stored(event: Event[CreateUser]) -> None:
    print(event.payload["email"], event.type, event.sequence)


@hooks.fallback
def unknown(delivery: Delivery) -> None:
    print(delivery.instance)


class Redis:
    async def seen(self, delivery_id: str, /) -> bool:
        return False

    async def done(self, delivery_id: str, /) -> None:
        return None


Callout(["whsec_"], store=Redis())
answer: Any = receive(hooks, request("/a.B/C", {}, attempt=2)).json
receive(hooks, event("user.added", {"email": "a@b"}, test=True))
body: RequestBody = {"fullMethod": "/a.B/C", "request": {}, "orgID": "acme"}
stored_body: EventBody = {"aggregateID": "1", "event_type": "a", "event_payload": {}}


@hooks.request("/a.B/List")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def listed(call: Call[CreateUser]) -> list[str]:
    return []


@hooks.event("a.b")  # type: ignore[arg-type, type-var, unused-ignore]  # pyright: ignore[reportArgumentType]
def of_another_phase(call: Call[CreateUser]) -> None:
    return None


def misspelt(call: Call[CreateUser]) -> str:
    return call.request["givenname"]  # type: ignore[typeddict-item, no-any-return]  # pyright: ignore


Callout(["whsec_"], schemes=["hmac"])  # type: ignore[list-item]  # pyright: ignore
Callout.from_env(max_bodies=1)  # type: ignore[call-arg]  # pyright: ignore
request("/a.B/C", {}, attempts=2)  # type: ignore[call-arg]  # pyright: ignore
