"""Which client program a `client.kind` names: one table, and nothing is imported before it is needed.

The rule: a kind that this machine cannot run is refused by name, with reason and remedy, before anything starts.
"""

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from lab.clients.visit import Visit
from lab.trace.records import ClientRecord

Runner = Callable[[Visit], Awaitable[ClientRecord]]

# `client.kind` → the module whose `run` makes the visit.
_MODULES = {
    "raw": "lab.clients.raw",
    "httpx": "lab.clients.httpx_client",
    "httpx-sse": "lab.clients.httpx_client",
    "locust": "lab.clients.locust.child",
    "browser": "lab.clients.browser.client",
    "browser-eventsource": "lab.clients.browser.client",
}
# Kinds that need more than the lab itself → the module whose `require` raises CapabilityError where it is missing.
_NEEDS = {
    "httpx": "lab.clients.httpx_library",
    "httpx-sse": "lab.clients.httpx_library",
    "locust": "lab.clients.locust.program",
    "browser": "lab.clients.browser.program",
    "browser-eventsource": "lab.clients.browser.program",
}

# They run in the caller's own process, so that a first use there spares them its cost later.
IN_PROCESS = ("raw", "httpx", "httpx-sse")


def runner(kind: str) -> Runner:
    """The program of that kind."""
    found: Runner = _from(_MODULES[kind], "run")
    return found


def require(kind: str) -> None:
    """Raise CapabilityError if this machine has not what that kind needs."""
    if kind in _NEEDS:
        _from(_NEEDS[kind], "require")()


def _from(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
