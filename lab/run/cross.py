"""Cross traffic as the conductor holds it: both ends forked before the client, begun with it, ended with it.

The rule: its connections have server ports of their own, so that the packet log never takes one for a measured stream.
"""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Sequence

from lab.linux.child import Child, Target
from lab.model.cross import CrossSpec
from lab.model.units import NS_PER_S
from lab.path.base import Path
from lab.run import bulk
from lab.run.bulk import Half
from lab.trace.cross_flow import CrossFlow

Fork = Callable[[str, Target], Child]


class Crossing:
    """The flows of one repetition; with no entries, nothing at all. Leaves its processes to whoever gave it `fork`."""

    def __init__(self, stack: contextlib.ExitStack, fork: Fork, entries: Sequence[CrossSpec], path: Path) -> None:
        self._stack, self._fork, self._entries, self._path = stack, fork, entries, path
        self._ends: list[Child] = []
        self._start_fds: list[int] = []

    def prepare(self, limit_s: float, beside: list[Child]) -> list[Child]:
        """Fork both ends; returns them. Raises ChildFailed."""
        if self._entries:
            ready = self._add("server of the cross traffic", bulk.server, limit_s, beside)
            self._add(
                "client of the cross traffic", functools.partial(bulk.client, ports=ready["ports"]), limit_s, beside
            )
        return self._ends

    def begin(self, client: Child, limit_s: float, beside: list[Child]) -> None:
        """When the client says that it begins, so do they. Raises ChildFailed."""
        if self._entries:
            client.receive(limit_s, beside)
            instant = bulk.INSTANT.pack(time.monotonic_ns())
            for fd in self._start_fds:
                os.write(fd, instant)

    def end(self, limit_s: float) -> list[CrossFlow]:
        """What they delivered, in order of their connections; one whose time never came is not there. Raises ChildFailed."""
        for child in self._ends:
            child.stop()
        ends: list[list[Half]] = [child.result(limit_s) for child in self._ends]
        servers = {(half.client_port, half.server_port): half for half in ends[0]} if ends else {}
        return [
            self._told(half, servers.get((half.client_port, half.server_port))) for each in ends[1:] for half in each
        ]

    def _add(
        self, name: str, role: Callable[..., list[Half]], limit_s: float, beside: list[Child]
    ) -> dict[str, list[int]]:
        start_fd, ours = os.pipe()
        for fd in (start_fd, ours):
            self._stack.callback(os.close, fd)
        self._start_fds.append(ours)
        target = functools.partial(role, entries=self._entries, path=self._path, start_fd=start_fd)
        self._ends.append(self._fork(name, target))
        return self._ends[-1].receive(limit_s, beside).payload

    def _told(self, client: Half, server: Half | None) -> CrossFlow:
        """Of a flow whose handshake was never done there is no server's half, and it delivered nothing."""
        entry = self._entries[client.entry - 1]
        sender, receiver = (client, server) if client.sends else (server, client)
        received_bytes, heard_ns = (receiver.bytes, receiver.stopped_ns) if receiver else (0, client.stopped_ns)
        return CrossFlow(
            entry=client.entry,
            direction=entry.direction,
            congestion=entry.congestion,
            client_port=client.client_port,
            server_port=client.server_port,
            started_ns=client.started_ns,
            stopped_ns=(sender or client).stopped_ns,
            bytes=received_bytes,
            goodput_bps=8 * received_bytes * NS_PER_S / max(1, heard_ns - client.started_ns),
            retransmissions=sender.retransmissions if sender else 0,
            delivered=receiver.delivered if receiver else [],
        )
