"""Whether this machine's kernel has what a cell asks of the hosts at the ends of its path: tried out in a side of its own.

The rule: what is refused here is refused before anything starts, by the name of its key, with reason and remedy.
"""

import functools
import socket
from collections.abc import Iterable

from lab.errors import CapabilityError, SocketOptionError
from lab.linux import sockets
from lab.model.host import HostSpec
from lab.model.path import PathSpec
from lab.model.units import NS_PER_US, format_duration
from lab.path.probe import attempt
from lab.path.tun.relay import own_user_namespace
from lab.path.tun.sides import open_side


def require(path: PathSpec, host: HostSpec, congestions: Iterable[str]) -> None:
    """Raise CapabilityError unless a side can have these settings and a socket there these congestion controls."""
    refused = attempt("trial of host settings", functools.partial(_try, path, host, list(congestions)))
    if refused is not None:
        raise CapabilityError("apply [host] and [[cross]]", *refused)


def _try(path: PathSpec, host: HostSpec, congestions: list[str]) -> None:
    own_user_namespace()
    open_side("server", host, path.down)
    with socket.socket() as sock:
        if host.delack_max is not None:
            remedy = "It needs Linux 6.15; the least that is taken is two ticks of the kernel's timer (8 ms at HZ 250)"
            key = f"host.delack_max = {format_duration(host.delack_max)!r}"
            _set(sock, key, sockets.DELACK_MAX, host.delack_max // NS_PER_US, remedy)
        for name in congestions:
            remedy = f"The kernel needs this congestion control (as root: modprobe tcp_{name})"
            _set(sock, f"cross.congestion = {name!r}", sockets.CONGESTION, name, remedy)


def _set(sock: socket.socket, key: str, option: sockets.Option, value: sockets.Value, remedy: str) -> None:
    try:
        sockets.set_option(sock, option, value)
    except SocketOptionError as error:
        why = error.__cause__
        raise CapabilityError(key, (isinstance(why, OSError) and why.strerror) or str(error), remedy) from error
