"""When a repetition can be believed: by the lab's own lags, never by how the stream behaved."""

from typing import Any

import pytest

from lab.analysis.metrics import Records
from lab.analysis.validity import Circumstances, judge, judged_quantile
from lab.trace.schema import empty
from tests.synthetic import at, chunk_rows, packets, records, repetition, table


def lagging(lag_ms: float, late: int, count: int, interval_ms: float = 20.0) -> list[dict[str, Any]]:
    """Chunks of which the last `late` are emitted `lag_ms` after their due time."""
    dues = [interval_ms * n for n in range(count)]
    emits = [at(due + (lag_ms if n >= count - late else 0)) for n, due in enumerate(dues)]
    return chunk_rows(dues, [*dues], emit_ns=emits)


# A quarter of 20 ms is 5 ms. p95 of 100 chunks lies between the 5th and the 6th worst, p99 of 400 between 4th and 5th.
EMIT: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "on time": (lagging(0, 0, 100), True),
    "all late, but by less than a quarter": (lagging(4.9, 100, 100), True),
    "all late by more than a quarter": (lagging(5.1, 100, 100), False),
    "few chunks: five of a hundred are noise": (lagging(50, 5, 100), True),
    "few chunks: seven of a hundred are not": (lagging(50, 7, 100), False),
    "many chunks: four of four hundred are noise": (lagging(50, 3, 400), True),
    "many chunks: six of four hundred are not": (lagging(50, 6, 400), False),
    "a slower workload forgives more": (lagging(50, 100, 100, interval_ms=1000), True),
}


@pytest.mark.parametrize(("rows", "valid"), EMIT.values(), ids=EMIT)
def test_emit_lag_is_judged_against_a_quarter_of_the_interval(rows: list[dict[str, Any]], valid: bool) -> None:
    assert judge(records(rows), Circumstances()).valid is valid


def test_the_quantile_follows_the_number_of_chunks() -> None:
    assert [judged_quantile(count) for count in (0, 299, 300, 10_000)] == [0.95, 0.95, 0.99, 0.99]


def test_the_reason_says_who_by_how_much_and_how_much_was_allowed() -> None:
    judgement = judge(records(lagging(7.25, 100, 100)), Circumstances())
    (reason,) = judgement.reasons
    assert reason == (
        "the server produced its chunks late: 7.25 ms at p95, more than 5 ms (a quarter of the planned 20 ms)"
    )
    assert judgement.error_bars == {"emit_lag_ms": 7.25, "read_lag_ms": None, "path_error_ms": None}
    assert judgement.quantile == 0.95


def slow_reader() -> Records:
    dues = [20.0 * n for n in range(50)]
    rows = chunk_rows(dues, [*dues], recv_ns=[at(due) for due in dues], read_ns=[at(due + 30) for due in dues])
    return records(rows)


def test_a_client_that_reads_late_is_a_fault_unless_it_was_asked_to() -> None:
    assert "the client read late: 30 ms" in judge(slow_reader(), Circumstances()).reasons[0]
    asked = judge(slow_reader(), Circumstances(reader_is_measured=True))
    assert asked.valid
    assert asked.error_bars["read_lag_ms"] == 30


def test_an_emulator_off_its_time_is_a_fault() -> None:
    tables = repetition("c", 1)
    for error_ms, valid in ((4.0, True), (6.0, False)):
        found = judge(Records(tables["chunks"], tables["streams"], packets(tables, error_ms)), Circumstances())
        assert found.valid is valid
        assert found.error_bars["path_error_ms"] == pytest.approx(error_ms)


CIRCUMSTANCES: dict[str, tuple[Circumstances, str | None]] = {
    "nothing measured": (Circumstances(), None),
    "no drops, no jump": (Circumstances(device_drops=0, clock_jump_ns=0), None),
    "one drop": (Circumstances(device_drops=1), "a network device dropped 1 packet that the emulator did not drop"),
    "drops": (
        Circumstances(device_drops=1200),
        "a network device dropped 1 200 packets that the emulator did not drop",
    ),
    "clock forward": (Circumstances(clock_jump_ns=2_500_000), "the machine's clock jumped by 2.50 ms"),
    "clock backward": (Circumstances(clock_jump_ns=-1_500_000_000), "the machine's clock jumped by 1.50 s"),
}


@pytest.mark.parametrize(("circumstances", "reason"), CIRCUMSTANCES.values(), ids=CIRCUMSTANCES)
def test_what_the_machine_did_meanwhile(circumstances: Circumstances, reason: str | None) -> None:
    assert judge(records(lagging(0, 0, 50)), circumstances).reasons == (() if reason is None else (reason,))


UNKNOWN = {
    "somebody else's server": repetition("c", 1, plan_known=False),
    "one chunk has no interval": repetition("c", 1, chunks=1),
    "nothing came": {name: empty(name) for name in ("chunks", "streams")},
}


@pytest.mark.parametrize("tables", UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_judged_is_no_fault(tables: dict[str, Any]) -> None:
    assert judge(Records(tables["chunks"], tables["streams"], table("path", [])), Circumstances()).valid


def test_a_stream_that_stutters_is_a_result_and_no_fault() -> None:
    tables = repetition("c", 1, stall=(5, 2000.0))
    assert judge(Records(tables["chunks"], tables["streams"], empty("path")), Circumstances()).valid
