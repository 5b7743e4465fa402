"""Bulk flows on the same bottleneck, and row 14 of the design's kernel table: who queued behind whom, by the packet log."""

from statistics import median
from typing import Any

import pytest

from lab.run.forge import Forge
from tests.e2e.harness import Measured, Row, witnessed

pytestmark = pytest.mark.needs("tun")

TICKER = {"profile": "ticker", "chunks": 90, "interval": "20ms", "first": "20ms"}


def measured_packets(measured: Measured) -> list[Row]:
    """The data of the stream that is measured."""
    (stream,) = measured.streams
    (connection,) = {
        row["connection"]
        for row in measured.path
        if row["flags"] is not None and row["flags"] & 2 and row["seq"] == stream["client_isn"]
    }
    return [row for row in measured.packets("down") if row["connection"] == connection and row["payload_bytes"]]


def crossing_ns(packets: list[Row], after_ns: int, before_ns: int) -> float:
    """The median time inside the path of those that entered it between two instants."""
    return median(row["t_out_ns"] - row["t_in_ns"] for row in packets if after_ns <= row["t_in_ns"] < before_ns)


def test_the_stream_queues_behind_a_bulk_flow_while_it_runs(forge: Forge) -> None:
    """One way 20 ms before and after; several times that between."""
    cross = [{"start": "400ms", "stop": "1100ms"}]
    measured, evidence = witnessed(forge, workload=TICKER, path="bufferbloat", cross=cross)
    (flow,) = evidence.cross
    packets = measured_packets(measured)
    assert len(measured.chunks) == 90
    assert measured.disagreements == 0
    before_ns = crossing_ns(packets, 0, flow.started_ns)
    beside_ns = crossing_ns(packets, (flow.started_ns + flow.stopped_ns) // 2, flow.stopped_ns)
    after_ns = crossing_ns(packets, flow.stopped_ns + 300_000_000, packets[-1]["t_in_ns"])
    assert beside_ns > 2.5 * before_ns
    assert after_ns < 1.2 * before_ns
    assert [said.connection_offset for said in evidence.said] == [0]


def test_a_flow_is_recorded_as_its_two_ends_saw_it(forge: Forge) -> None:
    cross: list[dict[str, Any]] = [
        {"flows": 2, "congestion": "reno", "stop": "700ms"},
        {"direction": "up", "start": "300ms"},
        {"start": "60s"},
    ]
    path = {"delay": "10ms", "rate": "10Mbit/s", "queue": "200p"}
    measured, evidence = witnessed(forge, workload=TICKER | {"chunks": 50}, path=path, cross=cross)
    flows = evidence.cross
    assert [(flow.entry, flow.direction, flow.congestion) for flow in flows] == [
        (1, "down", "reno"),
        (1, "down", "reno"),
        (2, "up", "cubic"),
    ], "a flow whose time never came is not there"
    assert flows[2].started_ns - flows[0].started_ns >= 250_000_000
    for flow in flows:
        assert flow.bytes > 100_000
        assert flow.delivered[-1][1] == flow.bytes
        assert flow.delivered == sorted(flow.delivered)
    assert 0.6 * 10e6 < sum(flow.goodput_bps for flow in flows[:2]) < 10e6
    ours = {(stream["client_port"], stream["server_port"]) for stream in measured.streams}
    assert not ours & {(flow.client_port, flow.server_port) for flow in flows}


def test_bbr_leaves_the_queue_to_the_stream_and_cubic_fills_it(forge: Forge) -> None:
    """Row 14, as a ratio: one way under cubic against one way under bbr; the gaps tell neither."""
    delays, gaps = {}, {}
    for congestion in ("cubic", "bbr"):
        cross = [{"congestion": congestion}]
        measured, _ = witnessed(forge, workload=TICKER | {"chunks": 100}, path="bufferbloat", cross=cross)
        packets = measured_packets(measured)
        delays[congestion] = crossing_ns(packets, packets[len(packets) // 2]["t_in_ns"], packets[-1]["t_in_ns"])
        gaps[congestion] = median(measured.gaps_ms())
    assert delays["cubic"] > 2 * delays["bbr"]
    assert gaps["cubic"] < 1.5 * gaps["bbr"]
