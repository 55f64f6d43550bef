"""An application that uvicorn serves, with the receiver in the ways in which it can stand in one."""

from __future__ import annotations

import sys

import uvicorn
from conftest import make
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from callout import starlette

hooks = make([], [])


@hooks.fallback
def slow(delivery):
    import time

    time.sleep(delivery.remaining() + 1)


api = FastAPI()
api.add_route("/hooks", hooks)


@api.post("/parsed")
async def parsed(request: Request, body: dict):
    assert await request.json() == body
    return await starlette.respond(hooks, request)


@api.post("/streamed")
async def streamed(request: Request):
    async for _ in request.stream():
        pass
    return await starlette.respond(hooks, request)


class Reads:
    """A middleware that reads the body and does not put it back."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
        await self.app(scope, receive, send)


middle = FastAPI()
middle.add_route("/stream", hooks)
middle.add_route("/body", hooks)


@middle.middleware("http")
async def reads(request: Request, call_next):
    if request.url.path.endswith("/stream"):
        async for _ in request.stream():
            pass
    else:
        await request.body()
    return await call_next(request)


app = Starlette(
    routes=[
        Route("/bare", hooks),
        Mount("/mounted", hooks),
        Mount("/api", api),
        Mount("/read", Reads(hooks)),
        Mount("/middle", middle),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=0, log_level="info", lifespan=sys.argv[1] if len(sys.argv) > 1 else "auto")
