"""What one response looked like from outside: its reads, its letters' places in them, and the lumps that they form.

The rule: only what a reader can see counts here, instants of reads and places of bytes; no plan, no server's stamp, no
name of anybody's software. All instants are ns on one clock. `signature.py` draws the conclusions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from lab.analysis.arrays import NS_PER_MS, Floats, Ints
from lab.analysis.sentence import LUMP_MS, LUMP_SHARE

# One write of several segments is read in pieces some hundred microseconds apart.
PIECES_MS = 0.5


class EndsIn(Enum):
    """What the last byte of a read belongs to: it ended an event, a line of an unfinished event, or neither."""

    EVENT = "event"
    LINE = "line"
    MIDDLE = "middle"


class BodyRead(NamedTuple):
    """One `recv` that brought bytes of the body. `body_bytes` counts them without framing, as coded on the way."""

    at_ns: int
    body_bytes: int
    ends_in: EndsIn


class Letter(NamedTuple):
    """One chunk. `read` is the index into the reads; `reach_bytes` how far into that read's body its last byte lies.

    `frame` numbers the transfer-coding frame of its last byte, None where the body has no frames; `words` counts its text's.
    """

    read: int
    reach_bytes: int
    frame: int | None
    words: int


@dataclass(frozen=True)
class Arrivals:
    """One response. `rtt_ns` is the time of the TCP handshake, if there was one.

    `data_lines` counts the lines of SSE data that came, ended by a blank line or not, and `whole_lines` those of them that
    are a JSON document or `[DONE]`; `typed`: the letters are a typed answer's (OpenAI), not events of any kind;
    `timed_out`: the reader gave up at `end_ns`, else the response was over then.
    """

    request_ns: int
    end_ns: int
    reads: Sequence[BodyRead]
    letters: Sequence[Letter]
    rtt_ns: int | None = None
    data_lines: int = 0
    whole_lines: int = 0
    typed: bool = False
    timed_out: bool = False


class Lump(NamedTuple):
    """Reads that came closer together than anybody sees. `frames` is 0 where the body has none."""

    begin_ns: int
    end_ns: int
    reads: int
    letters: int
    frames: int
    body_bytes: int
    ends_in: EndsIn


def lumps_of(seen: Arrivals, apart_ms: float | None = None) -> list[Lump]:
    """Return the lumps in order; lumps without a letter (a role frame, a heartbeat, a part of an event) are among them.

    `apart_ms` is the gap from which two reads are not one lump; None takes one that suits the response.
    """
    if not seen.reads:
        return []
    at_ns = np.array([read.at_ns for read in seen.reads], dtype=np.int64)
    apart_ms = usual_apart_ms(at_ns) if apart_ms is None else apart_ms
    begins = np.flatnonzero(np.diff(at_ns, prepend=at_ns[0]) > apart_ms * NS_PER_MS)
    bounds = [0, *begins.tolist(), len(seen.reads)]
    numbers = np.searchsorted(np.asarray(bounds[1:-1]), [letter.read for letter in seen.letters], side="right")
    letters: list[list[Letter]] = [[] for _ in bounds[1:]]
    for number, letter in zip(numbers.tolist(), seen.letters, strict=True):
        letters[number].append(letter)
    return [_lump(seen.reads[begin:end], own) for begin, end, own in zip(bounds[:-1], bounds[1:], letters, strict=True)]


def usual_apart_ms(at_ns: Ints) -> float:
    """Return a quarter of the mean gap, within 0.5 and 5 ms.

    The longest gap is left out of the mean, or one stall would make a lump of everything before it.
    """
    gaps_ns = np.sort(np.diff(at_ns))[:-1]
    mean_ms = float(gaps_ns.mean()) / NS_PER_MS if gaps_ns.size else float("inf")
    return min(LUMP_MS, max(PIECES_MS, LUMP_SHARE * mean_ms))


def spacings_ms(lumps: Sequence[Lump]) -> Floats:
    """Return the time from each lump's first read to the next one's, of shape (lumps − 1,)."""
    begins_ns = np.array([lump.begin_ns for lump in lumps], dtype=np.int64)
    return np.diff(begins_ns) / NS_PER_MS


def _lump(reads: Sequence[BodyRead], letters: Sequence[Letter]) -> Lump:
    return Lump(
        begin_ns=reads[0].at_ns,
        end_ns=reads[-1].at_ns,
        reads=len(reads),
        letters=len(letters),
        frames=len({letter.frame for letter in letters if letter.frame is not None}),
        body_bytes=sum(read.body_bytes for read in reads),
        ends_in=reads[-1].ends_in,
    )
