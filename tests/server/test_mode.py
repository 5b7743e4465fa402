"""What a mode sets on a socket, read back from the kernel."""

import socket
import sys
from collections.abc import Iterator

import pytest

from lab.errors import SocketOptionError
from lab.linux import sockets
from lab.model.server import ServerSpec
from lab.server.mode import apply_mode, flush_policy, inherited_options, must_close_after, release_cork
from lab.wire import flush

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")


def _mode(**keys: object) -> ServerSpec:
    return ServerSpec.model_validate(keys)


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """A TCP socket on its own."""
    with socket.socket() as made:
        yield made


# Setting → the option and what the kernel says of it then.
SETTINGS: dict[str, tuple[dict[str, object], str, object]] = {
    "nodelay is on by default": ({}, "TCP_NODELAY", 1),
    "Nagle": ({"nodelay": False}, "TCP_NODELAY", 0),
    "no cork by default": ({}, "TCP_CORK", 0),
    "cork": ({"cork": True}, "TCP_CORK", 1),
    "unlimited unsent data by default": ({}, "TCP_NOTSENT_LOWAT", -1),
    "notsent_lowat": ({"notsent_lowat": "16KiB"}, "TCP_NOTSENT_LOWAT", 16384),
    "cubic by default, whatever the machine's is": ({}, "TCP_CONGESTION", "cubic"),
    "congestion": ({"congestion": "reno"}, "TCP_CONGESTION", "reno"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_every_option_is_set_and_read_back(case: str, sock: socket.socket) -> None:
    spec, option, got = SETTINGS[case]
    settings = apply_mode(sock, _mode(**spec))
    assert settings[option].got == got
    assert set(settings) == {"TCP_NODELAY", "TCP_CORK", "TCP_NOTSENT_LOWAT", "TCP_CONGESTION", "SO_SNDBUF"}


def test_what_the_kernel_rounds_is_recorded_as_asked_and_as_got(sock: socket.socket) -> None:
    setting = apply_mode(sock, _mode(sndbuf="1B"))["SO_SNDBUF"]
    assert setting.asked == 1
    assert isinstance(setting.got, int)
    assert setting.got > 1


def test_a_buffer_that_is_left_to_the_kernel_is_only_read(sock: socket.socket) -> None:
    assert apply_mode(sock, ServerSpec())["SO_SNDBUF"].asked is None


def test_what_the_kernel_refuses_is_an_error_with_its_reason(sock: socket.socket) -> None:
    with pytest.raises(SocketOptionError, match="TCP_CONGESTION to 'nope' was refused by the kernel: No such file"):
        apply_mode(sock, ServerSpec(congestion="nope"))


def test_a_refused_mode_leaves_the_others_of_the_socket_as_they_were(sock: socket.socket) -> None:
    apply_mode(sock, ServerSpec())
    with pytest.raises(SocketOptionError):
        apply_mode(sock, ServerSpec(congestion="nope", nodelay=False, cork=True))
    assert sockets.get_option(sock, sockets.NODELAY) == 1
    assert sockets.get_option(sock, sockets.CORK) == 0


def test_the_next_mode_undoes_the_one_before(sock: socket.socket) -> None:
    apply_mode(sock, _mode(nodelay=False, cork=True, notsent_lowat="4KiB"))
    settings = apply_mode(sock, ServerSpec())
    assert (settings["TCP_NODELAY"].got, settings["TCP_CORK"].got, settings["TCP_NOTSENT_LOWAT"].got) == (1, 0, -1)


def test_a_cork_is_released(sock: socket.socket) -> None:
    apply_mode(sock, ServerSpec(cork=True))
    release_cork(sock)
    assert sockets.get_option(sock, sockets.CORK) == 0


def test_listeners_hand_down_everything_but_the_cork() -> None:
    options = inherited_options(_mode(cork=True, nodelay=False, congestion="reno", sndbuf="8KiB"))
    assert (options[sockets.CORK], options[sockets.NODELAY]) == (0, 0)
    assert (options[sockets.CONGESTION], options[sockets.SNDBUF]) == ("reno", 8192)


# What a later response on the same connection must not inherit.
TRACES: dict[str, tuple[dict[str, object], bool]] = {
    "the default": ({}, False),
    "nodelay": ({"nodelay": False}, False),
    "cork": ({"cork": True}, False),
    "notsent_lowat": ({"notsent_lowat": "4KiB"}, False),
    "sndbuf": ({"sndbuf": "4KiB"}, True),
    "congestion": ({"congestion": "reno"}, True),
}


@pytest.mark.parametrize("case", TRACES)
def test_modes_that_leave_traces_end_their_connection(case: str) -> None:
    changes, closes = TRACES[case]
    assert must_close_after(_mode(**changes), ServerSpec()) is closes


POLICIES = {
    "every": flush.Every,
    "none": flush.Bytes,
    "bytes:100": flush.Bytes,
    "interval:5ms": flush.Interval,
    "end": flush.End,
}


@pytest.mark.parametrize("name", POLICIES)
def test_each_flush_setting_has_its_policy(name: str) -> None:
    assert type(flush_policy(ServerSpec.model_validate({"flush": name}).flush)) is POLICIES[name]
