"""The way of a request, from its arrival to its answer. The steps stand in the order in which they are taken."""

from __future__ import annotations

import concurrent.futures
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .answer import Answer, Later, Never, Reject, changed, refusal, rejected, unchanged
from .arrival import Arrival, too_large
from .body import Phase, decode, phase_of
from .condition import Table
from .delivery import Call, Delivery, Event, Response
from .delivery import Function as FunctionDelivery
from .failure import RefusedError, UnavailableError
from .genuine import Genuine, Verifier
from .headers import Headers
from .once import MemoryStore, Store, UnderWay
from .runner import Function, Outcome, Runner
from .trouble import Log, Trouble

__all__ = ["Flow", "seconds_of"]

DEFAULT_MS = 10_000
MOST_MS = 3_600_000

_TYPES = ("application/json", "application/cloudevents+json")
_COMPACT = ("application/jwt", "application/jose")

_KINDS: dict[Phase, Callable[..., Delivery]] = {
    # Without brackets: a class with them is called through an object of typing, for every request.
    "request": Call,
    "response": Response,
    "function": FunctionDelivery,
    "event": Event,
}


@dataclass(slots=True)
class _Passage:
    """How far a request has come, for the log."""

    condition: str = ""
    delivery_id: str = ""


@dataclass
class Flow:
    """Answers requests. One object may answer many at once, from several threads."""

    verifier: Verifier
    store: Store
    log: Log
    path: str | None
    max_body: int
    clock: Callable[[], float]
    table: Table = field(default_factory=Table)
    fallback: Function | None = None
    draining: bool = False
    _under_way: UnderWay = field(default_factory=UnderWay)

    async def answer(self, arrival: Arrival, runner: Runner) -> Answer:
        """The answer to a request. It raises nothing but what ends the server's own task."""
        passage = _Passage()
        try:
            self._check_head(arrival)
            raw = await arrival.read(self.max_body)
            genuine = await self._check(arrival, raw, runner)
            return await self._handle(arrival, genuine, runner, passage)
        except RefusedError as refused:
            failed = refused
        except Exception as error:  # a fault of the receiver itself is no reason for a page of the server's
            failed = RefusedError("handler_failed", "the receiver failed", cause=error)
        self._tell(failed, passage)
        return refusal(failed)

    def _check_head(self, arrival: Arrival) -> None:
        if self.draining:
            raise UnavailableError("the receiver drains: it ends what it has begun, and takes nothing more")
        if self.path is not None and arrival.path != self.path:
            raise RefusedError("not_found", f"the receiver serves {self.path} alone")
        if arrival.method != "POST":
            refused = RefusedError("method_not_allowed")
            refused.headers.append(("allow", "POST"))
            raise refused
        _check_type(arrival.headers, self.verifier.takes_compact)
        length = arrival.headers.get("content-length")
        if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > self.max_body):
            raise too_large(self.max_body)

    async def _check(self, arrival: Arrival, raw: bytes, runner: Runner) -> Genuine:
        if not self.verifier.blocks:
            return self.verifier.verify(arrival.headers, raw, self.clock())
        check = Function(lambda _: self.verifier.verify(arrival.headers, raw, self.clock()), False)
        outcome = await runner.run(check, None, seconds_of(arrival.headers))
        if outcome is None:
            raise UnavailableError("the JWKS was not there in time")
        if outcome.error is not None:
            raise outcome.error
        genuine: Genuine = outcome.value
        return genuine

    async def _handle(self, arrival: Arrival, genuine: Genuine, runner: Runner, passage: _Passage) -> Answer:
        body = decode(genuine.body)
        phase, name = phase_of(body)
        passage.condition, passage.delivery_id = f"{phase} {name}", genuine.delivery_id
        headers = arrival.headers
        deadline = arrival.at + seconds_of(headers)
        delivery = _KINDS[phase](body, genuine.body, headers, genuine.delivery_id, deadline)
        if not genuine.delivery_id or not _is_delivered(phase, headers):
            return await self._run(phase, name, delivery, runner, None)
        return await self._once(phase, name, delivery, runner)

    async def _once(self, phase: Phase, name: str, delivery: Delivery, runner: Runner) -> Answer:
        """Handles a delivery that is neither under way nor done."""
        delivery_id = delivery.delivery_id
        # Under way comes first: what ends between the two questions would be handled twice.
        if not self._under_way.begin(delivery_id):
            raise RefusedError("in_progress")
        late = _LateEnd(self, delivery_id, runner)
        try:
            if await self._ask(self.store.seen, delivery_id, runner):
                return Answer(204, headers=[("callout-duplicate", "true")])
            answer = await self._run(phase, name, delivery, runner, late)  # what fails is raised
            await self._ask(self.store.done, delivery_id, runner)
            return answer
        finally:
            if not late.waits:
                self._under_way.end(delivery_id)

    async def _ask(self, function: Callable[[str], Any], delivery_id: str, runner: Runner) -> Any:
        if isinstance(self.store, MemoryStore):
            return function(delivery_id)
        outcome = await runner.run(Function.of(function), delivery_id, DEFAULT_MS / 1000)
        if outcome is None or outcome.error is not None:
            raise UnavailableError("the store of deliveries fails", outcome.error if outcome else None)
        return outcome.value

    async def _run(self, phase: Phase, name: str, delivery: Delivery, runner: Runner, late: _LateEnd | None) -> Answer:
        handler = self.table.find(phase, name) or self.fallback
        if handler is None:
            raise RefusedError("unknown_condition", "no handler stands here: is the execution meant for this target?")
        outcome = await runner.run(handler, delivery, delivery.remaining(), late)
        if outcome is not None and not delivery.expired:
            return _said(phase, outcome)
        # One that ends as its time does may have given up for that: what it says is not taken for its word.
        if late is not None and outcome is not None and outcome.error is None:
            await self._ask(self.store.done, delivery.delivery_id, runner)
        raise RefusedError("handler_timeout")

    def _tell(self, refused: RefusedError, passage: _Passage) -> None:
        if refused.code in ("in_progress", "retry_later", "given_up"):
            return  # nothing is wrong
        trouble = Trouble(
            refused.status, refused.code, refused.detail, passage.condition, passage.delivery_id, refused.cause
        )
        self.log(trouble)


