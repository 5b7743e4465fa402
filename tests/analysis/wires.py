"""Responses as they would arrive: a source, somebody who holds its events, a network with jitter, and a reader.

Bytes are only counted here. A write is (instant in ms, the body's bytes written by then); every write is one frame of a
transfer-coding unless the body has none.
"""

import bisect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from lab.analysis.arrivals import Arrivals, BodyRead, EndsIn, Letter

MSS_BYTES = 1448
NS_PER_MS = 1_000_000
Writes = list[tuple[float, int]]


@dataclass(frozen=True)
class Source:
    """Events: when each was produced (ms after the request), and where it ends in the body."""

    due_ms: list[float]
    ends: list[int]
    words: int = 1


def source(
    rng: random.Random, count: int = 120, delta_ms: float = 20.0, cv: float = 0.25, event_bytes: int = 180
) -> Source:
    """Gamma-distributed intervals and sizes that vary by a few bytes, as tokens in JSON do."""
    shape = 1 / cv**2 if cv else 0.0
    gaps = [rng.gammavariate(shape, delta_ms / shape) if cv else delta_ms for _ in range(count)]
    sizes = [event_bytes + rng.randint(-4, 9) for _ in range(count)]
    return Source([60 + due_ms for due_ms in accumulate(gaps)], list(accumulate(sizes)))


def flushed(said: Source) -> Writes:
    """Each event as it is produced."""
    return list(zip(said.due_ms, said.ends, strict=True))


def buffered(said: Source, buffer_bytes: int) -> Writes:
    """A buffer that leaves when it is full; the rest at the end."""
    writes, full = [], buffer_bytes
    for due_ms, end in flushed(said):
        while end >= full:
            writes.append((due_ms, full))
            full += buffer_bytes
    return [*writes, (said.due_ms[-1], said.ends[-1])]


def after_first_byte(said: Source, interval_ms: float) -> Writes:
    """Everything held leaves `interval_ms` after its first byte came."""
    writes: Writes = []
    leaves_ms = said.due_ms[0] + interval_ms
    for (due_ms, _), before in zip(flushed(said), [0, *said.ends], strict=False):
        if due_ms > leaves_ms:
            writes.append((leaves_ms, before))
            leaves_ms = due_ms + interval_ms
    return [*writes, (said.due_ms[-1], said.ends[-1])]


def ticking(said: Source, interval_ms: float) -> Writes:
    """A clock that ticks whether or not there is anything to send."""
    ticks = [interval_ms * (1 + due_ms // interval_ms) for due_ms in said.due_ms]
    last = dict(zip(ticks, said.ends, strict=True))
    return sorted(last.items())


def at_the_end(said: Source) -> Writes:
    """One piece."""
    return [(said.due_ms[-1], said.ends[-1])]


def held_by_one(said: Source) -> Writes:
    """Each event when the next is produced, the last with the end."""
    return list(zip([*said.due_ms[1:], said.due_ms[-1] + 0.05], said.ends, strict=True))


def late_blank_lines(said: Source) -> Writes:
    """Each event's last byte, its blank line, is written with the next event."""
    return [*((due_ms, end - 1) for due_ms, end in flushed(said)), (said.due_ms[-1] + 0.05, said.ends[-1])]


def bursts(said: Source, number: int) -> Source:
    """The source itself waits until it has so many, and then says all of them."""
    due_ms = said.due_ms
    together = [due_ms[min(len(due_ms) - 1, index - index % number + number - 1)] for index in range(len(due_ms))]
    return replace(said, due_ms=together)


def waiting_for_acks(said: Source, ack_ms: float, rtt_ms: float) -> Writes:
    """Nagle's algorithm: of two small writes the first is acknowledged late, the second at once."""
    writes: Writes = []
    free_ms, late = 0.0, True
    index = 0
    while index < len(said.ends):
        at_ms = max(said.due_ms[index], free_ms)
        index = max(index + 1, bisect.bisect_right(said.due_ms, at_ms))
        writes.append((at_ms, said.ends[index - 1]))
        free_ms, late = at_ms + rtt_ms + (ack_ms if late else 0.0), not late
    return writes


@dataclass(frozen=True)
class Network:
    """`jitter_ms` delays each write by an exponential amount, in order; `spikes` of them by `spike_ms` more."""

    rtt_ms: float = 0.2
    jitter_ms: float = 0.05
    spikes: float = 0.0
    spike_ms: float = 0.0


def _segments(writes: Writes, rng: random.Random, net: Network) -> Iterator[tuple[float, int]]:
    """What arrives when: no segment before its predecessor, each some 20 µs behind."""
    arrived_ms = sent = 0.0
    for at_ms, end in writes:
        late_ms = rng.expovariate(1 / net.jitter_ms) + (net.spike_ms if rng.random() < net.spikes else 0.0)
        arrived_ms = max(arrived_ms, at_ms + net.rtt_ms / 2 + late_ms)
        for begin in range(int(sent), end, MSS_BYTES):
            arrived_ms += rng.uniform(0.01, 0.06)
            yield arrived_ms, min(end, begin + MSS_BYTES)
        sent = end


def arrivals(
    said: Source,
    writes: Writes,
    rng: random.Random,
    net: Network | None = None,
    *,
    frames: bool = True,
    end_ms: float | None = None,
    timed_out: bool = False,
) -> Arrivals:
    """What a reader sees who is woken by the first segment and reads 30 µs later whatever is there."""
    net = net or Network()
    reads: list[tuple[float, int]] = []
    for at_ms, end in _segments(writes, rng, net):
        if reads and at_ms < reads[-1][0]:
            reads[-1] = (reads[-1][0], end)
        else:
            reads.append((at_ms + 0.03, end))
    bounds = [end for _, end in reads]
    last_ms = reads[-1][0] if end_ms is None else end_ms
    return Arrivals(
        request_ns=0,
        end_ns=round(last_ms * NS_PER_MS),
        reads=[
            BodyRead(round(at_ms * NS_PER_MS), end - begin, _ends_in(end, said.ends))
            for (at_ms, end), begin in zip(reads, [0, *bounds], strict=False)
        ],
        letters=[
            _letter(end, bounds, [written for _, written in writes] if frames else None, said.words)
            for end in said.ends
            if end <= bounds[-1]
        ],
        rtt_ns=round(net.rtt_ms * NS_PER_MS),
        data_lines=len(said.ends),
        whole_lines=len(said.ends),
        timed_out=timed_out,
    )


def _ends_in(end: int, event_ends: list[int]) -> EndsIn:
    if end in event_ends:
        return EndsIn.EVENT
    return EndsIn.LINE if end + 1 in event_ends else EndsIn.MIDDLE


def _letter(end: int, bounds: list[int], written: list[int] | None, words: int) -> Letter:
    read = bisect.bisect_left(bounds, end)
    frame = None if written is None else bisect.bisect_left(written, end)
    return Letter(read, end - (bounds[read - 1] if read else 0), frame, words)


Make = Callable[[random.Random], Arrivals]
