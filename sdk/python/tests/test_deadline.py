"""Handlers have a time, and are answered for when it is over."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest
from conftest import WAIT, make, wait_for

from callout import Callout
from callout.flow import seconds_of
from callout.headers import Headers
from callout.testing import KEY, receive, receive_async, request


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1000", 0.9),
        ("10000", 9.9),
        ("500", 0.45),
        ("0", 0.0),
        ("3600000", 3599.9),
        ("3600001", 9.9),
        ("", 9.9),
        ("-1", 9.9),
        ("1.5", 9.9),
        ("\u0661", 9.9),
        ("9" * 5000, 9.9),
    ],
)
def test_time_is_what_remains_less_a_tenth(text, seconds):
    assert seconds_of(Headers([("Callout-Remaining-Ms", text)] if text else [])) == pytest.approx(seconds)


def on_a_loop(hooks, made):
    return asyncio.run(receive_async(hooks, made))


@pytest.mark.parametrize("way", [receive, on_a_loop])
def test_an_async_handler_is_cancelled(hooks, told, way):
    ended = threading.Event()

    @hooks.request("/a.B/Hang")
    async def hang(call):
        try:
            await asyncio.sleep(WAIT)
        finally:
            ended.set()

    start = time.monotonic()
    answer = way(hooks, request("/a.B/Hang", {}, remaining_ms=1000))
    assert (answer.status, answer.json["code"], told[0].code) == (504, "handler_timeout", "handler_timeout")
    assert ended.wait(WAIT) and 0.8 < time.monotonic() - start < WAIT / 2


@pytest.mark.parametrize("way", [receive, on_a_loop])
def test_a_handler_that_will_not_be_cancelled_is_answered_for(hooks, way):
    @hooks.request("/a.B/Stubborn")
    async def stubborn(call):
        for _ in range(20):
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    assert way(hooks, request("/a.B/Stubborn", {}, remaining_ms=60)).status == 504


@pytest.mark.parametrize("way", [receive, on_a_loop])
def test_a_plain_handler_is_told(hooks, way):
    left = []
    ended = threading.Event()

    @hooks.request("/a.B/Loop")
    def loop(call):
        left.append(call.remaining())
        while not call.expired:
            time.sleep(0.005)
        left.append(call.remaining())
        ended.set()

    assert way(hooks, request("/a.B/Loop", {}, remaining_ms=1000)).status == 504
    assert ended.wait(WAIT)
    assert 0 < left[0] <= 0.9 and left[1] == 0.0


def test_no_time_is_no_time(hooks):
    assert receive(hooks, request("/acme.Users/Create", {"givenName": "Ada"}, remaining_ms=0)).status == 504


def test_what_waits_for_a_thread_and_is_late_never_runs():
    hooks, go_on, ran = Callout([KEY], threads=1), threading.Event(), []
    hooks.request("/a.B/Slow")(lambda call: go_on.wait(WAIT) and None)
    hooks.request("/a.B/Next")(lambda call: ran.append(call))
    assert receive(hooks, request("/a.B/Slow", {}, remaining_ms=800)).status == 504
    assert receive(hooks, request("/a.B/Next", {}, remaining_ms=20)).status == 504
    go_on.set()
    assert receive(hooks, request("/a.B/Next", {}, remaining_ms=int(WAIT * 1000))).status == 204
    assert len(ran) == 1


def test_too_many_that_wait_are_refused(told, monkeypatch):
    monkeypatch.setattr("callout.workers.MAX_WAITING", 1)
    hooks, go_on = make(told, [], threads=1), threading.Event()
    hooks.request("/a.B/Slow")(lambda call: go_on.wait(WAIT) and None)

    async def all_at_once():
        made = request("/a.B/Slow", {}, remaining_ms=500)
        return await asyncio.gather(*(receive_async(hooks, made) for _ in range(4)))

    statuses = [answer.status for answer in asyncio.run(all_at_once())]
    go_on.set()
    assert set(statuses) == {503, 504} and any("threads" in t.detail for t in told)


def test_threads_are_used_again(hooks):
    names = {receive(hooks, request("/acme.Users/Plain", {})).json["thread"] for _ in range(50)}
    assert len(names) <= 2


def test_the_context_goes_along(hooks):
    of_the_request = contextvars.ContextVar("of_the_request", default="")
    hooks.request("/a.B/Context")(lambda call: {"seen": of_the_request.get()})
    of_the_request.set("here")
    assert receive(hooks, request("/a.B/Context", {})).json == {"seen": "here"}


def test_a_request_that_the_server_gives_up_cancels_its_handler(hooks):
    begun, ended = threading.Event(), threading.Event()

    @hooks.request("/a.B/Hang")
    async def hang(call):
        begun.set()
        try:
            await asyncio.sleep(WAIT)
        finally:
            ended.set()

    async def give_up():
        task = asyncio.create_task(receive_async(hooks, request("/a.B/Hang", {})))
        while not begun.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(give_up())
    wait_for(ended.is_set, "the handler goes on")


def test_an_event_whose_handler_succeeds_as_its_time_ends_is_done(hooks):
    from callout.testing import event

    hooks.event("user.late")(lambda event: time.sleep(event.remaining() + 0.001))
    made = event("user.late", remaining_ms=300)
    assert receive(hooks, made).status == 504
    wait_for(lambda: receive(hooks, made).header("callout-duplicate"), "it is not done")
