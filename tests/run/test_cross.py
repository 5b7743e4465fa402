"""Cross traffic as the conductor holds it, on loopback: begun with the client, cut on time, ended with the repetition."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.errors import ChildFailed
from lab.linux.child import Child, Control, Target
from lab.model.cross import CrossSpec
from lab.path.loopback import LoopbackPath
from lab.run.cross import Crossing

LIMIT_S = 20.0
NS_PER_MS = 1_000_000


@contextlib.contextmanager
def _crossing(*entries: dict[str, Any]) -> Iterator[tuple[Crossing, list[Child], Child]]:
    """With it, its processes, and a client that begins at once."""
    with contextlib.ExitStack() as stack:

        def fork(name: str, target: Target) -> Child:
            child = Child(name, target)
            stack.callback(child.close)
            return child

        specs = [CrossSpec.model_validate({"congestion": "reno", **entry}) for entry in entries]
        crossing = Crossing(stack, fork, specs, LoopbackPath())
        ends = crossing.prepare(LIMIT_S, [])
        yield crossing, ends, fork("client", _begin)


def _begin(control: Control) -> None:
    control.send("begin", {})


def test_without_entries_there_is_nothing() -> None:
    with _crossing() as (crossing, ends, client):
        crossing.begin(client, LIMIT_S, [])
        assert ends == []
        assert crossing.end(LIMIT_S) == []


def test_flows_run_by_the_schedule_and_are_told_by_both_ends() -> None:
    entries: list[dict[str, Any]] = [
        {"flows": 2, "start": "50ms", "stop": "150ms"},
        {"direction": "up"},
        {"start": "1min"},
    ]
    with _crossing(*entries) as (crossing, ends, client):
        began_ns = time.monotonic_ns()
        crossing.begin(client, LIMIT_S, ends)
        time.sleep(0.3)
        flows = crossing.end(LIMIT_S)
    assert [(flow.entry, flow.direction) for flow in flows] == [(2, "up"), (1, "down"), (1, "down")]
    assert len({flow.client_port for flow in flows}) == 3
    for flow in flows:
        assert flow.bytes == flow.delivered[-1][1] > 0
        assert flow.goodput_bps > 0
        assert began_ns < flow.started_ns < flow.stopped_ns
    up, *down = flows
    assert all(flow.started_ns - began_ns >= 50 * NS_PER_MS for flow in down)
    assert all(flow.stopped_ns < up.stopped_ns for flow in down), "cut on time, and the other with the repetition"


@pytest.mark.parametrize("place", [0, 1])
def test_an_end_that_dies_is_named(place: int) -> None:
    with _crossing({}) as (crossing, ends, client):
        crossing.begin(client, LIMIT_S, ends)
        os.kill(ends[place].pid, signal.SIGKILL)
        with pytest.raises(ChildFailed, match=r"the (server|client) of the cross traffic was killed by SIGKILL"):
            crossing.end(LIMIT_S)
