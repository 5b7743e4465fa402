"""From a `ServerSpec` to what it means: a flush policy, a framing, and socket options that are set and read back."""

import socket
import sys

from lab.errors import CapabilityError
from lab.linux import sockets
from lab.model.server import FlushSpec, ServerSpec
from lab.wire import flush


def flush_policy(spec: FlushSpec) -> flush.Policy:
    """A fresh policy for one response."""
    match spec.kind:
        case "every":
            return flush.Every()
        case "bytes":
            return flush.Bytes(spec.size_bytes)
        case "interval":
            return flush.Interval(spec.interval_ns)
        case "end":
            return flush.End()


def inherited_options(spec: ServerSpec) -> dict[sockets.Option, sockets.Value]:
    """The listener's, which accepted connections begin with: every option but the cork, which only streams have.

    Some must be set there, because setting them later is not the same: a connection that began under bbr keeps its pacing
    when it is switched to cubic (net/ipv4/tcp_bbr.c sets sk_pacing_status and nothing clears it), and a send buffer once
    set is never tuned again.
    """
    options = response_options(spec.model_copy(update={"cork": False}))
    if spec.mss is not None:
        options[sockets.MAXSEG] = spec.mss  # counts in the handshake only (tcp(7)), so no response can change it
    return options


def response_options(spec: ServerSpec) -> dict[sockets.Option, sockets.Value]:
    """Every option of the mode. Raises CapabilityError for one that only Linux has."""
    options: dict[sockets.Option, sockets.Value] = {}
    if sys.platform == "linux":
        options[sockets.CONGESTION] = spec.congestion  # first, for it is the one that the kernel may refuse
        options[sockets.CORK] = int(spec.cork)
        options[sockets.NOTSENT_LOWAT] = spec.notsent_lowat or sockets.NOTSENT_UNLIMITED
    elif spec.cork or spec.notsent_lowat:
        raise CapabilityError("cork and notsent_lowat", "only Linux has them", "Leave them out on this platform")
    options[sockets.NODELAY] = int(spec.nodelay)
    if spec.sndbuf is not None:
        options[sockets.SNDBUF] = spec.sndbuf
    return options


def must_close_after(spec: ServerSpec, default: ServerSpec) -> bool:
    """Whether the mode leaves traces on its connection that a later response must not inherit."""
    return spec.congestion != default.congestion or spec.sndbuf != default.sndbuf


def apply_mode(sock: socket.socket, spec: ServerSpec) -> dict[str, sockets.Setting]:
    """Set everything; what was asked and what the kernel made of it. Raises SocketOptionError."""
    got = sockets.apply(sock, response_options(spec))
    if spec.sndbuf is None:
        got[sockets.SNDBUF.name] = sockets.Setting(None, sockets.get_option(sock, sockets.SNDBUF))
    if spec.mss is not None:
        got[sockets.MAXSEG.name] = sockets.Setting(spec.mss, sockets.get_option(sock, sockets.MAXSEG))
    return got


def release_cork(sock: socket.socket) -> None:
    """The response is over: what the cork still holds leaves."""
    sockets.set_option(sock, sockets.CORK, 0)
