"""The path that emulates nothing: server and client on the loopback device of the machine as it is."""

from collections.abc import Callable, Sequence

from lab.path.base import Control, PathRecord, SideName


class LoopbackPath:
    """No process, no namespace, no record."""

    backend = "loopback"
    server_address = "127.0.0.1"
    relay: Callable[[Control], PathRecord] | None = None

    def attach(self, fds: Sequence[int]) -> None:
        """There is no relay that could hand over anything."""

    def enter(self, side: SideName) -> None:
        """Both sides are where the caller already is."""

    def close(self) -> None:
        """There is nothing to let go of."""
