"""An application of Flask, served by gunicorn and by Flask's own server."""

from __future__ import annotations

import sys

from conftest import make
from flask import Flask, g, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

hooks = make([], [])


@hooks.request("/acme.Users/Context")
def context(call):
    return {"g": g.get("said", "")}


app = Flask(__name__)


@app.post("/hooks")
def hook():
    g.said = "here"
    return hooks.wsgi


@app.post("/parsed")
def parsed():
    assert request.get_json()
    return hooks.wsgi


@app.post("/read")
def read():
    request.stream.read()
    return hooks.wsgi


@app.post("/uncached")
def uncached():
    request.get_data(cache=False)
    return hooks.wsgi


def reads(environ, start_response):
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return hooks.wsgi(environ, start_response)


application = DispatcherMiddleware(app, {"/mounted": hooks.wsgi, "/middle": reads})

if __name__ == "__main__":
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(f"http://127.0.0.1:{server.port}", file=sys.stderr)
    server.serve_forever()
