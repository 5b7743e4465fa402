"""The two ends of a repetition as forked processes: each enters its side of the path and runs one Trio loop.

The rule: while it streams, a role does nothing but its part. It runs before ordinary processes where that is allowed, the
garbage collector is off (one collection of the warm parent's heap takes milliseconds), it has rehearsed, and results are
handed over only afterwards.
"""

import gc
import sys
from dataclasses import dataclass

import trio

from lab.clients import kinds
from lab.clients.visit import Visit
from lab.linux.child import Control
from lab.linux.realtime import END_PRIORITY, take_realtime_priority
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.scenario import CellSpec
from lab.model.server import ServerSpec
from lab.model.units import NS_PER_MS
from lab.path.base import Path, SideName
from lab.server.app import listen, running
from lab.server.record import StreamRecord
from lab.server.routes import Site
from lab.trace.records import ClientRecord, StreamSaid

# OpenAI's `created`: one instant for all runs, so that equal seeds give equal bytes.
_EPOCH_S = 1_700_000_000
_REHEARSAL_CHUNKS = 4
_REHEARSAL_LIMIT_S = 2.0


@dataclass(frozen=True)
class ServerResult:
    """What the server's process hands over."""

    said: list[StreamSaid]
    max_slack_ns: int


def server(control: Control, spec: CellSpec, seed: str, path: Path) -> ServerResult:
    """Serve the cell's workload in its mode until `control` says stop. Sends "ready" with the port."""
    _enter(path, "server")
    return trio.run(_serve, control, spec, seed, path.server_address)


async def _serve(control: Control, spec: CellSpec, seed: str, address: str) -> ServerResult:
    await _rehearse(spec, ClientSpec())
    site = Site(spec.workload, spec.server, seed, _EPOCH_S)
    records: list[StreamRecord] = []
    async with running(listen(address, 0, site), site, records) as serving:
        control.send("ready", {"port": serving.address[1]})
        await trio.lowlevel.wait_readable(control.fileno())
    return ServerResult([record.said() for record in records], serving.max_slack_ns)


def client(control: Control, spec: CellSpec, visit: Visit, path: Path) -> ClientRecord:
    """Make the visit from the client's side and return what was seen. Ends by itself, at the visit's time limit at last.

    Sends "begin" when it has rehearsed: the beginning of the measured repetition.
    """
    _enter(path, "client")
    return trio.run(_visit, control, spec, visit)


async def _visit(control: Control, spec: CellSpec, visit: Visit) -> ClientRecord:
    kind = spec.client.kind
    await _rehearse(spec, ClientSpec(kind=kind) if kind in kinds.IN_PROCESS else ClientSpec())
    control.send("begin", {})
    return await kinds.runner(kind)(visit)


def _enter(path: Path, side: SideName) -> None:
    """Priority comes first: a user namespace grants none. Whether it was granted shows in the lags, which are judged."""
    if sys.platform == "linux":
        take_realtime_priority(END_PRIORITY)
    path.enter(side)
    gc.disable()


async def _rehearse(spec: CellSpec, client: ClientSpec) -> None:
    """Play both ends once, on this process's own loopback, in the cell's mode.

    A forked process pays for its first use of everything: copied pages, first calls, caches. That would be two or three
    milliseconds on the first letter of every repetition, and TTFC is what people come for.
    """
    brief = {"chunks": _REHEARSAL_CHUNKS, "interval": NS_PER_MS, "first": 0, "pause": None}
    workload = spec.workload.model_copy(update=brief)
    mode = spec.server if spec.server.own else ServerSpec()
    site = Site(workload, mode, "rehearsal", _EPOCH_S)
    async with running(listen("127.0.0.1", 0, site), site, []) as serving:
        visit = Visit(serving.address, client, workload, RequestSpec(), "rehearsal", _REHEARSAL_LIMIT_S)
        await kinds.runner(client.kind)(visit)
