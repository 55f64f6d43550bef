"""A delivery is handled once: done after success, under way while its handler runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest
from conftest import WAIT, make, wait_for

from callout import MemoryStore, Reject
from callout.testing import event, receive, receive_async, request


def test_what_is_done_is_not_handled_again(hooks, seen):
    made = event("user.added", delivery_id="d1")
    assert receive(hooks, made).status == 204
    again = receive(hooks, made)
    assert (again.status, again.header("Callout-Duplicate")) == (204, "true")
    assert receive(hooks, event("user.added", delivery_id="d2")).header("callout-duplicate") == ""
    assert len(seen) == 2


def test_what_failed_is_handled_again(hooks):
    ran = []

    @hooks.event("user.flaky")
    async def flaky(event):
        ran.append(event)
        if len(ran) == 1:
            raise RuntimeError("first")

    made = event("user.flaky")
    assert [receive(hooks, made).status for _ in range(3)] == [500, 204, 204]
    assert len(ran) == 2


def test_calls_that_somebody_waits_for_and_samples_are_answered_again(hooks, seen):
    for made in (request("/acme.Users/Create", {"givenName": "Ada"}), event("user.added", test=True)):
        assert [receive(hooks, made).header("callout-duplicate") for _ in range(2)] == ["", ""]
    assert len(seen) == 2


def test_an_async_target_is_handled_once(hooks):
    ran = []

    @hooks.request("/a.B/Async")
    async def handler(call):
        ran.append(call)
        if len(ran) == 1:
            raise Reject(422, "no")

    made = request("/a.B/Async", {}, headers={"callout-sequence": "7"})
    # A refusal is an answer of the handler: it has done what it does.
    assert [receive(hooks, made).status for _ in range(2)] == [200, 204]
    assert len(ran) == 1 and ran[0].sequence == 7


def test_without_an_id_nothing_is_remembered(told, seen):
    hooks = make(told, seen, keys=["a key of ZITADEL's"])
    made = event("user.added", key="a key of ZITADEL's").header("callout-delivery-id", None)
    assert [receive(hooks, made).header("callout-duplicate") for _ in range(2)] == ["", ""]


def test_what_is_under_way_is_409(hooks):
    begun, go_on = threading.Event(), threading.Event()

    @hooks.event("user.slow")
    def slow(event):
        begun.set()
        assert go_on.wait(WAIT)

    made = event("user.slow")
    first = []
    thread = threading.Thread(target=lambda: first.append(receive(hooks, made)))
    thread.start()
    assert begun.wait(WAIT)
    second = receive(hooks, made)
    assert (second.status, second.json["code"]) == (409, "in_progress")
    go_on.set()
    thread.join(WAIT)
    assert first[0].status == 204
    assert receive(hooks, made).header("callout-duplicate") == "true"


def test_many_at_once_run_one_handler(hooks):
    ran = []

    @hooks.event("user.many")
    async def many(event):
        ran.append(event)
        await asyncio.sleep(0.01)

    async def all_at_once():
        made = event("user.many")
        return await asyncio.gather(*(receive_async(hooks, made) for _ in range(20)))

    assert sorted(answer.status for answer in asyncio.run(all_at_once())) == [204] + [409] * 19
    assert len(ran) == 1


def test_a_plain_handler_behind_its_deadline_is_under_way_and_then_done(hooks):
    go_on, ended = threading.Event(), []

    @hooks.event("user.late")
    def late(event):
        assert go_on.wait(WAIT)
        ended.append(event.expired)

    made = event("user.late", remaining_ms=800)
    assert receive(hooks, made).status == 504
    assert receive(hooks, made).status == 409
    go_on.set()
    wait_for(lambda: receive(hooks, made).status == 204, "it is done when it has ended")
    assert ended == [True]


def test_a_late_handler_that_fails_runs_again(hooks):
    go_on, ran = threading.Event(), []

    @hooks.event("user.late")
    def late(event):
        ran.append(event)
        assert go_on.wait(WAIT)
        if len(ran) == 1:
            raise RuntimeError

    made = event("user.late", remaining_ms=800)
    assert receive(hooks, made).status == 504
    go_on.set()
    wait_for(lambda: receive(hooks, made.header("callout-remaining-ms", "10000")).status == 204, "it runs again")
    assert len(ran) == 2


class Plain:
    """A store as one over SQL would be."""

    def __init__(self):
        self.ids = set()
        self.fails = ""

    def _may_fail(self, name):
        if self.fails == name:
            raise ConnectionError("the database is gone")

    def seen(self, delivery_id):
        self._may_fail("seen")
        return delivery_id in self.ids

    def done(self, delivery_id):
        self._may_fail("done")
        self.ids.add(delivery_id)


class Async(Plain):
    async def seen(self, delivery_id):
        await asyncio.sleep(0)
        return Plain.seen(self, delivery_id)

    async def done(self, delivery_id):
        await asyncio.sleep(0)
        Plain.done(self, delivery_id)


@pytest.mark.parametrize("kind", [Plain, Async])
def test_a_store_of_ones_own(told, seen, kind):
    store = kind()
    hooks = make(told, seen, store=store)
    made = event("user.added", delivery_id="d1")

    async def receive_on_a_loop():
        return await receive_async(hooks, made)

    for fails in ("seen", "done"):
        store.fails = fails
        for answer in (receive(hooks, made), asyncio.run(receive_on_a_loop())):
            assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert len(seen) == 2, "with seen failing no handler runs"
    assert isinstance(told[0].error, ConnectionError)
    store.fails = ""
    assert receive(hooks, made).status == 204
    assert store.ids == {"d1"}
    assert asyncio.run(receive_on_a_loop()).header("callout-duplicate") == "true"


@pytest.mark.parametrize("kind", [Plain, Async])
def test_a_store_is_told_of_a_late_end(told, seen, kind):
    store, go_on = kind(), threading.Event()
    hooks = make(told, seen, store=store)
    hooks.event("user.late")(lambda event: go_on.wait(WAIT))
    assert receive(hooks, event("user.late", remaining_ms=800, delivery_id="d1")).status == 504
    go_on.set()
    wait_for(lambda: store.ids == {"d1"}, "the store was not told")


def test_memory_has_bounds():
    now = [0.0]
    store = MemoryStore(3, 600, clock=lambda: now[0])
    for id in "abcd":
        store.done(id)
    assert [store.seen(id) for id in "abcd"] == [False, True, True, True]
    now[0] = 599.9
    assert store.seen("d")
    store.done("e")
    now[0] = 600.0
    assert [store.seen(id) for id in "de"] == [False, True]
    store.done("f")
    assert len(store._until) == 2


def test_a_late_end_on_a_loop_does_not_hold_the_loop_up(told, seen):
    """An async store is told on that very loop, so whoever waited for it there would wait in vain."""
    store = Async()
    hooks = make(told, seen, store=store)

    @hooks.event("user.late")
    async def late(event):
        while not event.expired:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(event.remaining())

    async def on_a_loop():
        made = event("user.late", delivery_id="d2", remaining_ms=100)
        assert (await receive_async(hooks, made)).status == 504
        start = time.monotonic()
        while "d2" not in store.ids:
            assert time.monotonic() - start < 30
            await asyncio.sleep(0.005)
        while (answer := await receive_async(hooks, made)).status == 409:
            await asyncio.sleep(0.005)
        assert answer.header("callout-duplicate") == "true"
        assert time.monotonic() - start < 30

    asyncio.run(on_a_loop())
    assert not [trouble for trouble in told if trouble.code == "unavailable"]
