"""What the kernel really does, rows 1 to 3 of the design's table, in real namespaces: by structure and counts.

No test here asserts a time. They assert who waited for whom, how many chunks came in a read, and ratios within one run.
"""

from itertools import pairwise

import pytest

from lab.run.forge import Forge
from tests.e2e.harness import NS_PER_MS, Measured, Row, measure

TICKER = {"profile": "ticker", "chunks": 60, "interval": "10ms", "first": "20ms"}


def data_packets(measured: Measured) -> list[Row]:
    return [packet for packet in measured.packets("down") if packet["payload_bytes"]]


def released_by_ack(measured: Measured) -> list[bool]:
    """Of each data packet after the first: had everything before it been acknowledged when it entered the path?"""
    acks = [(packet["t_out_ns"], packet["ack"]) for packet in measured.packets("up") if packet["ack"] is not None]
    return [
        any(arrived_ns <= packet["t_in_ns"] and ack >= packet["seq"] for arrived_ns, ack in acks)
        for packet in data_packets(measured)[1:]
    ]


@pytest.mark.parametrize("buffer_bytes", [512, 4096])
def test_no_flush_sends_lumps_of_the_buffer(forge: Forge, buffer_bytes: int) -> None:
    """Row 1: lumps of B bytes; the first chunk waits until B is full."""
    flush = "none" if buffer_bytes == 4096 else f"bytes:{buffer_bytes}"
    workload = TICKER | {"format": "openai"}
    measured = measure(forge, workload=workload, server={"flush": flush, "framing": "close"})
    head, *lumps = measured.writes
    assert {write["bytes"] for write in lumps[:-1]} == {buffer_bytes}
    assert 0 < lumps[-1]["bytes"] <= buffer_bytes
    first = measured.chunks[0]
    filler = next(chunk for chunk in measured.chunks if chunk["offset"] + chunk["bytes"] > head["bytes"] + buffer_bytes)
    assert first["write_ns"] >= filler["emit_ns"]
    in_first_lump = [chunk for chunk in measured.chunks if chunk["write_index"] == first["write_index"]]
    assert len({chunk["read_index"] for chunk in in_first_lump}) == 1


def test_end_sends_one_lump(forge: Forge) -> None:
    """Row 1 at its limit: nothing before the last chunk was produced."""
    measured = measure(forge, workload=TICKER, server={"flush": "end"})
    assert len({chunk["write_index"] for chunk in measured.chunks}) == 1
    assert measured.chunks[0]["write_ns"] >= measured.chunks[-1]["emit_ns"]


@pytest.mark.needs("tun")
def test_nagle_sends_once_per_round_trip(forge: Forge) -> None:
    """Row 2, RTT 40 > Δ 10: one read per RTT with RTT/Δ = 4 chunks, each released by the ACK of the one before."""
    measured = measure(forge, workload=TICKER, server={"nodelay": False}, path={"delay": "20ms"})
    assert len(measured.chunks) == TICKER["chunks"]
    assert 3.3 <= len(measured.chunks) / measured.reads_with_chunks() <= 4.7
    assert all(released_by_ack(measured)[:-1])  # the last packet may be full by then, or carry the end


@pytest.mark.needs("tun")
def test_nodelay_waits_for_nobody(forge: Forge) -> None:
    """Row 2's control: the same path, NODELAY on: a packet and a read for each chunk, most sent before any ACK."""
    measured = measure(forge, workload=TICKER, server={"nodelay": True}, path={"delay": "20ms"})
    assert measured.reads_with_chunks() >= 0.9 * len(measured.chunks)
    assert sum(released_by_ack(measured)) < 0.2 * len(measured.chunks)


@pytest.mark.needs("tun")
def test_nagle_does_nothing_below_one_interval(forge: Forge) -> None:
    """Row 2, RTT 4 < Δ 20: no effect at all, whatever the folklore says."""
    workload = TICKER | {"interval": "20ms"}
    measured = measure(forge, workload=workload, server={"nodelay": False}, path={"delay": "2ms"})
    assert measured.reads_with_chunks() >= 0.95 * len(measured.chunks)


SLOW_TICKER = TICKER | {"interval": "20ms", "first": "0ms"}
RTT_MS = 10


def first_letter_held_ms(measured: Measured) -> float:
    first = measured.chunks[0]
    return float(first["sent_ns"] - first["accepted_ns"]) / NS_PER_MS


