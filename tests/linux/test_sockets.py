"""Socket options: set, read back, and refused by name."""

import re
import socket
import struct
from collections.abc import Iterator

import pytest

from lab.errors import SocketOptionError
from lab.linux import sockets
from lab.linux.sockets import Option, Setting, Value


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as each:
        yield each


# Asked, and what the kernel then says: SO_SNDBUF and SO_RCVBUF are doubled for its book-keeping (socket(7)).
KEPT: dict[str, tuple[Option, Value, Value]] = {
    "TCP_NODELAY on": (sockets.NODELAY, 1, 1),
    "TCP_NODELAY off": (sockets.NODELAY, 0, 0),
    "TCP_CORK": (sockets.CORK, 1, 1),
    "SO_SNDBUF": (sockets.SNDBUF, 8192, 16_384),
    "SO_RCVBUF": (sockets.RCVBUF, 8192, 16_384),
    "TCP_NOTSENT_LOWAT": (sockets.NOTSENT_LOWAT, 4096, 4096),
    "TCP_NOTSENT_LOWAT without limit": (sockets.NOTSENT_LOWAT, sockets.NOTSENT_UNLIMITED, -1),
    "TCP_WINDOW_CLAMP": (sockets.WINDOW_CLAMP, 8192, 8192),
    "TCP_CONGESTION": (sockets.CONGESTION, "reno", "reno"),
}


@pytest.mark.parametrize(("option", "asked", "got"), KEPT.values(), ids=KEPT)
def test_an_option_is_set_and_read_back(sock: socket.socket, option: Option, asked: Value, got: Value) -> None:
    assert sockets.set_option(sock, option, asked) == Setting(asked, got)
    assert sockets.get_option(sock, option, text=isinstance(asked, str)) == got


def test_the_kernel_rounds_and_the_record_says_so(sock: socket.socket) -> None:
    setting = sockets.set_option(sock, sockets.SNDBUF, 1)
    assert setting.asked == 1
    assert isinstance(setting.got, int)
    assert setting.got > 1


def test_several_by_name(sock: socket.socket) -> None:
    settings = sockets.apply(sock, {sockets.NODELAY: 1, sockets.CONGESTION: "reno"})
    assert settings == {"TCP_NODELAY": Setting(1, 1), "TCP_CONGESTION": Setting("reno", "reno")}


REFUSED: dict[str, tuple[Option, Value, str]] = {
    "a congestion control that is none": (
        sockets.CONGESTION,
        "nosuch",
        "setting TCP_CONGESTION to 'nosuch' was refused by the kernel: No such file or directory: "
        "see /proc/sys/net/ipv4/tcp_allowed_congestion_control",
    ),
    "an option that is none": (
        Option("TCP_NO_SUCH", socket.IPPROTO_TCP, 9_999),
        1,
        "setting TCP_NO_SUCH to 1 was refused by the kernel: Protocol not available: use a value that this kernel knows",
    ),
}


@pytest.mark.parametrize(("option", "value", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_option_value_reason_and_remedy(
    sock: socket.socket, option: Option, value: Value, message: str
) -> None:
    with pytest.raises(SocketOptionError, match=re.escape(message)):
        sockets.set_option(sock, option, value)


def test_one_refusal_ends_the_whole(sock: socket.socket) -> None:
    with pytest.raises(SocketOptionError):
        sockets.apply(sock, {sockets.CONGESTION: "nosuch", sockets.NODELAY: 1})
    assert sockets.get_option(sock, sockets.NODELAY) == 0


NAMED = [each for each in vars(sockets).values() if isinstance(each, Option)]
# Python does not name every option; the kernel's header has the others.
KNOWN = [each for each in NAMED if hasattr(socket, each.name)]


@pytest.mark.parametrize("option", KNOWN, ids=lambda option: option.name)
def test_the_numbers_are_those_of_the_system(option: Option) -> None:
    assert option.number == getattr(socket, option.name)


def test_every_option_can_be_read(sock: socket.socket) -> None:
    for option in NAMED:
        assert isinstance(sockets.get_option(sock, option, text=option is sockets.CONGESTION), int | str)
    assert struct.calcsize("i") == 4
