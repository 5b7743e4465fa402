"""Socket options: every knob set explicitly and read back.

The rule: an option that the kernel refuses is an error and one that it rounds is recorded. Nothing is left to a library's
default, because defaults differ (Trio's streams switch Nagle off and limit unsent data to 16 KiB).
"""

import socket
import struct
from typing import NamedTuple

from lab.errors import SocketOptionError

# linux/tcp.h; Python names only some of them.
TCP_NODELAY = 1
TCP_MAXSEG = 2
TCP_CORK = 3
TCP_WINDOW_CLAMP = 10
TCP_QUICKACK = 12
TCP_CONGESTION = 13
TCP_NOTSENT_LOWAT = 25
TCP_DELACK_MAX_US = 46

# include/linux/tcp.h: "no limit" is the largest value, read back as -1 through a signed int.
NOTSENT_UNLIMITED = -1


class Option(NamedTuple):
    """One knob: where it lives and what it is called in records and errors."""

    name: str
    level: int
    number: int


NODELAY = Option("TCP_NODELAY", socket.IPPROTO_TCP, TCP_NODELAY)
MAXSEG = Option("TCP_MAXSEG", socket.IPPROTO_TCP, TCP_MAXSEG)
CORK = Option("TCP_CORK", socket.IPPROTO_TCP, TCP_CORK)
SNDBUF = Option("SO_SNDBUF", socket.SOL_SOCKET, socket.SO_SNDBUF)
RCVBUF = Option("SO_RCVBUF", socket.SOL_SOCKET, socket.SO_RCVBUF)
NOTSENT_LOWAT = Option("TCP_NOTSENT_LOWAT", socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
WINDOW_CLAMP = Option("TCP_WINDOW_CLAMP", socket.IPPROTO_TCP, TCP_WINDOW_CLAMP)
QUICKACK = Option("TCP_QUICKACK", socket.IPPROTO_TCP, TCP_QUICKACK)
DELACK_MAX = Option("TCP_DELACK_MAX_US", socket.IPPROTO_TCP, TCP_DELACK_MAX_US)
CONGESTION = Option("TCP_CONGESTION", socket.IPPROTO_TCP, TCP_CONGESTION)

Value = int | str


class Setting(NamedTuple):
    """What was asked (None: only read) and what the kernel then said it does."""

    asked: Value | None
    got: Value


def set_option(sock: socket.socket, option: Option, value: Value) -> Setting:
    """Set one option and read it back. Raises SocketOptionError with the kernel's reason."""
    raw = value.encode() if isinstance(value, str) else struct.pack("i", value)
    try:
        sock.setsockopt(option.level, option.number, raw)
    except OSError as error:
        raise SocketOptionError(_refusal(option, value, error)) from error
    return Setting(value, get_option(sock, option, text=isinstance(value, str)))


def get_option(sock: socket.socket, option: Option, *, text: bool = False) -> Value:
    """Read one option: an int, or with `text` a name."""
    if text:
        return sock.getsockopt(option.level, option.number, 16).split(b"\0", 1)[0].decode()
    return sock.getsockopt(option.level, option.number)


def apply(sock: socket.socket, wanted: dict[Option, Value]) -> dict[str, Setting]:
    """Set all of `wanted`; returns them by name for the record."""
    return {option.name: set_option(sock, option, value) for option, value in wanted.items()}


def _refusal(option: Option, value: Value, error: OSError) -> str:
    remedy = "use a value that this kernel knows"
    if option is CONGESTION:
        remedy = "see /proc/sys/net/ipv4/tcp_allowed_congestion_control for those this user may choose"
    return f"setting {option.name} to {value!r} was refused by the kernel: {error.strerror}: {remedy}"
