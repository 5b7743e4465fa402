"""Server-sent events: the encoder, and the incremental decoder that every client of the lab shares.

The one rule: the decoder does exactly what the WHATWG HTML standard says (section 9.2.5 for the lines, 9.2.6 for their
meaning), whatever pieces the bytes come in, and says at which byte each event was complete. It must not guess what a
server may have meant. It stands at the end of a letter's journey: `read` goes in, `arrival` comes out.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate, count, repeat
from operator import add
from typing import NamedTuple

from lab.errors import ProtocolError

# Twice the 64 MiB which one event may carry, so that the field names and line ends of many short lines fit as well. An
# answer of a language model is below 1 MiB: whatever comes near the bound is a stream that never ends its event.
MAX_EVENT_BYTES = 128 * 1024 * 1024

# CPython converts this many digits whatever its int_max_str_digits is set to (sys.int_info.str_digits_check_threshold).
_MAX_RETRY_DIGITS = 640

_BOM = b"\xef\xbb\xbf"
_DATA = b"data: "
_ANY_LINE_END = re.compile(rb"(\r\n|\r|\n)")


class Event(NamedTuple):
    """One dispatched event.

    `event` is its type ("message" if the block named none), `id` the last event ID string at dispatch, `retry` the
    reconnection time in ms that its own block set. `end` counts the stream's bytes up to and including the line
    terminator that dispatched it; of CRLF that is the CR, because a lone CR ends a line too and nothing waits for more.
    """

    # A tuple, because a frozen dataclass takes 590 ns to make and this 125: as long as all the rest of decoding takes.
    event: str
    data: str
    id: str
    retry: int | None
    end: int


_new_event: Callable[[tuple[str, str, str, int | None, int]], Event] = partial(tuple.__new__, Event)


def encode(data: str, *, event: str | None = None, id: str | None = None, retry_ms: int | None = None) -> bytes:  # noqa: A002
    """One event as bytes that decode to the same `data`, with CR and CRLF in it turned into LF (the format has no others).

    Raises ValueError for what the format cannot carry: a line end in `event` or `id`, NUL in `id`, a negative `retry_ms`,
    a lone surrogate anywhere.
    """
    fields = []
    if event is not None:
        fields.append(f"event: {_one_line('event', event)}\n")
    if id is not None:
        fields.append(f"id: {_without_nul(_one_line('id', id))}\n")
    if retry_ms is not None:
        fields.append(f"retry: {_not_negative(retry_ms)}\n")
    text = _lf_only(data).replace("\n", "\ndata: ")
    return f"{''.join(fields)}data: {text}\n\n".encode()


def comment(text: str) -> bytes:
    """`text` as comment lines and a blank one: bytes that keep a connection busy and that every decoder drops."""
    lines = _lf_only(text).replace("\n", "\n: ")
    return f": {lines}\n\n".encode()


def _lf_only(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _one_line(field: str, value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(f"cannot encode the SSE field {field} {value!r}: a line end would end the field; remove it")
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"cannot encode the SSE field id {value!r}: decoders ignore an id with NUL; remove it")
    return value


def _not_negative(retry_ms: int) -> int:
    if retry_ms < 0:
        raise ValueError(f"cannot encode the SSE field retry {retry_ms}: decoders take digits only; give 0 ms or more")
    return retry_ms


class Decoder:
    """Turns the pieces of one event stream into events.

    `last_event_id` is the standard's last event ID string: a block sets it when it ends, with data or without. `retry_ms`
    is the reconnection time, set as soon as its line ends. What is not followed by a blank line is never dispatched.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES, *, last_event_id: str = "") -> None:
        """`max_event_bytes` bounds one block, from the end of the last to its own blank line, in bytes of the stream.

        `last_event_id` is the string as an earlier stream of the same EventSource left it. The first block that ends
        replaces it, with the empty string if no `id` came before: the buffer behind it belongs to one stream (9.2.6).
        """
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self._max_event_bytes = max_event_bytes
        self._failure: str | None = None
        self._consumed = 0
        self._block_begin = 0
        self._in_block = False
        self._first_line = True
        self._after_cr = False
        self._line = bytearray()
        self._data: list[str] = []
        self._type = ""
        self._id = ""
        self._retry: int | None = None

    @property
    def pending(self) -> bool:
        """Whether an event has begun that no blank line has ended: at the end of input it is lost."""
        return bool(self._line or self._data)

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, in order.

        Raises ProtocolError if an event outgrows the bound, and from then on always: what followed could not be told
        apart. Events that were complete in the same piece are then lost with it.
        """
        if self._failure is not None:
            raise ProtocolError(self._failure)
        if not data:
            return []
        events: list[Event] = []
        if b"\n" not in data and b"\r" not in data:
            self._line += data
            self._after_cr = False
        else:
            self._read(data, events)
            self._after_cr = data[-1] == 0x0D
        self._consumed += len(data)
        if self._consumed - self._block_begin > self._max_event_bytes:
            raise self._fail(self._consumed)
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        """A piece with a line end in it. The line that was begun before goes in front, once, for here it ends."""
        origin = self._consumed
        if self._after_cr and data[0] == 0x0A:
            data, origin = data[1:], origin + 1
        if self._line:
            data, origin = b"".join((self._line, data)), origin - len(self._line)
            self._line = bytearray()
        if self._first_line:
            self._first_line = False
            if data.startswith(_BOM):
                data, origin = data[len(_BOM) :], origin + len(_BOM)
        eol = _line_end_of(data)
        if not eol:
            parts = _ANY_LINE_END.split(data)
            self._read_lines(parts[::2], parts[1::2], origin, events)
        elif self._in_block or not self._read_lone_block(data, eol, origin, events):
            self._read_uniform(data, eol, origin, events)

    def _read_lone_block(self, data: bytes, eol: bytes, origin: int, events: list[Event]) -> bool:
        """The commonest piece of a live stream: exactly one block. False if this is another."""
        blank = eol + eol
        body_end, first_end = len(data) - len(blank), data.find(eol)
        if not data.endswith(blank) or (first_end != body_end and data.find(blank, first_end) != body_end):
            return False
        end = origin + body_end + len(eol) + 1
        if first_end == body_end and data.startswith(_DATA) and end - self._block_begin <= self._max_event_bytes:
            text = data[len(_DATA) : body_end].decode("utf-8", "replace")
            self.last_event_id = self._id
            events.append(_new_event(("message", text, self._id, None, end)))
            self._block_begin = end
            return True
        self._take_lines(data[:body_end].decode("utf-8", "replace").split(eol.decode()))
        self._dispatch(end, events)
        return True

    def _read_uniform(self, data: bytes, eol: bytes, origin: int, events: list[Event]) -> None:
        """What ends the open block, then whole blocks, then what begins the next; all lines end in `eol`."""
        pos = 0
        if self._in_block:
            blank = data.find(eol + eol)
            pos = len(data) if blank < 0 else blank + 2 * len(eol)
            self._read_lines(data[:pos].split(eol), repeat(eol), origin, events)
        if pos < len(data) <= self._max_event_bytes:
            pos = self._read_blocks(data, pos, eol, origin, events)
        if pos < len(data):
            self._read_lines(data[pos:].split(eol), repeat(eol), origin + pos, events)

    def _read_blocks(self, data: bytes, pos: int, eol: bytes, origin: int, events: list[Event]) -> int:
        """Take the whole blocks out of data[pos:], where one begins; return where the rest begins."""
        blank = eol + eol
        # Of a run of line ends the first two end the block; the others, harmless, are left to the next.
        section = data[pos : max(pos, _last_blank(data, eol, pos))].rstrip(eol)
        if not section:
            return pos
        line_ends = section.count(eol[:1])
        # To look for one byte costs a tenth of looking for eight, and in a long line there is nothing to find.
        cuts = section.count(blank + _DATA) if line_ends else 0
        if section.startswith(_DATA) and line_ends == 2 * cuts:
            events += self._plain_events(section, blank, cuts, origin + pos)
        else:
            self._read_fields(section, eol, origin + pos, events)
        pos += len(section) + len(blank)
        self._block_begin = origin + pos - len(eol) + 1
        return pos

    def _plain_events(self, section: bytes, blank: bytes, cuts: int, begin: int) -> Iterator[Event]:
        """Blocks of one line of data each, the commonest of all: no Python code runs per event."""
        separator = blank + _DATA
        text = section[len(_DATA) :].decode("utf-8", "replace")
        texts = text.split(separator.decode()) if cuts else [text]
        sizes = map(len, texts if section.isascii() else section[len(_DATA) :].split(separator))
        # Of the blank line's terminator only the first byte belongs to the event.
        first_end = begin + len(_DATA) + len(blank) // 2 + 1
        ends = map(add, accumulate(sizes), count(first_end, len(separator)))
        self.last_event_id = self._id
        return map(_new_event, zip(repeat("message"), texts, repeat(self._id), repeat(None), ends, strict=False))

    def _read_fields(self, section: bytes, eol: bytes, begin: int, events: list[Event]) -> None:
        """Blocks of any lines."""
        line_end = eol.decode()
        blocks = section.decode("utf-8", "replace").split(line_end * 2)
        sizes = map(len, blocks if section.isascii() else section.split(eol * 2))
        end = begin - len(eol) + 1
        for block, size in zip(blocks, sizes, strict=True):
            self._take_lines(block.split(line_end))
            end += size + 2 * len(eol)
            self._dispatch(end, events)

    def _read_lines(self, lines: list[bytes], line_ends: Iterable[bytes], end: int, events: list[Event]) -> None:
        """Lines that stand from `end` on, of which the last is not ended yet: the standard's own way, one by one."""
        self._line += lines.pop()
        if not lines:
            return
        texts = b"\n".join(lines).decode("utf-8", "replace").split("\n")
        for text, line, line_end in zip(texts, lines, line_ends, strict=False):
            end += len(line) + len(line_end)
            if text.startswith("data: "):
                self._data.append(text[len(_DATA) :])
            elif text:
                self._take_field(text)
            else:
                self._dispatch(end - len(line_end) + 1, events)
        self._in_block = bool(lines[-1])

    def _take_lines(self, lines: list[str]) -> None:
        """The lines of one whole block."""
        for line in lines:
            if line.startswith("data: "):
                self._data.append(line[len(_DATA) :])
            else:
                self._take_field(line)

    def _take_field(self, line: str) -> None:
        """One line. A comment is a field without a name, and ignored like every unknown one."""
        field, _, value = line.partition(":")
        if value.startswith(" "):
            value = value[1:]
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value
        elif field == "id":
            if "\0" not in value:
                self._id = value
        elif field == "retry" and value.isascii() and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self._retry = self.retry_ms = int(value)

    def _dispatch(self, end: int, events: list[Event]) -> None:
        """The block has ended: its id counts in any case, its event only if it has data."""
        if end - self._block_begin > self._max_event_bytes:
            raise self._fail(end)
        self.last_event_id = self._id
        if self._data:
            text = "\n".join(self._data)
            events.append(_new_event((self._type or "message", text, self._id, self._retry, end)))
            self._data = []
        self._type = ""
        self._retry = None
        self._in_block = False
        self._block_begin = end

    def _fail(self, end: int) -> ProtocolError:
        self._line, self._data = bytearray(), []
        self._failure = (
            f"decoding an event stream: the event that began at byte {self._block_begin} has "
            f"{end - self._block_begin} bytes, {self._max_event_bytes} are allowed; "
            "check that the server ends its events with a blank line"
        )
        return ProtocolError(self._failure)


def _line_end_of(data: bytes) -> bytes:
    """What all lines of data end in, or b"" if they differ. Without any, LF is as good as the others."""
    if b"\r" not in data:
        return b"\n"
    lfs = data.count(b"\n")
    if lfs == 0:
        return b"\r"
    return b"\r\n" if data.count(b"\r\n") == lfs == data.count(b"\r") else b""


def _last_blank(data: bytes, eol: bytes, pos: int) -> int:
    """Where the last two line ends in a row stand in data[pos:], or -1. To look back for one byte costs least."""
    last = data.rfind(eol[-1:], pos) + 1
    return last - 2 * len(eol) if data.endswith(eol + eol, pos, last) else data.rfind(eol + eol, pos)
