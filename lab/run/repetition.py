"""One repetition as a plan and as what came of it, in the form in which it travels between the lab's own processes."""

import math
from dataclasses import dataclass, field

from lab.model.matrix import Cell
from lab.model.plan import plan_chunks
from lab.model.scenario import CellSpec
from lab.model.units import NS_PER_S
from lab.path.base import PathRecord
from lab.trace.cross_flow import CrossFlow
from lab.trace.records import ClientRecord, StreamSaid
from lab.wire.event_source import DEFAULT_RECONNECTION_MS

# What start, handshake, retransmission and a busy machine may add to a repetition before it counts as stuck.
_GRACE_S = 15.0
# Bytes of a chunk's frame beside its text: OpenAI's JSON is the largest.
_FRAME_BYTES = 300


@dataclass(frozen=True)
class Repetition:
    """What is to be run. `slot` is the planned place, `rep` the attempt's own number; `seed` follows the slot."""

    cell: Cell
    rep: int
    slot: int
    seed: str


@dataclass(frozen=True)
class Clocks:
    """The machine's clocks at one instant, ns: two differences tell a step or a suspension."""

    monotonic_ns: int
    realtime_ns: int
    boottime_ns: int


@dataclass(frozen=True)
class Evidence:
    """What came back from one repetition, before it is joined."""

    said: list[StreamSaid]
    seen: ClientRecord
    path: PathRecord | None
    before: Clocks
    after: Clocks
    max_slack_ns: int
    cross: list[CrossFlow] = field(default_factory=list)


def streaming_s(spec: CellSpec, seed: str) -> float:
    """How long the cell streams when nothing holds it up: what progress and deadlines count on."""
    chunks = plan_chunks(spec.workload, f"{seed}/1")
    response_s = chunks[-1].due_offset_ns / NS_PER_S + 2 * spec.path.rtt_ns / NS_PER_S
    visit_s = spec.client.reuse * (response_s + spec.client.think / NS_PER_S)
    rounds = math.ceil(spec.client.request_count / spec.client.streams)
    arrivals = spec.client.arrivals
    spread_s = spec.client.request_count * arrivals.spacing_ns / NS_PER_S
    if arrivals.rate_per_s:
        spread_s = spec.client.request_count / arrivals.rate_per_s
    return max(rounds * visit_s, spread_s + visit_s)


def runs_alone(spec: CellSpec) -> bool:
    """Whether a neighbour could delay the cell unseen.

    A repetition judges the lab's own server, raw client and emulator. How late somebody else's program is, or a reader that
    pauses, is what is measured there, so nothing would tell the neighbour's share from it (seen with three at a time on two
    cores: Chromium read at p99 60 ms late instead of 25, valid all the same).
    """
    foreign = spec.server.command or spec.proxy.command
    return bool(foreign or spec.client.kind != "raw" or spec.client.read_delay)


def deadline_s(spec: CellSpec, seed: str) -> float:
    """How long the client may take in all: generous, because a slow cell is a result and only a stuck one is not."""
    plan_s = streaming_s(spec, seed)
    if spec.client.comes_back:  # once, to hear it all again
        plan_s += plan_s + max(spec.server.retry / NS_PER_S, DEFAULT_RECONNECTION_MS / 1000)
    chunk_bytes = (spec.workload.size or 16) + _FRAME_BYTES
    total_bytes = spec.client.request_count * spec.client.reuse * spec.workload.chunks * chunk_bytes
    drain_s = spec.path.down.drain_s(total_bytes)
    reading_s = spec.client.reuse * spec.workload.chunks * spec.client.read_delay / NS_PER_S
    light_s = plan_s + drain_s + reading_s
    # TCP's back-off can double the time in the dark, and each direction has its own.
    dark_s = spec.path.up.dark_s(light_s) + spec.path.down.dark_s(light_s)
    return 2 * (light_s + dark_s) + 20 * spec.path.rtt_ns / NS_PER_S + _GRACE_S
