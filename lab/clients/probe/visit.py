"""One visit: connect, ask, read to the end or to a limit. Every way in which it can go wrong ends in its record.

The rule: one task, one `recv` at a time, so that an interrupt at any instant leaves a record that is true as far as it goes.
No redirect is followed and nothing is asked twice.
"""

import math
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from lab.clients.probe.line import Line, open_line
from lab.clients.probe.record import ProbeRecord
from lab.clients.probe.target import Ask
from lab.clients.probe.watcher import ProbeWatcher
from lab.errors import MeasurementError, ProtocolError
from lab.trace.records import Completion

# After the first letter nothing for so long is a stall; no model thinks in silence for longer in mid-answer.
STALL_S = 20.0
# After `[DONE]` the response ends at once, or its server forgot to.
AFTER_DONE_S = 1.0


@dataclass(frozen=True)
class Visit:
    """What to ask, for how long at most, and on which connection: its first request, or its second."""

    ask: Ask
    timeout_s: float
    kept_alive: bool = False


async def make_visit(visit: Visit, record: ProbeRecord, on_text: Callable[[str], None]) -> None:
    """Do it. `record` holds what there is at any instant; its completion is set when this returns."""
    seen = record.seen
    try:
        with trio.fail_after(visit.timeout_s):
            completion = await _exchange(visit, record, on_text)
    except trio.TooSlowError:
        completion = "done" if _said_done(record) else "timeout"
        if completion == "timeout":
            record.problem = f"gave up after {visit.timeout_s:g} s, at {record.stage}; --timeout gives it longer"
    except ConnectionResetError:
        completion = "done" if _said_done(record) else "reset"
        if completion == "reset":
            record.problem = f"the connection was reset at {record.stage}"
    except (MeasurementError, ProtocolError, OSError) as error:
        completion = "error"
        record.problem = record.problem or _in_words(error, record)
    seen.completion, seen.end_ns = completion, time.monotonic_ns()


def _said_done(record: ProbeRecord) -> bool:
    return record.problem is None and (record.done_marker or record.finish_reason is not None)


def _in_words(error: Exception, record: ProbeRecord) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed at {record.stage}: {error.reason or error}"
    if isinstance(error, OSError):
        return f"the connection failed at {record.stage}: {error.strerror or error}"
    return str(error)


async def _exchange(visit: Visit, record: ProbeRecord, on_text: Callable[[str], None]) -> Completion:
    async with open_line(visit.ask.target, record) as line:
        if visit.kept_alive:
            await _warm_up(line, visit.ask)
        return await _measure(line, visit.ask, record, on_text)


async def _warm_up(line: Line, ask: Ask) -> None:
    """An earlier request on the same connection, read to its end and not measured."""
    earlier = ProbeRecord()
    await _measure(line, ask, earlier, lambda _text: None)
    stays = dict(earlier.headers).get("connection", "").lower() != "close"
    if not earlier.clean_end or not stays or earlier.stage == _CLOSED:
        raise MeasurementError("the server ends the connection with its response: a second request on it is impossible")


_CLOSED = "the end of the connection"


async def _measure(line: Line, ask: Ask, record: ProbeRecord, on_text: Callable[[str], None]) -> Completion:
    watcher = ProbeWatcher(record, ask.method, on_text)
    record.stage = "sending the request"
    request = ask.encode()
    record.seen.due_ns = record.seen.request_ns = time.monotonic_ns()
    await line.send(request)
    record.stage = "waiting for the response"
    while not watcher.complete:
        with trio.move_on_after(_patience_s(record)) as patience:
            read = await line.read()
        if patience.cancelled_caught:
            return _silent(record)
        if read.data:
            record.stage = "reading the response"
            watcher.read(read.data, read.read_ns)
        if watcher.stopped:
            record.problem = f"stopped reading: {watcher.stopped}"
            return "stopped"
        if read.ended:
            record.stage = _CLOSED
            break
    return watcher.end()


def _patience_s(record: ProbeRecord) -> float:
    if record.done_marker:
        return AFTER_DONE_S
    return STALL_S if record.letters else math.inf


def _silent(record: ProbeRecord) -> Completion:
    if _said_done(record):
        return "done"
    record.problem = f"the stream stalled: nothing came for {STALL_S:g} s"
    return "timeout"
