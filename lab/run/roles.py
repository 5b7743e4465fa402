"""The two ends of a repetition as forked processes: each enters its side of the path and runs one Trio loop.

The rule: while it streams, a role does nothing but its part. The garbage collector is off (one collection of the warm
parent's heap takes milliseconds) and results are handed over only afterwards.
"""

import gc
from dataclasses import dataclass

import trio

from lab.clients import raw
from lab.linux.child import Control
from lab.model.scenario import CellSpec
from lab.path.base import Path
from lab.server.app import listen, running
from lab.server.record import StreamRecord
from lab.server.routes import Site
from lab.trace.records import ClientRecord, StreamSaid

# OpenAI's `created`: one instant for all runs, so that equal seeds give equal bytes.
_EPOCH_S = 1_700_000_000


@dataclass(frozen=True)
class ServerResult:
    """What the server's process hands over."""

    said: list[StreamSaid]
    max_slack_ns: int


def server(control: Control, spec: CellSpec, seed: str, path: Path) -> ServerResult:
    """Serve the cell's workload in its mode until `control` says stop. Sends "ready" with the port."""
    path.enter("server")
    gc.disable()
    site = Site(spec.workload, spec.server, seed, _EPOCH_S)
    return trio.run(_serve, control, site, path.server_address)


async def _serve(control: Control, site: Site, address: str) -> ServerResult:
    records: list[StreamRecord] = []
    async with running(listen(address, 0, site), site, records) as running_server:
        control.send("ready", {"port": running_server.address[1]})
        await trio.lowlevel.wait_readable(control.fileno())
    return ServerResult([record.said() for record in records], running_server.max_slack_ns)


def client(_control: Control, visit: raw.Visit, path: Path) -> ClientRecord:
    """Make the visit from the client's side and return what was seen. Ends by itself, at the visit's time limit at last."""
    path.enter("client")
    gc.disable()
    return trio.run(raw.run, visit)
