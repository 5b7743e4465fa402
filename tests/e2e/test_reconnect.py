"""A connection that is really cut in mid-stream, and what its reader has in the end: resumed, doubled, lost, given up."""

from typing import Any

import pytest

from lab.analysis.completeness import Completeness, completeness
from lab.run.catalogue import load
from lab.run.forge import Forge
from lab.trace.schema import TABLES
from tests.e2e.harness import Measured, Row, measure
from tests.synthetic import table

CHUNKS = 25
INTERVAL_NS = 20_000_000
CUT = "{python} -m lab.hops.cut --listen {host}:{port} --upstream {upstream} --after-bytes 300B"


def run(forge: Forge, resume: str = "replay", how: str = "reset", times: int = 1, **tables: Any) -> Measured:
    tables.setdefault("client", {"reconnect": True})
    return measure(
        forge,
        workload={"profile": "ticker", "chunks": CHUNKS, "interval": "20ms"},
        server={"resume": resume, "retry": "100ms"},
        request={"path": "/events"},
        proxy={"command": f"{CUT} --how {how} --times {times}"},
        **tables,
    )


def whole(measured: Measured) -> Completeness | None:
    assert set(measured.streams[0]) == set(TABLES["streams"].names)
    return completeness(table("chunks", measured.chunks), table("streams", measured.streams))


def arrived(measured: Measured, response: int) -> list[int]:
    """Places, in order of arrival."""
    return [row["place"] for row in came(measured) if row["response"] == response]


def came(measured: Measured) -> list[Row]:
    return [row for row in measured.chunks if row["arrival_ns"] is not None]


def endings(measured: Measured) -> list[tuple[str, int]]:
    return [(stream["completion"], stream["reconnects"]) for stream in measured.streams]


def assert_resumed(measured: Measured) -> None:
    """Nothing is lost, nothing comes twice, in two responses."""
    assert measured.disagreements == 0
    assert endings(measured) == [("done", 1)]
    first, second = arrived(measured, 1), arrived(measured, 2)
    assert first + second == list(range(1, CHUNKS + 1))
    assert first
    assert second
    assert whole(measured) == Completeness(lost=0, doubled=0)


WAYS: dict[str, dict[str, Any]] = {
    "raw": {"client": {"reconnect": True}},
    "httpx": {"client": {"kind": "httpx", "reconnect": True}},
    "httpx-sse": {"client": {"kind": "httpx-sse", "reconnect": True}},
    "locust": {"client": {"kind": "locust", "reconnect": True}},
    "browser-eventsource": {"client": {"kind": "browser-eventsource"}},
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs("chromium") if "browser" in kind else ()) for kind in WAYS]
)
def test_a_server_that_knows_where_its_reader_was_goes_on_there(forge: Forge, kind: str) -> None:
    measured = run(forge, **WAYS[kind])
    assert_resumed(measured)
    absence_ns = max(measured.gaps_ms()) * 1_000_000
    assert absence_ns > 100_000_000, "the retry time at least"


@pytest.mark.needs("tun")
def test_the_packets_of_both_connections_are_found(forge: Forge) -> None:
    measured = run(forge, path={"delay": "5ms"})
    assert_resumed(measured)
    assert all(row["sent_ns"] < row["recv_ns"] <= row["read_ns"] for row in came(measured))


def test_an_orderly_end_in_mid_stream_is_no_end_either(forge: Forge) -> None:
    assert_resumed(run(forge, how="close"))


@pytest.mark.parametrize("kind", ["raw", pytest.param("browser-eventsource", marks=pytest.mark.needs("chromium"))])
def test_without_ids_all_that_was_read_comes_again(forge: Forge, kind: str) -> None:
    measured = run(forge, "restart", **WAYS[kind])
    first, second = arrived(measured, 1), arrived(measured, 2)
    assert first == list(range(1, len(first) + 1))
    assert second == list(range(1, CHUNKS + 1))
    assert 0 < len(first) < CHUNKS
    assert whole(measured) == Completeness(lost=0, doubled=len(first))
    assert (measured.disagreements, endings(measured)) == (0, [("done", 1)])


def test_a_live_feed_has_lost_what_was_due_while_its_reader_was_away(forge: Forge) -> None:
    measured = run(forge, "live")
    first, second = arrived(measured, 1), arrived(measured, 2)
    assert first == list(range(1, len(first) + 1))
    assert second == list(range(second[0], CHUNKS + 1))
    away = range(first[-1] + 1, second[0])
    assert whole(measured) == Completeness(lost=len(away), doubled=0)
    assert len(away) >= 100_000_000 // INTERVAL_NS - 1, "the retry time held five of them"
    began_ns = measured.chunks[0]["due_ns"]
    taken_up_ns = next(row["write_ns"] for row in measured.writes if row["response"] == 2)
    assert began_ns + (away[-1] - 1) * INTERVAL_NS < taken_up_ns, "it was due before the reader was back"
    assert [row["due_ns"] for row in came(measured) if row["response"] == 2] == [
        began_ns + (place - 1) * INTERVAL_NS for place in second
    ], "the clock went on"
    assert (measured.disagreements, endings(measured)) == (0, [("done", 1)])


def test_who_does_not_come_back_has_lost_the_rest(forge: Forge) -> None:
    measured = run(forge, client={})
    first = arrived(measured, 1)
    assert 0 < len(first) < CHUNKS
    assert {row["response"] for row in measured.chunks} == {1}
    assert whole(measured) == Completeness(lost=CHUNKS - len(first), doubled=0)
    assert (measured.disagreements, endings(measured)) == (0, [("reset", 0)])


def test_uncut_the_hop_is_a_piece_of_wire(forge: Forge) -> None:
    measured = run(forge, times=0)
    assert arrived(measured, 1) == list(range(1, CHUNKS + 1))
    assert whole(measured) == Completeness(lost=0, doubled=0)
    assert endings(measured) == [("done", 0)]
    assert measured.reads_with_chunks() >= 0.6 * CHUNKS, "it adds no lumps"


def test_several_readers_are_cut_and_come_back_each_for_itself(forge: Forge) -> None:
    measured = run(forge, times=3, client={"reconnect": True, "streams": 3})
    assert measured.disagreements == 0
    assert sum(reconnects for _, reconnects in endings(measured)) == 3
    assert whole(measured) == Completeness(lost=0, doubled=0)


def test_the_shipped_scenario_has_every_outcome() -> None:
    scenario = load("reconnect", {})
    assert [cell["name"] for cell in scenario.extra_cells] == [
        "uncut", "resumed", "doubled", "lost", "given-up", "resumed-browser",
    ]  # fmt: skip