@pytest.mark.needs("tun")
@pytest.mark.parametrize(
    ("think", "nodelay", "held_round_trips"),
    [
        ("0ms", False, (3, 8)),  # 40 ms of delayed ACK and one RTT of 10 ms
        ("5ms", False, (3, 8)),
        ("30ms", False, (3, 8)),
        ("60ms", False, (0.5, 2)),  # the receiver is no longer in ping-pong mode: it acknowledges at once
        ("0ms", True, (0, 0.5)),  # NODELAY waits for no ACK
    ],
)
def test_delayed_ack_holds_the_first_letter_of_a_kept_alive_connection(
    forge: Forge, think: str, nodelay: bool, held_round_trips: tuple[float, float]
) -> None:
    """Row 3: between the head of the second response and its first letter, and nowhere else."""
    client = {"reuse": 2, "think": think}
    workload = SLOW_TICKER | {"chunks": 12}
    measured = measure(forge, workload=workload, path={"delay": "5ms"}, server={"nodelay": nodelay}, client=client)
    assert measured.streams[0]["request"] == 2
    low, high = held_round_trips
    assert low <= first_letter_held_ms(measured) / RTT_MS <= high
    assert max(measured.gaps_ms()) < 3.5 * RTT_MS, "no long gap after the first letter"


@pytest.mark.needs("tun")
def test_without_quick_acks_every_second_read_is_late(forge: Forge) -> None:
    """Row 3: TCP_QUICKACK cleared before each recv, on a fresh connection: Nagle waits for the delayed ACK each time."""
    workload = SLOW_TICKER | {"chunks": 30}
    slow = measure(
        forge, workload=workload, path={"delay": "5ms"}, server={"nodelay": False}, client={"quickack": "off"}
    )
    quick = measure(forge, workload=workload, path={"delay": "5ms"}, server={"nodelay": False})
    assert slow.reads_with_chunks() < 0.7 * quick.reads_with_chunks()
    assert sum(gap > 3.5 * RTT_MS for gap in slow.gaps_ms()) >= 3 > sum(gap > 3.5 * RTT_MS for gap in quick.gaps_ms())


BOTTLENECK = {"delay": "20ms", "down": {"rate": "400kbit/s", "queue": "200p"}}
CROSSINGS = [
    pytest.param({"server": {"nodelay": True}, "path": {"delay": "20ms"}}, id="nodelay"),
    pytest.param({"server": {"nodelay": False}, "path": {"delay": "20ms"}}, id="nagle"),
    pytest.param({"server": {"cork": True}, "path": {"delay": "20ms"}}, id="cork"),
    pytest.param({"server": {"writes_per_chunk": 3}, "path": {"delay": "20ms"}}, id="three writes"),
    pytest.param({"server": {}, "path": BOTTLENECK}, id="bottleneck"),
    pytest.param({"server": {"sndbuf": "4608B"}, "path": BOTTLENECK}, id="bottleneck, small buffer"),
    pytest.param({"server": {}, "path": {"delay": "20ms"}, "client": {"read_delay": "15ms"}}, id="slow reader"),
    pytest.param({"server": {}, "path": {"delay": "20ms"}, "client": {"reuse": 2}}, id="kept alive"),
    pytest.param(
        {"server": {"nodelay": False}, "path": {"delay": "20ms"}, "client": {"streams": 4}}, id="four streams"
    ),
]


@pytest.mark.needs("tun")
@pytest.mark.parametrize("tables", CROSSINGS)
def test_every_letter_crosses_the_path_in_order_of_its_instants(forge: Forge, tables: dict[str, Row]) -> None:
    """due ≤ emit ≤ write ≤ accepted ≤ sent < recv ≤ read ≤ arrival, and the path takes its delay and never less."""
    size = {"size": "700B"} if tables["path"] is BOTTLENECK else {}
    measured = measure(forge, workload=TICKER | {"chunks": 40} | size, **tables)
    streams = tables.get("client", {}).get("streams", 1)
    assert len(measured.chunks) == 40 * streams
    assert measured.disagreements == 0
    order = ("due_ns", "emit_ns", "write_ns", "accepted_ns", "sent_ns", "recv_ns", "read_ns", "arrival_ns")
    for chunk in measured.chunks:
        for earlier, later in pairwise(order):
            assert chunk[earlier] <= chunk[later], f"chunk {chunk['seq']}: {later} before {earlier}"
        assert chunk["recv_ns"] - chunk["sent_ns"] >= 20 * NS_PER_MS


@pytest.mark.needs("tun")
@pytest.mark.parametrize("tables", CROSSINGS)
def test_the_path_takes_its_delay_within_its_error(forge: Forge, tables: dict[str, Row]) -> None:
    """recv − sent of each chunk is what the emulator had planned for its packet, plus that packet's own lateness."""
    measured = measure(forge, workload=TICKER | {"chunks": 30}, **tables)
    crossings = {packet["t_in_ns"]: packet for packet in data_packets(measured)}
    for chunk in measured.chunks:
        packet = crossings[chunk["sent_ns"]]
        planned_ns = packet["t_due_ns"] - packet["t_in_ns"]
        assert chunk["recv_ns"] - chunk["sent_ns"] == planned_ns + packet["t_out_ns"] - packet["t_due_ns"]
    late = sorted(packet["t_out_ns"] - packet["t_due_ns"] for packet in crossings.values())
    assert late[0] >= 0, "a packet left before its time"
    assert late[len(late) // 2] < 0.1 * 20 * NS_PER_MS, "the usual packet is late by a tenth of the delay or more"
