"""`lab probe` from its first word to its last: ask, read, type, conclude, tell; again for each repetition and each change.

The rule: whatever happens on the way, what was seen until then is told, and errors go to stderr in one line each.
"""

import datetime
import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import trio

from lab.analysis.harmless import harmless, whole_characters
from lab.analysis.headers import lint
from lab.analysis.visited import Figures, differences, figures, pooled
from lab.clients.probe.answers import why_no_stream
from lab.clients.probe.changes import Change, changes
from lab.clients.probe.record import ProbeRecord
from lab.clients.probe.target import Ask, find_key, make_ask, parse_url
from lab.clients.probe.visit import Visit, make_visit
from lab.errors import UsageError
from lab.model.capture import Capture, CapturedChunk
from lab.report.probing import Result, Toggled, document, lines
from lab.report.typist import Typist
from lab.trace.captures import write_capture

_MEASURED, _NOT_MEASURED = 0, 3


@dataclass(frozen=True)
class Wishes:
    """What was asked on the command line. `body` is the text itself, or `@FILE`."""

    url: str
    method: str | None = None
    fields: tuple[str, ...] = ()
    body: str | None = None
    key_variable: str | None = None
    repeat: int = 1
    toggle: bool = False
    record: Path | None = None
    timeout_s: float = 60.0
    as_json: bool = False


@dataclass
class _Probe:
    """What happens and what came of it."""

    wishes: Wishes
    ask: Ask
    key: str | None
    records: list[ProbeRecord] = field(default_factory=list)
    changed: list[tuple[Change, list[ProbeRecord]]] = field(default_factory=list)


def probe(wishes: Wishes) -> int:
    """Do it and answer with the exit code. Raises UsageError, StorageError, and KeyboardInterrupt after telling."""
    target = parse_url(wishes.url)
    key = find_key(target, wishes.key_variable, os.environ)
    state = _Probe(wishes, make_ask(target, wishes.method, wishes.fields, _body(wishes.body), key), key)
    for stream in (sys.stdout, sys.stderr):  # a stranger's text may hold what this terminal's encoding does not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(state)
    except KeyboardInterrupt:
        _stop(state)
        _tell(state)
        raise
    _tell(state)
    if wishes.record is not None:
        _keep(state, wishes.record)
    return _MEASURED if all(map(_is_measured, state.records)) else _NOT_MEASURED


def _body(text: str | None) -> bytes | None:
    if text is None or not text.startswith("@"):
        return None if text is None else text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"--body {text}: cannot read that file: {reason}: give the text itself, or @FILE") from error


def _run(state: _Probe) -> None:
    typist = None if state.wishes.as_json else Typist(state.key)
    try:
        trio.run(_visits, state, typist.say if typist else _say_nothing)
    finally:
        if typist is not None:
            typist.close()


async def _visits(state: _Probe, say: Callable[[str], None]) -> None:
    """All one after the other; only the first is typed."""
    for _ in range(state.wishes.repeat):
        await _visit(state, Change("", state.ask), state.records, say if not state.records else _say_nothing)
    if not state.wishes.toggle:
        return
    for change in changes(state.ask):
        records: list[ProbeRecord] = []
        state.changed.append((change, records))
        for _ in range(state.wishes.repeat):
            await _visit(state, change, records, _say_nothing)


async def _visit(state: _Probe, change: Change, records: list[ProbeRecord], say: Callable[[str], None]) -> None:
    record = ProbeRecord()
    records.append(record)
    await make_visit(Visit(change.ask, state.wishes.timeout_s, change.kept_alive), record, say)
    record.problem = record.problem or why_no_stream(record)


def _say_nothing(text: str) -> None:
    """Not everything is typed."""


def _stop(state: _Probe) -> None:
    """What was interrupted ends here, with what it has; what never began is nothing."""
    for record in (*state.records, *(record for _, records in state.changed for record in records)):
        if record.seen.completion is None:
            record.seen.completion, record.seen.end_ns = "stopped", time.monotonic_ns()
            record.problem = f"interrupted at {record.stage}"
    state.changed = [(change, records) for change, records in state.changed if records]


def _is_measured(record: ProbeRecord) -> bool:
    return record.seen.completion in ("done", "closed") and bool(record.letters)


def _tell(state: _Probe) -> None:
    for record in state.records:
        if record.problem is not None:
            line = f"lab: {state.ask.method} {state.ask.target.url}: {record.problem}"
            print(harmless(line, state.key).replace("\n", " "), file=sys.stderr)
    if not state.records:
        return
    result = _result(state)
    if state.wishes.as_json:
        print(json.dumps(document(result), indent=1))
    else:
        print("\n".join(lines(result)))


def _result(state: _Probe) -> Result:
    first = state.records[0]
    each = [_figures(record) for record in state.records]
    base = pooled(each)
    return Result(
        method=state.ask.method,
        url=state.ask.target.url,
        figures=base,
        repetitions=each,
        headers=lint(first.headers) if first.streaming else [],
        ending=_ending(first),
        kind=_kind(first),
        toggled=[_toggled(base, change, records) for change, records in state.changed],
        secret=state.key,
    )


def _figures(record: ProbeRecord) -> Figures:
    return figures(record.seen, record.arrivals(), record.secured_ns)


def _toggled(base: Figures, change: Change, records: list[ProbeRecord]) -> Toggled:
    changed = pooled([_figures(record) for record in records])
    problem = next((record.problem for record in records if record.problem), None)
    return Toggled(change.name, changed, differences(base, changed), problem)


def _kind(record: ProbeRecord) -> str:
    if not record.streaming:
        return "no event stream" if record.seen.status is not None else "no response"
    return "an event stream of OpenAI chunks" if record.typed else "an event stream"


def _ending(record: ProbeRecord) -> str:
    """What was seen of the end."""
    reason = f"finish reason {harmless(record.finish_reason)}" if record.finish_reason else "no finish reason"
    done = "[DONE]" if record.done_marker else "no [DONE]"
    damaged = f", {record.damaged_chunks} chunks with characters that are no UTF-8" if record.damaged_chunks else ""
    return f"{reason}, {done}, {'clean end' if record.clean_end else 'no clean end'}{damaged}"


def _keep(state: _Probe, path: Path) -> None:
    """The first response, as far as it came."""
    record = state.records[0]
    request_ns = record.seen.request_ns or 0
    chunks = tuple(
        CapturedChunk(at_ns=max(0, chunk.arrival_ns - request_ns), text=whole_characters(chunk.text))
        for chunk in record.seen.chunks
        if chunk.text
    )
    if not chunks:
        print(f"lab: nothing came that could be recorded in {path}", file=sys.stderr)
        return
    write_capture(
        path,
        Capture(
            version=1,
            url=state.ask.target.shareable_url,
            recorded=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            completion=record.seen.completion or "",
            chunks=chunks,
        ),
    )
    print(f"lab: recorded {len(chunks)} chunks in {path}", file=sys.stderr)
