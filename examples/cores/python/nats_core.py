"""A core over NATS: calls are requests, events are published into their stream."""
import asyncio
import json
import os

import nats


async def create_user(nc, user):
    call = {"fullMethod": "/acme.user.v1.UserService/CreateUser", "request": user}
    answer = await nc.request("callout.call.default.request.acme.user.v1.UserService.CreateUser", json.dumps(call).encode(), timeout=30)
    reply = json.loads(answer.data)
    if reply.get("outcome") != "continue":  # without an outcome the call was none, and the header Callout-Status is there
        return print("refused:", reply["error"]["status"], reply["error"]["message"])
    user = reply.get("request", user)  # left out where nothing changed
    print("created:", user["displayName"])
    event = {"aggregateID": user["id"], "event_type": "user.added", "event_payload": user}
    await nc.jetstream().publish(f"callout.event.default.=.{user['id']}.user.added", json.dumps(event).encode())
    print("stored:", user["id"])


async def main():
    async with await nats.connect(os.environ.get("CALLOUT_NATS", "nats://127.0.0.1:4222")) as nc:
        await create_user(nc, {"id": "u1", "givenName": "Ada", "familyName": "Lovelace"})
        await create_user(nc, {"id": "u2", "familyName": "Lovelace"})


asyncio.run(main())
