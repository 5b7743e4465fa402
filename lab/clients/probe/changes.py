"""What `--toggle` changes: how the body may be coded, the method, the connection, what is accepted. Pure.

The rule: one thing at a time, and everything else as it was given, so that a difference has one reason.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from lab.clients.probe.target import Ask


class Change(NamedTuple):
    """One thing changed. `kept_alive`: ask on a connection that has served a request already."""

    name: str
    ask: Ask
    kept_alive: bool = False


def changes(ask: Ask) -> Iterator[Change]:
    """Each change for itself, beside the request as it was given."""
    coded = "gzip" in ask.fields.get("accept-encoding", "")
    yield _field(ask, "accept-encoding", "identity" if coded else "gzip")
    if ask.method in ("GET", "POST"):
        yield _other_method(ask)
    yield Change("a kept-alive connection instead of a fresh one", ask, kept_alive=True)
    yield _field(ask, "accept", "*/*" if ask.fields.get("accept") != "*/*" else "text/event-stream")


def _field(ask: Ask, name: str, value: str) -> Change:
    before = ask.fields.get(name, "nothing")
    return Change(f"{name}: {value} instead of {before}", replace(ask, fields={**ask.fields, name: value}))


def _other_method(ask: Ask) -> Change:
    """POST without a body where there was none; GET never has one."""
    if ask.method == "GET":
        return Change("POST instead of GET", replace(ask, method="POST"))
    fields = {name: value for name, value in ask.fields.items() if name != "content-type"}
    return Change("GET without a body instead of POST", replace(ask, method="GET", fields=fields, body=None))
