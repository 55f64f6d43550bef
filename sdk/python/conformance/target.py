"""The target that the conformance kit drives: `python target.py PORT`, with keys from the environment."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any, cast

from callout import Call, Callout, Claims, Event, Function, Later, Never, Reject, Response, claim

hooks = Callout.from_env()
counts: Counter[str] = Counter()
failed: set[str] = set()


@hooks.request("/conf.v1.Things/Change")
async def change(call: Call[dict[str, str]]) -> dict[str, str]:
    return {"displayName": f"{call.request['givenName']} {call.request['familyName']}"}


@hooks.request("/conf.v1.Things/Unchanged")
def unchanged(call: Call[Any]) -> None:
    return None


@hooks.request("/conf.v1.Things/Reject")
def reject(call: Call[Any]) -> None:
    raise Reject(422, "a thing needs a name")


@hooks.request("/conf.v1.Things/Throw")
async def throw(call: Call[Any]) -> None:
    raise RuntimeError("secret inside")


@hooks.request("/conf.v1.Things/Hang")
async def hang(call: Call[Any]) -> None:
    await asyncio.Event().wait()  # cancelled when time is over


@hooks.request("/conf.v1.Things/Echo")
def echo(call: Call[Any]) -> dict[str, Any]:
    return {"seen": call.body}


@hooks.request("/conf.v1.Things/List")
def listed(call: Call[Any]) -> dict[str, Any]:
    return cast(dict[str, Any], [1, 2])


@hooks.request("conf.v1.Things")
def service(call: Call[Any]) -> dict[str, str]:
    return {"by": "service"}


@hooks.request("*")
async def everything(call: Call[Any]) -> dict[str, str]:
    return {"by": "all"}


@hooks.response("/conf.v1.Things/Change")
async def counted(call: Response[Any, dict[str, int]]) -> dict[str, int]:
    return {"count": call.response["count"] + 1}


@hooks.function("create_id_token")
def token(call: Function[dict[str, Any]]) -> Claims:
    return claim("uid", call.body["user"]["id"])


@hooks.function("counts")
async def told(call: Function[Any]) -> dict[str, Any]:
    return {"counts": dict(counts)}


def count(event: Event[Any]) -> None:
    counts[f"{event.type}/{event.aggregate_id}"] += 1


@hooks.event("thing.added")
async def added(event: Event[Any]) -> None:
    count(event)


@hooks.event("thing.*")
def thing(event: Event[Any]) -> None:
    count(event)


@hooks.event("fail.always")
async def always(event: Event[Any]) -> None:
    count(event)
    raise RuntimeError("secret inside")


@hooks.event("fail.once")
async def once(event: Event[Any]) -> None:
    count(event)
    if event.aggregate_id not in failed:
        failed.add(event.aggregate_id)
        raise RuntimeError("secret inside")


@hooks.event("slow.thing")
async def slow(event: Event[Any]) -> None:
    count(event)
    await asyncio.sleep(0.5)


@hooks.event("later.thing")
async def later(event: Event[Any]) -> None:
    count(event)
    raise Later(after=7)


@hooks.event("never.thing")
async def never(event: Event[Any]) -> None:
    count(event)
    raise Never("it is of no use")


@hooks.event("reject.thing")
async def rejected(event: Event[Any]) -> None:
    count(event)
    raise Reject(422, "an event cannot be refused")


if __name__ == "__main__":
    hooks.serve(int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
