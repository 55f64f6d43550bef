"""What the tests share: a receiver with a handler of each kind, and real servers on the loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from callout import Call, Callout, Event, Later, Never, Reject, Trouble
from callout.testing import KEY, Signed

HERE = Path(__file__).parent
WAIT = 60.0


@pytest.fixture
def told() -> list[Trouble]:
    """What the log was told."""
    return []


@pytest.fixture
def seen() -> list[str]:
    """The events that were handled."""
    return []


@pytest.fixture
def hooks(told: list[Trouble], seen: list[str]) -> Callout:
    return make(told, seen)


def make(told: list[Trouble], seen: list[str], **options) -> Callout:
    hooks = Callout(**{"keys": [KEY], "log": told.append, **options})

    @hooks.request("/acme.Users/Create")
    async def create(call: Call):
        if not call.request.get("givenName"):
            raise Reject(422, "a user needs a given name")
        return {"displayName": call.request["givenName"] + "!"}

    @hooks.request("/acme.Users/Plain")
    def plain(call: Call):
        return {"thread": threading.current_thread().name}

    @hooks.request("/acme.Users/Nothing")
    async def nothing(call: Call):
        return None

    @hooks.event("user.added")
    async def added(event: Event):
        seen.append(event.aggregate_id)

    @hooks.event("user.later")
    def later(event: Event):
        raise Later("not now", after=7)

    @hooks.event("user.never")
    async def never(event: Event):
        raise Never("no use")

    return hooks


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def post(url: str, signed: Signed) -> tuple[int, dict[str, str], bytes]:
    """Posts a request over a real connection, as it is."""
    request = urllib.request.Request(url, data=signed.body, headers=dict(signed.headers), method=signed.method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=WAIT) as answer:
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, dict(answer.headers.items()), answer.read()


@contextlib.contextmanager
def process(*command: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program that says its address in its first lines, and the address."""
    variables = {**os.environ, "CALLOUT_KEYS": KEY, "PYTHONUNBUFFERED": "1", **environment}
    running = subprocess.Popen(
        [sys.executable, *command], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE
    )
    lines = []
    try:
        for line in running.stdout:
            lines.append(line)
            if "http://127.0.0.1:" in line:
                address = line[line.index("http://127.0.0.1:") :].split()[0].rstrip(")")
                yield running, address
                return
        raise AssertionError("it ended: " + "".join(lines))
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()


class Published:
    """A real HTTP server that publishes a text."""

    def __init__(self) -> None:
        self.text = b"{}"
        self.control = ""
        self.status = 200
        self.asked = 0
        publishes = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publishes.asked += 1
                self.send_response(publishes.status)
                if publishes.control:
                    self.send_header("Cache-Control", publishes.control)
                if publishes.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(publishes.text)))
                self.end_headers()
                self.wfile.write(publishes.text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    one = Published()
    yield one
    one.server.shutdown()
    one.server.server_close()
