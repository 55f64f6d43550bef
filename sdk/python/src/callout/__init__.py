"""Callout's SDK: write only the handler.

from callout import Call, Callout, Event, Reject

hooks = Callout.from_env()

@hooks.request("/acme.user.v1.UserService/CreateUser")
async def name(call: Call):
    if not call.request.get("email"):
        raise Reject(422, "an e-mail address is needed")
    return {"displayName": call.request["givenName"]}

@hooks.event("user.*")
def stored(event: Event):
    print(event.type, event.aggregate_id)

hooks.serve(9000)  # or: hooks is an ASGI application, and hooks.wsgi a WSGI application
"""

from .answer import Answer, Later, Never, Reject
from .arrival import Arrival
from .claims import Claims, claim, log_claim, metadata
from .delivery import Call, Delivery, Event, Function, Response
from .failure import ConfigurationError
from .genuine import Payload, Scheme
from .headers import Headers
from .once import MemoryStore, Store
from .receiver import Callout, Change
from .trouble import Log, Trouble, log_trouble

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Arrival",
    "Call",
    "Callout",
    "Change",
    "Claims",
    "ConfigurationError",
    "Delivery",
    "Event",
    "Function",
    "Headers",
    "Later",
    "Log",
    "MemoryStore",
    "Never",
    "Payload",
    "Reject",
    "Response",
    "Scheme",
    "Store",
    "Trouble",
    "claim",
    "log_claim",
    "log_trouble",
    "metadata",
]
