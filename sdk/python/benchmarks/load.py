"""What load.sh serves: a target, or a bare handler that reads the body and answers the same, by each kind of server."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from starlette.requests import Request

from callout import Callout
from callout.testing import KEY, request

ANSWER = b'{"displayName":"Ada"}'

hooks = Callout([KEY])


@hooks.request("/acme.Users/Create")
async def create(call):
    return {"displayName": "Ada"}


plain = Callout([KEY])


@plain.request("/acme.Users/Create")
def create_plain(call):
    return {"displayName": "Ada"}


wsgi = plain.wsgi


async def bare(scope, receive, send):
    """A bare handler of ASGI: it reads the body, decodes it, and answers."""
    if scope["type"] != "http":
        return
    raw, more = b"", True
    while more:
        message = await receive()
        raw += message.get("body", b"")
        more = message.get("more_body", False)
    json.loads(raw or b"null")
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"21")],
        }
    )
    await send({"type": "http.response.body", "body": ANSWER})


def bare_wsgi(environ, start_response):
    json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or "null")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "21")])
    return [ANSWER]


class Partner(threading.local):
    """A thread for each thread of the server, and a lock for each side: the least that another thread costs."""

    def __init__(self):
        self.begin, self.end = threading.Lock(), threading.Lock()
        self.begin.acquire()
        self.end.acquire()
        self.raw = b""
        threading.Thread(target=self.work, args=(self.begin, self.end, self.__dict__), daemon=True).start()

    @staticmethod
    def work(begin, end, said):
        while True:
            begin.acquire()
            json.loads(said["raw"] or "null")
            end.release()


partner = Partner()


def bare_thread_wsgi(environ, start_response):
    """bare_wsgi, with what it does in another thread."""
    partner.raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    partner.begin.release()
    partner.end.acquire(timeout=10)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "21")])
    return [ANSWER]


class Bare(BaseHTTPRequestHandler):
    """A bare handler of the standard library."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "21")
        self.end_headers()
        self.wfile.write(ANSWER)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def fastapi_app():
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    app = FastAPI()

    @app.post("/bare")
    async def endpoint(request: Request):
        await request.json()
        return JSONResponse({"displayName": "Ada"})

    app.add_route("/hooks", hooks)
    return app


def __getattr__(name):  # FastAPI is for who asks for it
    if name == "app":
        return fastapi_app()
    raise AttributeError(name)


def lua() -> str:
    """A script for wrk: the request, signed now, which is good for five minutes."""
    made = request("/acme.Users/Create", {"text": "b" * 960}, remaining_ms=60_000)
    headers = "".join(f'wrk.headers["{n}"]={v!r}\n' for n, v in made.headers.items() if n != "content-length")
    return f"wrk.method='POST'\nwrk.body=[[{made.body.decode()}]]\n{headers}"


if __name__ == "__main__":
    kind, *port = sys.argv[1:]
    if kind == "lua":
        print(lua())
    elif kind == "serve":
        hooks.serve(int(port[0]))
    elif kind == "bare":
        ThreadingHTTPServer.request_queue_size = 1024
        ThreadingHTTPServer(("127.0.0.1", int(port[0])), Bare).serve_forever()
