"""What all connections of one server have in common, and the count of them by which a drain knows that it is over.

Every connection is either idle (it waits for a request: a drain closes it at once) or working (from a request's first byte
until its answer is out: a drain waits for it).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import trio

from lab.server.pacer import Pacer
from lab.server.record import StreamRecord
from lab.server.routes import Site


@dataclass
class Shared:
    """`nursery` owns every task that serves; labelled streams are recorded into `records`, if there is such a list."""

    site: Site
    pacer: Pacer
    nursery: trio.Nursery
    records: list[StreamRecord] | None = None
    requests: int = 0
    connections: int = 0
    draining: bool = False
    _working: int = 0
    _idle: set[trio.CancelScope] = field(default_factory=set)
    _all_idle: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)

    @contextlib.contextmanager
    def idle(self, timeout_s: float) -> Iterator[None]:
        """The block waits for a request; it is left early after `timeout_s` or when the server drains."""
        with trio.move_on_after(timeout_s) as scope:
            if self.draining:
                scope.cancel()
            self._idle.add(scope)
            try:
                yield
            finally:
                self._idle.discard(scope)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """The block reads a request and answers it."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._all_idle.unpark_all()

    async def drain(self) -> None:
        """End what is idle, then wait for what works."""
        self.draining = True
        for scope in list(self._idle):
            scope.cancel()
        while self._working:
            await self._all_idle.park()
