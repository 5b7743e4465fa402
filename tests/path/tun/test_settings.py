"""What a link can be asked for, really applied: read off the packet log of a connection in real namespaces."""

import socket
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from lab.link.link import Link
from lab.link.packet import BLACKOUT, BURST, CODEL, DOWN, SENT, Packet
from lab.model.path import LinkSpec
from tests.link.packets import packet
from tests.path.tun.traffic import Outcome, Row, exchange, read_all, rows

pytestmark = pytest.mark.needs("tun")

MS = 1_000_000


def _typing(count: int, gap_s: float) -> Any:
    """A server that writes `count` single bytes at this pace."""

    def serve(connection: socket.socket) -> None:
        for _ in range(count):
            connection.sendall(b"x")
            time.sleep(gap_s)

    return serve


def _down(outcome: Outcome) -> list[Row]:
    return sorted(rows(outcome.record, direction=DOWN), key=lambda row: row["index"])


def test_a_blackout_is_one_hole() -> None:
    loss = {"model": "blackouts", "periods": [{"at": "200ms", "for": "150ms"}]}
    outcome = exchange({"delay": "1ms", "down": {"loss": loss}}, _typing(60, 0.01), read_all)
    assert outcome.client == b"x" * 60, "TCP repairs what the path loses"
    down = _down(outcome)
    lost = [row for row in down if row["verdict"] == BLACKOUT]
    assert [row["index"] for row in lost] == list(range(lost[0]["index"], lost[0]["index"] + len(lost)))
    assert lost[-1]["t_in_ns"] - lost[0]["t_in_ns"] < 150 * MS
    around = down[lost[0]["index"] - 2], down[lost[-1]["index"]]
    assert around[1]["t_in_ns"] - around[0]["t_in_ns"] >= 150 * MS
    assert lost[0]["t_in_ns"] - min(outcome.record.packets["t_in_ns"]) >= 199 * MS, "it counts from the first packet"


def test_a_step_changes_the_rate() -> None:
    steps = [{"at": "0s", "rate": "10Mbit/s"}, {"at": "200ms", "rate": "1Mbit/s"}]
    outcome = exchange({"down": {"rate": steps}}, _typing(40, 0.01), read_all)
    factors = [(row["t_queue_out_ns"] - row["t_in_ns"]) // row["bytes"] for row in _down(outcome)]
    assert set(factors) >= {800, 8000}, "nanoseconds for a byte: before the step, and after it"
    calm = [factor for factor in factors if factor in (800, 8000)]
    assert calm == sorted(calm), "and never back"


def test_a_trace_gives_its_opportunities_and_no_others() -> None:
    rate = {"model": "trace", "file": "lte.down", "opportunities_ms": [3, 10]}
    body = bytes(60_000)
    outcome = exchange({"down": {"rate": rate}}, lambda connection: connection.sendall(body), read_all)
    assert outcome.client == body
    down = [row for row in _down(outcome) if row["verdict"] == SENT]
    phases = {(row["t_queue_out_ns"] - down[0]["t_queue_out_ns"]) % (10 * MS) for row in down}
    assert len(phases) <= 2
    carried: Counter[int] = Counter()
    for row in down:
        carried[row["t_queue_out_ns"]] += row["bytes"] + 4
    for earlier, later in pairwise(sorted(carried)):
        assert later - earlier >= 3 * MS
        assert carried[later] <= 2 * 1504


def test_bursts_are_those_of_the_seed() -> None:
    """The same link, given the times of the log, decides the same; but where a state ended within the first packet's way."""
    loss = {"model": "gilbert-elliott", "good": "60ms", "bad": "30ms"}
    outcome = exchange({"delay": "1ms", "down": {"loss": loss}}, _typing(200, 0.004), read_all, seed=5)
    assert outcome.client == b"x" * 200
    down = _down(outcome)
    lost = {row["index"] for row in down if row["verdict"] == BURST}
    assert lost
    dropped: list[Packet] = []
    again = Link(LinkSpec.model_validate({"loss": loss}), "5/down", dropped.append)
    again.start(min(outcome.record.packets["t_in_ns"]))
    for row in down:
        again.put(packet(index=row["index"]), row["t_in_ns"])
    assert len(lost ^ {each.index for each in dropped}) <= len(down) / 20


def test_codel_keeps_a_bulk_transfer_from_waiting() -> None:
    def waits_ns(queue: object) -> tuple[list[int], Outcome]:
        spec: dict[str, object] = {"delay": "5ms", "down": {"rate": "6Mbit/s", "queue": queue}}
        outcome = exchange(spec, lambda connection: connection.sendall(bytes(900_000)), read_all)
        assert outcome.client == bytes(900_000)
        return [
            row["t_queue_out_ns"] - row["t_in_ns"] for row in rows(outcome.record, direction=DOWN, verdict=SENT)
        ], outcome

    bloated, _ = waits_ns("1000p")
    kept, outcome = waits_ns({"model": "codel"})
    dropped = [row for row in _down(outcome) if row["verdict"] == CODEL]
    assert dropped
    assert {row["t_out_ns"] for row in dropped} == {-1}
    assert sum(kept) / len(kept) < sum(bloated) / len(bloated) / 2


def test_reordering_reaches_the_other_end() -> None:
    jitter = {"model": "uniform", "spread": "10ms", "reorder": True}
    body = bytes(60_000)
    outcome = exchange(
        {"delay": "10ms", "down": {"jitter": jitter}}, lambda connection: connection.sendall(body), read_all
    )
    assert outcome.client == body
    sent = rows(outcome.record, direction=DOWN, verdict=SENT)
    assert [row["index"] for row in sent] != sorted(row["index"] for row in sent)
    assert all(row["t_out_ns"] >= row["t_due_ns"] for row in sent)
