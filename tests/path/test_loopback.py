"""The loopback path: no relay, no namespaces, the address of this machine."""

import os

from lab.path.base import Path
from lab.path.loopback import LoopbackPath


def test_it_is_a_path_that_does_nothing() -> None:
    path: Path = LoopbackPath()
    before = os.readlink("/proc/self/ns/net")
    path.enter("server")
    path.enter("client")
    path.close()
    assert os.readlink("/proc/self/ns/net") == before
    assert (path.backend, path.server_address, path.relay) == ("loopback", "127.0.0.1", None)
