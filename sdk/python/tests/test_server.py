"""The server that a receiver starts, over real sockets and as a real process."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import HERE, WAIT, make, post, process, wait_for

from callout import Callout
from callout.connection import Connection
from callout.http1 import BadRequestError, Chunks, parse_head
from callout.server import _address, _Server
from callout.testing import KEY, Signed, event, request, signed

TARGET = str(HERE.parent / "conformance" / "target.py")


@pytest.fixture
def address(hooks, capsys):
    """The address of a server in a thread."""
    import asyncio

    server, loop = _Server(hooks), asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.run("127.0.0.1", 0)))
    thread.start()
    said = ""
    end = time.monotonic() + WAIT
    while "\n" not in said:
        assert time.monotonic() < end
        said += capsys.readouterr().out
        time.sleep(0.005)
    host, _, port = said.strip().removeprefix("listening on http://").partition(":")
    yield host, int(port)
    loop.call_soon_threadsafe(server._told.set)
    thread.join(WAIT)
    loop.close()


def raw(signed: Signed, *lines: str, first: str = "POST / HTTP/1.1") -> bytes:
    kept = [f"{name}: {value}" for name, value in signed.headers.items()]
    return "\r\n".join([first, "host: a", *kept, *lines, "", ""]).encode() + signed.body


def exchange(address, *pieces: bytes, pause: float = 0.0) -> bytes:
    with socket.create_connection(address, timeout=WAIT) as s:
        for piece in pieces:
            s.sendall(piece)
            time.sleep(pause)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def read_all(s: socket.socket) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := s.recv(65536):
            got += chunk
    return got


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


CREATE = request("/acme.Users/Create", {"givenName": "Ada"})


def test_an_answer(address):
    url = f"http://{address[0]}:{address[1]}/any/path?query"
    code, headers, body = post(url, CREATE)
    assert (code, json.loads(body), headers["content-type"]) == (200, {"displayName": "Ada!"}, "application/json")
    code, headers, body = post(url, event("user.added"))
    assert (code, body) == (204, b"") and "content-length" not in headers


def test_a_connection_is_kept_and_requests_may_come_at_once(address):
    answers = exchange(address, raw(CREATE) * 3)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert b"connection: close" not in answers


def test_a_request_may_come_byte_by_byte(address):
    whole = raw(CREATE)
    assert status(exchange(address, *(whole[n : n + 1] for n in range(len(whole))))) == 200


def test_chunks(address):
    made = CREATE.header("content-length", None)
    head = raw(made, "transfer-encoding: chunked")[: -len(made.body)]
    body = made.body
    for chunks in ([body], [body[:7], body[7:]], [bytes([b]) for b in body]):
        text = b"".join(b"%x;x=y\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\nTrailer: x\r\n\r\n"
        assert exchange(address, (head + text) * 2).count(b"200 OK") == 2
        assert status(exchange(address, *(bytes([b]) for b in head + text))) == 200
    assert status(exchange(address, head + b"zz\r\n")) == 400
    assert status(exchange(address, head + b"3\r\nabcd\r\n")) == 400
    assert status(exchange(address, head + b"%x\r\n" % (2 << 20) + b"x" * (2 << 20))) == 413


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_long_bodies(address, pause):
    for size, code in ((200_000, 400), (1 << 20, 400), ((1 << 20) + 1, 413)):
        made = signed(b"[" * size)
        whole = raw(made)
        pieces = [whole] if pause == 0 else [whole[n : n + 300_000] for n in range(0, len(whole), 300_000)]
        assert status(exchange(address, *pieces, pause=pause)) == code
    made = signed(b'{"event_type":"user.added","a":"' + b"x" * ((1 << 20) - 34) + b'"}')
    assert len(made.body) == 1 << 20
    assert exchange(address, raw(made) + raw(CREATE)).count(b"HTTP/1.1 20") == 2


def test_expect(address):
    with socket.create_connection(address, timeout=WAIT) as s:
        whole = raw(CREATE, "expect: 100-continue")
        s.sendall(whole[: -len(CREATE.body)])
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(CREATE.body)
        assert status(s.recv(65536)) == 200
    refused = raw(CREATE.header("content-type", "text/plain"), "expect: 100-continue")[: -len(CREATE.body)]
    assert status(exchange(address, refused)) == 415


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"GET\r\n\r\n", 400),
        (b"POST / HTTP/2.0\r\nhost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\nx: a\nb\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"y" * 70_000, 431),
    ],
)
def test_what_is_no_request_ends_the_connection(address, bad, code):
    answer = exchange(address, bad, raw(CREATE))
    assert status(answer) == code and answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer


def test_headers_of_64_kib_are_taken(address):
    assert status(exchange(address, raw(CREATE, "x: " + "y" * 64_000))) == 200


def test_a_body_that_is_too_long_is_answered_before_it_came(address):
    made = CREATE.header("content-length", str(100 << 20))
    answer = exchange(address, raw(made), b"x" * 100_000)
    assert status(answer) == 413 and b"connection: close" in answer


def test_health(address):
    answer = exchange(address, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
    assert status(answer) == 200 and answer.endswith(b'{"status":"ok"}')
    assert status(exchange(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")) == 405


def test_http_1_0(address):
    answer = exchange(address, raw(CREATE, first="POST / HTTP/1.0"))
    assert status(answer) == 200 and b"connection: close" in answer


def test_what_comes_slowly_is_given_up(address, monkeypatch):
    monkeypatch.setattr("callout.connection.SLOW", 0.2)
    monkeypatch.setattr("callout.connection.IDLE", 0.2)
    for piece in (b"POST / HT", raw(CREATE)[:-1]):
        with socket.create_connection(address, timeout=WAIT) as s:
            s.sendall(piece)
            assert status(read_all(s)) == 408
    with socket.create_connection(address, timeout=WAIT) as s:
        assert read_all(s) == b"", "a connection without a request ends without a word"


def test_a_client_that_goes_away_leaves_nothing(address, hooks):
    with socket.create_connection(address, timeout=WAIT) as s:
        s.sendall(raw(CREATE)[:-5])
    assert status(exchange(address, raw(CREATE))) == 200


def test_sigterm_drains():
    with process(TARGET, "0") as (running, url):
        kept = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=WAIT)
        kept.sendall(raw(event("slow.thing"), first="POST / HTTP/1.1"))
        other = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=WAIT)
        other.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b'{"status":"ok"}' in other.recv(1000)
        running.send_signal(signal.SIGTERM)
        wait_for(lambda: refused(kept), "it still listens")
        other.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        health = other.recv(1000)
        assert status(health) == 503 and b"draining" in health
        answer = read_all(kept)
        assert status(answer) == 204 and b"connection: close" in answer
        assert running.wait(WAIT) == 0
        kept.close()
        other.close()


def refused(kept: socket.socket) -> bool:
    try:
        socket.create_connection(kept.getpeername(), timeout=WAIT).close()
    except ConnectionRefusedError:
        return True
    return False


HANGS = """
import time
from callout import Callout
hooks = Callout.from_env()
hooks.request("/a.B/Hang")(lambda call: time.sleep(600))
@hooks.request("/a.B/Async")
async def stubborn(call):
    import asyncio
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            pass
import callout.server
callout.server.DRAIN = 0.3
hooks.serve(0)
"""


@pytest.mark.parametrize("method", ["/a.B/Hang", "/a.B/Async"])
def test_a_handler_that_hangs_does_not_keep_the_process(method):
    with process("-c", HANGS) as (running, url):
        s = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=WAIT)
        s.sendall(raw(request(method, {}, remaining_ms=3_000_000)))
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        assert running.wait(WAIT) == 0
        s.close()


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            Callout([KEY]).serve(taken.getsockname()[1])


def test_all_addresses_are_told_as_one_that_is_reached():
    with socket.create_server(("0.0.0.0", 0)) as all_of_them:
        assert _address(all_of_them) == f"http://127.0.0.1:{all_of_them.getsockname()[1]}"


def test_heads_are_read_strictly():
    head = parse_head(b"POST /a?b HTTP/1.1\r\nHost: x\r\nEmpty:\r\nSpaces: \t a b \t\r\nLatin: \xe4")
    assert (head.method, head.path, head.length, head.keep_alive) == ("POST", "/a", 0, True)
    assert [head.headers.get(name) for name in ("empty", "spaces", "latin")] == ["", "a b", "ä"]
    with pytest.raises(BadRequestError):
        parse_head(b"POST /a b HTTP/1.1\r\nhost: a")
    with pytest.raises(BadRequestError):
        Chunks().feed(bytearray(b"1;" + b"x" * 300), 10)


def test_the_sdk_needs_nothing():
    """The core is imported without any package beside the standard library."""
    others = ("cryptography", "django", "flask", "starlette", "typing_extensions", "werkzeug")
    code = f"import sys, callout, callout.testing, callout.django; print([m for m in {others} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


assert Connection and make


def test_a_client_that_does_not_read_is_cut_off(address):
    ask = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" * 1000
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(WAIT)
        s.connect(address)
        with pytest.raises(ConnectionError):
            for _ in range((16 << 20) // len(ask)):
                s.sendall(ask)
