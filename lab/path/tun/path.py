"""The tun path as the conductor holds it: what to fork, and the descriptors by which children enter it."""

import functools
import os
from collections.abc import Callable, Sequence

from lab.linux import namespaces
from lab.linux.child import die_with_parent
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import PathSpec
from lab.path.base import Control, PathRecord, SideName
from lab.path.tun.relay import relay
from lab.path.tun.sides import SERVER_ADDRESS

_SIDES: tuple[SideName, SideName] = ("server", "client")


class TunPath:
    """Two namespaces of `host`'s settings that a relay process joins; `seed` decides every loss and every jitter."""

    backend = "tun"
    server_address = SERVER_ADDRESS

    def __init__(self, spec: PathSpec, seed: int, host: HostSpec = AS_IT_IS) -> None:
        self.relay: Callable[[Control], PathRecord] | None = functools.partial(relay, spec=spec, seed=seed, host=host)
        self._fds: tuple[int, ...] = ()

    def attach(self, fds: Sequence[int]) -> None:
        """Take over the relay's "ready": the namespaces of server and client, then their user namespace if there is one."""
        self._fds = tuple(fds)

    def enter(self, side: SideName) -> None:
        """Join the side's network namespace, by way of the user namespace that owns it. Raises CapabilityError."""
        if len(self._fds) > len(_SIDES):
            namespaces.enter_user_namespace(self._fds[-1])
            die_with_parent()  # the kernel forgets this wish when credentials change
        namespaces.enter_network_namespace(self._fds[_SIDES.index(side)])

    def close(self) -> None:
        """Let go of the namespaces: with the relay and the children gone, they are too."""
        fds, self._fds = self._fds, ()
        for fd in fds:
            os.close(fd)
