"""Settings of the path's own namespaces, and rows 5 and 9 to 11 of the design's kernel table: by structure and counts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.run.forge import Forge
from tests.e2e.harness import NS_PER_MS, Measured, Row, measure, witnessed

pytestmark = pytest.mark.needs("tun")

RTT_MS = 100
FAR = {"delay": "50ms"}
ONE_CHUNK = {"profile": "ticker", "chunks": 1, "first": "0ms", "first_size": "60kB"}


def data_packets(measured: Measured) -> list[Row]:
    return [packet for packet in measured.packets("down") if packet["payload_bytes"]]


def flights(packets: list[Row]) -> list[int]:
    """How many packets left in each burst, where a pause of half a round trip parts two."""
    counts = [1]
    for earlier, later in pairwise(packets):
        if later["t_in_ns"] - earlier["t_in_ns"] > RTT_MS * NS_PER_MS / 2:
            counts.append(0)
        counts[-1] += 1
    return counts


@pytest.mark.parametrize(("asked", "first_flight"), [(None, 10), (30, 30)])
def test_a_large_first_chunk_leaves_in_steps_that_begin_with_the_initial_window(
    forge: Forge, asked: int | None, first_flight: int
) -> None:
    """Row 10: one window for each round trip, each twice the one before, until the chunk is out."""
    host = {} if asked is None else {"initial_window": asked}
    measured, evidence = witnessed(forge, workload=ONE_CHUNK, path=FAR, host=host)
    counts = flights(data_packets(measured))
    assert counts[0] == first_flight
    assert counts[1] == min(2 * first_flight, sum(counts) - first_flight - sum(counts[2:]))
    assert evidence.path is not None
    server, client = evidence.path.sides
    assert server.settings.get("route.initcwnd") == (None if asked is None else (asked, asked))
    assert "route.initcwnd" not in client.settings


TWO_CHUNKS = {"profile": "ticker", "chunks": 2, "interval": "1ms", "size": "60kB", "first": "0ms"}


def after_the_pause(measured: Measured) -> list[Row]:
    packets = data_packets(measured)
    pauses = [later["t_in_ns"] - earlier["t_in_ns"] for earlier, later in pairwise(packets)]
    return packets[pauses.index(max(pauses)) + 1 :]


def test_slow_start_after_idle_takes_the_window_back_and_the_switch_leaves_it(forge: Forge) -> None:
    """Row 11: the same 60 kB after a pause longer than the RTO: in flights from 10 on, or at once."""
    workload = TWO_CHUNKS | {"pause": {"after": 1, "for": "1200ms"}}
    again, kept = (
        flights(after_the_pause(measure(forge, workload=workload, path=FAR, host={"slow_start_after_idle": switch})))
        for switch in (True, False)
    )
    assert again[0] == 10
    assert len(again) >= 3
    assert kept[0] > 2 * again[0]
    assert len(kept) < len(again)


def waited_for_repair_ns(forge: Forge, **host: Any) -> int:
    """From the entry of a packet that is lost alone to that of its repetition."""
    path = {"delay": "10ms", "down": {"loss": {"packets": [3]}}}
    workload = {"profile": "ticker", "chunks": 3, "interval": "500ms"}
    measured = measure(forge, workload=workload, path=path, host=host)
    rows = [row for row in measured.path if row["direction"] == "down" and row["payload_bytes"]]
    (lost,) = (row for row in rows if row["verdict"] != "sent")
    repeated = (row["t_in_ns"] for row in rows if row["seq"] == lost["seq"] and row["t_in_ns"] > lost["t_in_ns"])
    return int(min(repeated)) - int(lost["t_in_ns"])


def test_a_smaller_rto_minimum_repairs_a_lone_loss_sooner(forge: Forge) -> None:
    """Row 9, by the route's metric, which holds for any program in the server's namespace."""
    assert waited_for_repair_ns(forge) > 1.7 * waited_for_repair_ns(forge, rto_min="50ms")


def test_a_shorter_delayed_ack_holds_the_first_letter_of_a_kept_alive_connection_less(forge: Forge) -> None:
    """Row 3's 40 ms are the receiver's, and TCP_DELACK_MAX_US bounds them."""
    held = {}
    for asked in (None, "10ms"):
        host = {} if asked is None else {"delack_max": asked}
        workload = {"profile": "ticker", "chunks": 4, "interval": "60ms", "first": "0ms"}
        tables = {"workload": workload, "server": {"nodelay": False}, "client": {"reuse": 2}, "path": {"delay": "5ms"}}
        measured, evidence = witnessed(forge, **tables, host=host)
        held[asked] = measured.chunks[0]["sent_ns"] - measured.chunks[0]["accepted_ns"]
        assert ("TCP_DELACK_MAX_US" in evidence.seen.sockets) == (asked is not None)
    assert held[None] > 1.5 * held["10ms"]


SEGMENTS: dict[str, tuple[dict[str, Any], int, int]] = {
    "as it is": ({}, 1448, 1500),
    "mtu": ({"host": {"mtu": 1000}}, 948, 1000),
    "mss": ({"server": {"mss": 500}}, 488, 540),  # less the 12 bytes of the timestamp option (RFC 7323)
}


@pytest.mark.parametrize(("tables", "payload_bytes", "packet_bytes"), SEGMENTS.values(), ids=SEGMENTS)
def test_the_largest_segment_is_what_mtu_and_mss_leave(
    forge: Forge, tables: dict[str, Any], payload_bytes: int, packet_bytes: int
) -> None:
    measured, evidence = witnessed(forge, workload=ONE_CHUNK | {"first_size": "9kB"}, path={"delay": "1ms"}, **tables)
    assert max(packet["payload_bytes"] for packet in data_packets(measured)) == payload_bytes
    assert max(packet["bytes"] for packet in measured.path) == packet_bytes
    mss = tables.get("server", {}).get("mss")
    assert evidence.said[0].sockets.get("TCP_MAXSEG") == (None if mss is None else (mss, payload_bytes))


def test_autocorking_merges_what_waits_in_a_queue_that_the_stack_sees(forge: Forge) -> None:
    """Row 5: 16 writes at once into 5 Mbit/s. Without a queue in the server's kernel the switch has nothing to act on."""
    workload = {"profile": "burst", "burst": 16, "chunks": 160, "interval": "6ms", "size": "300B"}
    packets = {}
    for asked in (None, True, False):
        host = {} if asked is None else {"autocork": asked}
        measured, evidence = witnessed(forge, workload=workload, path={"rate": "5Mbit/s"}, host=host)
        assert len(measured.chunks) == 160
        packets[asked] = len(data_packets(measured))
        assert evidence.path is not None
        settings = evidence.path.sides[0].settings
        assert settings["net.ipv4.tcp_autocorking"] == (("0", "0") if asked is False else ("1", "1"))
        assert settings.get("tbf.rate_bps") == (None if asked is None else (5_000_000, 5_000_000))
        assert all(side.drops_before == side.drops_after for side in evidence.path.sides)
    assert packets[True] < 0.85 * packets[False] <= 0.95 * packets[None]


def test_the_machine_s_own_settings_stay_as_they_are(forge: Forge) -> None:
    """What is asked is written inside the path's namespaces only."""
    before = _settings()
    host = {"slow_start_after_idle": False, "autocork": False, "initial_window": 4, "rto_min": "50ms", "mtu": 1000}
    measured = measure(forge, workload=ONE_CHUNK | {"size": "8B"}, path={"rate": "5Mbit/s"}, host=host)
    assert len(measured.chunks) == 1
    assert _settings() == before


def _settings() -> dict[str, str]:
    """Of this machine's own network: the sysctls of TCP, routes and devices."""
    sysctls = {str(file): file.read_text() for file in Path("/proc/sys/net/ipv4").glob("tcp_*[!y]")}
    return {**sysctls, **{name: Path("/proc/net", name).read_text() for name in ("route",)}}
