"""The response's header fields that decide whether a stream can flow, each with what to do about it. Pure.

The rule: a field is judged for itself and by what its specification says; whether it did any harm is for the verdict.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class HeaderAdvice(NamedTuple):
    """`value` None: the field is missing; `advice` None: nothing to do."""

    name: str
    value: str | None
    advice: str | None


def lint(fields: Sequence[tuple[str, str]]) -> list[HeaderAdvice]:
    """Return one row for each field that is there or should be. `fields`: lower-case names, in any order."""
    found: dict[str, str] = {}
    for name, value in fields:  # several of one name are one list: RFC 9110 section 5.3
        found[name] = f"{found[name]}, {value}" if name in found else value
    rows = (HeaderAdvice(name, found.get(name.lower()), judge(found.get(name.lower()))) for name, judge in _JUDGES)
    return [row for row in rows if row.value is not None or row.advice is not None]


def _content_type(value: str | None) -> str | None:
    if value is not None and value.partition(";")[0].strip().lower() == "text/event-stream":
        return None
    return "send text/event-stream: EventSource refuses anything else, and proxies take it as the sign not to buffer"


def _content_encoding(value: str | None) -> str | None:
    if value is None or value.strip().lower() == "identity":
        return None
    return "a compressor keeps small writes back: switch it off for event streams, or flush it after every event"


def _content_length(value: str | None) -> str | None:
    return None if value is None else "the length was known, so the whole body was there before its first byte was sent"


def _cache_control(value: str | None) -> str | None:
    words = {word.partition("=")[0].strip().lower() for word in (value or "").split(",")}
    if not words & {"no-cache", "no-store", "private"}:
        return "send no-cache, no-transform: a cache on the way may keep the stream, a proxy may compress it"
    return None


def _accel_buffering(value: str | None) -> str | None:
    if value is not None and value.strip().lower() == "no":
        return None
    return "send no: an nginx on the way buffers by default, and holds an identity or compressed body to its end"


def _via(value: str | None) -> str | None:
    return (
        None
        if value is None
        else "a proxy stands between, and what it holds looks like the server's doing: probe behind it too"
    )


_JUDGES: tuple[tuple[str, Callable[[str | None], str | None]], ...] = (
    ("Content-Type", _content_type),
    ("Content-Encoding", _content_encoding),
    ("Content-Length", _content_length),
    ("Cache-Control", _cache_control),
    ("X-Accel-Buffering", _accel_buffering),
    ("Via", _via),
)
