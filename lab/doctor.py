"""What this machine can do, tried out and not inferred: each capability with its reason and remedy."""

import socket
import sys
from collections.abc import Iterator

from lab.errors import SocketOptionError
from lab.linux import sockets
from lab.path.probe import Capability, names, probe

_CONGESTION_CONTROLS = ("cubic", "reno", "bbr")


def examine() -> list[Capability]:
    """Everything that the lab can use. Takes about a quarter of a second."""
    return [*(probe(name) for name in names()), *_congestion_controls()]


def _congestion_controls() -> Iterator[Capability]:
    for name in _CONGESTION_CONTROLS:
        meaning = f"server.congestion = {name!r}"
        if sys.platform != "linux":
            yield Capability(
                f"congestion:{name}", meaning, False, "only Linux chooses it per socket", "Run it on Linux"
            )
            continue
        with socket.socket() as sock:
            try:
                sockets.set_option(sock, sockets.CONGESTION, name)
            except SocketOptionError as error:
                remedy = f"As root: modprobe tcp_{name}, and add it to net.ipv4.tcp_allowed_congestion_control"
                yield Capability(f"congestion:{name}", meaning, False, str(error), remedy)
            else:
                yield Capability(f"congestion:{name}", meaning, True)
