"""How long a repetition streams, and when it counts as stuck."""

from typing import Any

import pytest
from hypothesis import given

from lab.model.scenario import CellSpec
from lab.run.repetition import deadline_s, streaming_s
from tests.model import specs

# Eleven chunks, 10 ms apart: 100 ms from the head to the last.
TICKER = {"profile": "ticker", "chunks": 11, "interval": "10ms"}

LENGTHS: dict[str, tuple[dict[str, Any], float]] = {
    "one stream": ({}, 0.1),
    "the first is due later": ({"workload": {**TICKER, "first": "1s"}}, 1.1),
    "two round trips more": ({"path": {"delay": "20ms"}}, 0.18),
    "streams at once": ({"client": {"streams": 5}}, 0.1),
    "one after the other": ({"client": {"streams": 2, "requests": 5}}, 0.3),
    "a reused connection": ({"client": {"reuse": 3, "think": "50ms"}}, 0.45),
    "staggered": ({"client": {"streams": 4, "arrivals": "staggered:1s"}}, 4.1),
    "poisson": ({"client": {"streams": 4, "arrivals": "poisson:2/s"}}, 2.1),
}


@pytest.mark.parametrize(("tables", "seconds"), LENGTHS.values(), ids=LENGTHS)
def test_how_long_a_cell_streams(tables: dict[str, Any], seconds: float) -> None:
    spec = CellSpec.model_validate({"workload": TICKER, **tables})
    assert streaming_s(spec, "1/1") == pytest.approx(seconds)


def _deadline_s(**tables: Any) -> float:
    return deadline_s(CellSpec.model_validate({"workload": TICKER, **tables}), "1/1")


def test_a_deadline_leaves_time_for_what_is_slow_on_purpose() -> None:
    plain = _deadline_s()
    assert plain > 2 * 0.1 + 10
    slow_line = {"rate": "8kbit/s"}
    assert _deadline_s(path=slow_line) - plain > 11 * 300 * 8 / 8000
    assert _deadline_s(client={"read_delay": "1s"}) - plain >= 11
    assert _deadline_s(path={"delay": "1s"}) - plain >= 20


def test_a_deadline_leaves_time_to_come_back_and_hear_it_all_again() -> None:
    plain = _deadline_s()
    for client in ({"reconnect": True}, {"kind": "browser-eventsource"}):
        assert _deadline_s(client=client) - plain > 2 * 3
        assert _deadline_s(client=client, server={"retry": "20s"}) - plain > 2 * 20
    assert _deadline_s(server={"retry": "20s"}) == plain


@given(specs.cells)
def test_no_deadline_is_shorter_than_the_plan(tables: dict[str, Any]) -> None:
    workload = {**tables.get("workload", {}), "chunks": 60, "size": "9B"}
    spec = CellSpec.model_validate({**tables, "workload": workload})
    assert deadline_s(spec, "1/1") > 2 * streaming_s(spec, "1/1") >= 0
