"""The receiver's knobs, for clients that own their sockets: one set for all of them, so that none differs by them."""

import sys

from lab.linux import sockets
from lab.model.client import ClientSpec
from lab.model.units import NS_PER_US


def receiver_options(spec: ClientSpec, delack_max_ns: int | None = None) -> dict[sockets.Option, sockets.Value]:
    """All before `connect`: the window scale is chosen in the SYN, from the buffer that is set by then."""
    options: dict[sockets.Option, sockets.Value] = {sockets.NODELAY: 1}
    if spec.rcvbuf is not None:
        options[sockets.RCVBUF] = spec.rcvbuf
    if sys.platform == "linux":
        # Of the request's direction, which is one segment: reno is the one that every kernel allows to every user.
        options[sockets.CONGESTION] = "reno"
        if spec.window_clamp is not None:
            options[sockets.WINDOW_CLAMP] = spec.window_clamp
        if delack_max_ns is not None:
            options[sockets.DELACK_MAX] = delack_max_ns // NS_PER_US
    return options