class _LateEnd:
    """A delivery whose handler goes on behind its deadline: under way until it ends, and done if it succeeds."""

    def __init__(self, flow: Flow, delivery_id: str, runner: Runner) -> None:
        self.waits = False
        self._flow, self._id, self._runner = flow, delivery_id, runner

    def left(self) -> None:
        self.waits = True

    def ended(self, outcome: Outcome) -> None:
        # This may be a loop, which an async store needs to get on: it is not waited for here.
        if outcome.error is not None:
            self._end(None)
            return
        done: Any = None
        try:
            done = self._flow.store.done(self._id)
            if inspect.iscoroutine(done):
                self._runner.start(done).add_done_callback(self._told)
                return
        except Exception as error:
            if inspect.iscoroutine(done):
                done.close()
            self._end(error)
        else:
            self._end(None)

    def _told(self, done: concurrent.futures.Future[Any]) -> None:
        self._end(concurrent.futures.CancelledError() if done.cancelled() else done.exception())

    def _end(self, error: BaseException | None) -> None:
        if error is not None:
            self._flow.log(Trouble(503, "unavailable", "the store of deliveries fails", "", self._id, error))
        self._flow._under_way.end(self._id)  # pyright: ignore[reportPrivateUsage]


def _said(phase: Phase, outcome: Outcome) -> Answer:
    """The answer for what a handler returned or raised."""
    error = outcome.error
    if phase == "event":
        if error is None:
            return unchanged()
        if isinstance(error, Later):
            refused = RefusedError("retry_later", message=error.message)
            if error.after is not None:
                refused.headers.append(("retry-after", str(error.after)))
            raise refused
        if isinstance(error, Never):
            raise RefusedError("given_up", message=error.message)
    elif error is None:
        try:
            return changed(outcome.value)
        except Exception as fault:
            raise RefusedError("handler_failed", "what the handler returned is no answer", cause=fault) from None
    elif isinstance(error, Reject):
        return rejected(error)
    hint = "a handler raises what belongs to its phase" if isinstance(error, (Reject, Later, Never)) else ""
    raise RefusedError("handler_failed", hint, cause=error)


def _check_type(headers: Headers, takes_compact: bool) -> None:
    said = headers.all("content-type")
    kind = said[0] if len(said) == 1 else ""
    if kind not in _TYPES:
        kind = kind.partition(";")[0].strip().lower()
    if kind not in _TYPES and not (takes_compact and kind in _COMPACT):
        raise RefusedError("unsupported_media_type", "Content-Type is not application/json")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RefusedError("unsupported_media_type", "Content-Encoding is not identity")


def _is_delivered(phase: Phase, headers: Headers) -> bool:
    """Whether this is delivered, perhaps more than once, and nobody waits for the answer."""
    return (phase == "event" or "callout-sequence" in headers) and headers.get("callout-test") != "true"


def seconds_of(headers: Headers) -> float:
    """How long a handler may take: what remains, less a tenth of it, at most 100 ms."""
    text = headers.get("callout-remaining-ms")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else MOST_MS + 1
    ms = number if number <= MOST_MS else DEFAULT_MS
    return (ms - min(ms / 10, 100)) / 1000
