"""Bulk flows on the same bottleneck, and row 14 of the design's kernel table: who queued behind whom, by the packet log."""

import tomllib
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from lab.model.matrix import expand
from lab.model.scenario import read_document
from lab.run import runs
from lab.run.forge import Forge
from lab.run.matrix import execute, resolve_paths
from lab.run.progress import PlainLines
from lab.trace.store import open_run
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
    inside = [row for row in packets if after_ns <= row["t_in_ns"] < before_ns]
    return float(median(row["t_out_ns"] - row["t_in_ns"] for row in inside))


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
        {"flows": 2, "congestion": "reno", "start": "200ms", "stop": "800ms"},
        {"direction": "up"},
        {"start": "60s"},
    ]
    path = {"delay": "10ms", "rate": "10Mbit/s", "queue": "200p"}
    measured, evidence = witnessed(forge, workload=TICKER | {"chunks": 50}, path=path, cross=cross)
    flows = evidence.cross
    assert [(flow.entry, flow.direction, flow.congestion) for flow in flows] == [
        (2, "up", "cubic"),
        (1, "down", "reno"),
        (1, "down", "reno"),
    ], "a flow whose time never came is not there"
    assert flows[1].started_ns - flows[0].started_ns >= 150_000_000
    for flow in flows:
        assert flow.bytes > 100_000
        assert flow.delivered[-1][1] == flow.bytes
        assert flow.delivered == sorted(flow.delivered)
    assert 0.4 * 10e6 < sum(flow.goodput_bps for flow in flows[1:]) < 10e6
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


SCENARIO = """
path = { delay = "5ms", rate = "5Mbit/s" }
[scenario]
repeat = 1
[workload]
profile = "ticker"
chunks = 15
interval = "20ms"
[matrix]
"host.initial_window" = [4, 30]
cross = [[], { flows = 2, congestion = "reno" }]
[[cell]]
name = "lacking"
cross = { congestion = "no_such_thing" }
"""


def test_both_are_axes_and_recorded_and_what_the_kernel_lacks_is_skipped_by_name(forge: Forge, tmp_path: Path) -> None:
    plan = read_document(tomllib.loads(SCENARIO), "crossed", "crossed")
    cells = expand(plan)
    run = runs.create(plan, {}, cells, resolve_paths(forge, cells), tmp_path)
    execute(run, [forge], PlainLines())
    found = open_run(run.path).info
    assert {entry.error for entry in found.repetitions} == {None}
    settings = {(entry.host["server"]["route.initcwnd"].got, len(entry.cross)) for entry in found.repetitions}
    assert settings == {(4, 0), (4, 2), (30, 0), (30, 2)}
    lacking = found.cell("lacking")
    assert lacking.skipped is not None
    assert "cross.congestion = 'no_such_thing'" in lacking.skipped.reason
    assert "modprobe tcp_no_such_thing" in lacking.skipped.remedy
