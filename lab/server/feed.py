"""What `/events` says to a reader, and to one that comes back: the rest, everything again, or what is still to come.

Pure, and without a memory: all that the server knows of an earlier request stands in the Last-Event-ID that comes with the
next. The rule: a stream that has ids repeats the one that it goes on from before it says anything, because by the standard
(9.2.6) the first block of a response without an id makes its reader forget where it was.

`replay`: ids count the chunks; the rest is told at its own pace, as if the clock had stood still.
`restart`: no ids, as most servers have none, so all is told from the beginning.
`live`: the clock goes on. An id also names the instant at which the feed began, and what was due before a request is gone,
as it is in a feed that keeps no history.
"""

from typing import NamedTuple

from lab.model.plan import PlannedChunk, plan_chunks
from lab.model.server import ServerSpec
from lab.model.units import NS_PER_MS
from lab.model.workload import WorkloadSpec
from lab.server.script import Frame
from lab.wire import sse

# What int64 holds: a longer number is none of ours.
_MAX_DIGITS = 18


class Rest(NamedTuple):
    """One response of the feed. `first_place`: the number of its first chunk in the whole, from 1."""

    frames: list[Frame]
    first_place: int


class _Cursor(NamedTuple):
    """Where a reader is: it has had `place` chunks of the feed that began at `begun_ns` (None: of whichever)."""

    place: int
    begun_ns: int | None

    def id(self, place: int) -> str:
        """Of the chunk at `place`."""
        return str(place) if self.begun_ns is None else f"{place}-{self.begun_ns}"


def feed(spec: WorkloadSpec, seed: str, server: ServerSpec, last_event_id: str, now_ns: int) -> Rest | None:
    """The response to a request that came at `now_ns` (CLOCK_MONOTONIC); None when nothing is left to say."""
    chunks = plan_chunks(spec, seed)
    retry_ms = server.retry // NS_PER_MS
    match server.resume:
        case "restart":
            return _told(chunks, 0, 0, retry_ms, None)
        case "replay":
            cursor = _Cursor(_number(last_event_id) or 0, None)
            left = chunks[cursor.place :]
            return _told(left, cursor.place, left[0].due_offset_ns if left and cursor.place else 0, retry_ms, cursor)
        case "live":
            cursor = _live(last_event_id, now_ns)
            elapsed_ns = now_ns - (cursor.begun_ns or 0)
            gone = max(cursor.place, sum(chunk.due_offset_ns < elapsed_ns for chunk in chunks))
            return _told(chunks[gone:], gone, elapsed_ns, retry_ms, cursor)


def _told(chunks: list[PlannedChunk], gone: int, elapsed_ns: int, retry_ms: int, cursor: _Cursor | None) -> Rest | None:
    """These chunks, before which there were `gone` others, with dues counted from `elapsed_ns`."""
    if not chunks:
        return None
    named = "" if cursor is None else f"id: {cursor.id(cursor.place)}\n"
    frames = [
        Frame(chunk.due_offset_ns - elapsed_ns, sse.encode(chunk.text, id=cursor and cursor.id(place)), chunk.text)
        for place, chunk in enumerate(chunks, start=gone + 1)
    ]
    return Rest([Frame(0, f"{named}retry: {retry_ms}\n\n".encode(), None), *frames], gone + 1)


def _live(last_event_id: str, now_ns: int) -> _Cursor:
    """A reader without a place begins a feed of its own; so does one that names an instant which has not been yet."""
    place, _, begun = last_event_id.partition("-")
    begun_ns = _number(begun)
    if begun_ns is None or begun_ns > now_ns:
        return _Cursor(0, now_ns)
    return _Cursor(_number(place) or 0, begun_ns)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None
