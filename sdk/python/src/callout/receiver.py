"""The receiver: handlers under conditions, and every way in which a server can call it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from . import asgi, server, wsgi
from .answer import Answer
from .arrival import Arrival
from .delivery import Call, Delivery, Event, Function, Response
from .environment import read_environment
from .failure import ConfigurationError
from .flow import Flow
from .genuine import Payload, Scheme, Verifier
from .once import MemoryStore, Store
from .runner import BlockingRunner, LoopRunner, blocking
from .runner import Function as Run
from .trouble import Log, log_trouble
from .workers import LoopThread, Workers

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Callout", "Change", "Options"]

Change = Mapping[str, object]
"""What a handler of a call returns: a change, which is merged into the object. None leaves it as it is."""

CallHandler = Callable[[Call[Any]], Change | Awaitable[Change | None] | None]
ResponseHandler = Callable[[Response[Any, Any]], Change | Awaitable[Change | None] | None]
FunctionHandler = Callable[[Function[Any]], Change | Awaitable[Change | None] | None]
EventHandler = Callable[[Event[Any]], object]
FallbackHandler = Callable[[Delivery], object]

C = TypeVar("C", bound=CallHandler)
R = TypeVar("R", bound=ResponseHandler)
F = TypeVar("F", bound=FunctionHandler)
E = TypeVar("E", bound=EventHandler)
B = TypeVar("B", bound=FallbackHandler)


class Options(TypedDict, total=False):
    """The options of Callout, which says what they mean."""

    keys: Iterable[str]
    schemes: Iterable[Scheme] | None
    payload: Payload | None
    jwks: str | Mapping[str, object] | None
    issuer: str
    audience: str
    private_keys: Mapping[str, str] | None
    unsigned: bool
    path: str | None
    max_body: int
    threads: int
    store: Store | None
    log: Log
    clock: Callable[[], float]


class Callout:
    """A target of Callout. It is an ASGI application; `wsgi` is a WSGI application; `serve` starts a server.

    keys are the target's keys: whsec_, whpk_ or whsk_ texts, or ZITADEL's. Several are taken at once.
    schemes narrows what is taken to some of standard, standard_v1a, zitadel.
    payload is jwt or jwe where the target has it; then jwks is the URL of the instance's keys or their document,
    issuer and audience are what is expected, and private_keys are PEM texts by their ids in Callout.
    unsigned takes everything from everybody: for a channel that is guarded otherwise.
    path is the one path that is served; without one every path is.
    max_body is in bytes, 1 MiB unless said. threads is how many plain handlers run at once, 64 unless said.
    store keeps which deliveries are done; without one memory does, for 10 minutes.
    log is told of each request that got no answer of its handler. clock gives seconds since 1970, for tests.

    Raises ConfigurationError. Register handlers before requests come; then use it from as many threads as you like.
    """

    def __init__(
        self,
        keys: Iterable[str] = (),
        *,
        schemes: Iterable[Scheme] | None = None,
        payload: Payload | None = None,
        jwks: str | Mapping[str, object] | None = None,
        issuer: str = "",
        audience: str = "",
        private_keys: Mapping[str, str] | None = None,
        unsigned: bool = False,
        path: str | None = None,
        max_body: int = 1 << 20,
        threads: int = 64,
        store: Store | None = None,
        log: Log = log_trouble,
        clock: Callable[[], float] = time.time,
    ) -> None:
        verifier = Verifier(
            keys,
            schemes=schemes,
            payload=payload,
            jwks=jwks,
            issuer=issuer,
            audience=audience,
            private_keys=private_keys,
            unsigned=unsigned,
        )
        if path is not None and not path.startswith("/"):
            raise ConfigurationError("path begins with /")
        if max_body < 1 or threads < 1:
            raise ConfigurationError("max_body and threads are at least 1")
        self._flow = Flow(verifier, store or MemoryStore(), log, path, max_body, clock)
        self._workers = Workers(threads)
        self._blocking = BlockingRunner(self._workers, LoopThread())

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Callout:
        """A receiver made from CALLOUT_KEYS, CALLOUT_JWKS, CALLOUT_ISSUER, CALLOUT_AUDIENCE, CALLOUT_PRIVATE_KEYS and
        CALLOUT_PAYLOAD. Options are those of Callout, and go before what the environment says."""
        said: dict[str, Any] = {**read_environment(), **options}
        return cls(**said)

    def request(self, condition: str) -> Callable[[C], C]:
        """Registers a handler of requests: /package.Service/Method, package.Service or *.

        It returns a change or None, or raises Reject.
        """
        return self._adder("request", condition)

    def response(self, condition: str) -> Callable[[R], R]:
        """Registers a handler of responses: /package.Service/Method, package.Service or *.

        It returns a change or None, or raises Reject.
        """
        return self._adder("response", condition)

    def function(self, condition: str) -> Callable[[F], F]:
        """Registers a handler of a function, such as create_id_token. It returns claims, another object, or None."""
        return self._adder("function", condition)

    def event(self, condition: str) -> Callable[[E], E]:
        """Registers a handler of events: a type such as user.added, a group such as user.*, or *.

        It has succeeded when it returns, whatever that is. It raises Later or Never; anything else that it raises
        makes the event come again.
        """
        return self._adder("event", condition)

    def fallback(self, handler: B) -> B:
        """Registers the handler of what no other one covers. Without one that is 404 unknown_condition."""
        if self._flow.fallback is not None:
            raise ConfigurationError("there is a fallback already")
        self._flow.fallback = Run.of(handler)
        return handler

    def _adder(self, phase: Any, condition: str) -> Callable[[Any], Any]:
        def add(handler: Any) -> Any:
            self._flow.table.add(phase, condition, Run.of(handler))
            return handler

        return add

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """Phases and conditions that have a handler: what the executions of this target may name."""
        return [(phase, condition) for phase, condition in self._flow.table]

    def drain(self) -> None:
        """Takes nothing more: from now on every request is 503. What has begun ends as ever."""
        self._flow.draining = True

    def answer(self, arrival: Arrival) -> Coroutine[Any, Any, Answer]:
        """Answers a request on an event loop, for a framework that this package has no adapter for: it is awaited."""
        return self._flow.answer(arrival, LoopRunner(self._workers))

    def answer_blocking(self, arrival: Arrival) -> Answer:
        """Answers a request in a thread that may block; the arrival's read must not wait for an event loop."""
        return blocking(self._flow.answer(arrival, self._blocking))

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """The ASGI application."""
        await asgi.application(self, scope, receive, send)

    def wsgi(self, environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        return wsgi.application(self, environ, start_response)

    def serve(self, port: int = 9000, *, host: str = "0.0.0.0") -> None:  # noqa: S104
        """Serves on a port, 0 for any, until SIGTERM or SIGINT; then it drains for 10 seconds at most, and returns.

        On all IPv4 addresses of the machine, unless host names one. The first line on standard output says where.
        GET /healthz is answered. Raises OSError when the port is taken.
        """
        server.serve(self, port, host)
