"""Verify, decode and dispatch of 1 KiB: `pytest benchmarks`."""

from __future__ import annotations

import asyncio

import pytest

from callout import Callout
from callout.arrival import Arrival
from callout.body import decode
from callout.genuine import Verifier
from callout.headers import Headers
from callout.testing import KEY, request

MADE = request("/acme.Users/Create", {"text": "b" * 960})
HEADERS = Headers(MADE.headers.items())


def hooks() -> Callout:
    made = Callout([KEY])

    @made.request("/acme.Users/Create")
    async def create(call):
        return None

    @made.request("/acme.Users/Plain")
    def plain(call):
        return None

    return made


async def read(most: int) -> bytes:
    return MADE.body


@pytest.mark.parametrize("scheme", ["standard", "zitadel"])
def test_verify(benchmark, scheme):
    verifier = Verifier([KEY], schemes=[scheme])
    benchmark(verifier.verify, HEADERS, MADE.body, int(MADE.headers["webhook-timestamp"]))


def test_decode(benchmark):
    benchmark(decode, MADE.body)


def test_all_on_a_loop(benchmark):
    """With an async handler, as under ASGI."""
    of, loop = hooks(), asyncio.new_event_loop()

    async def hundred():
        for _ in range(100):
            assert (await of.answer(Arrival("POST", "/", HEADERS, read))).status == 204

    benchmark.extra_info["requests a round"] = 100
    benchmark(lambda: loop.run_until_complete(hundred()))
    loop.close()


def test_all_in_a_thread(benchmark):
    """With a plain handler, as under WSGI."""
    of = hooks()
    made = request("/acme.Users/Plain", {"text": "b" * 960})
    headers = Headers(made.headers.items())

    async def body(most: int) -> bytes:
        return made.body

    assert of.answer_blocking(Arrival("POST", "/", headers, body)).status == 204
    benchmark(lambda: of.answer_blocking(Arrival("POST", "/", headers, body)))
