"""The writer: order, partial sends, refusals, failures; each as a script of what the socket takes."""

import pytest

from lab.server.writer import Outlet, Writer
from tests.server.fakes import ALL, BLOCKED, FakeSocket


def _writer(sock: FakeSocket) -> Writer:
    def count(name: str) -> None:
        setattr(sock, name, getattr(sock, name) + 1)

    return Writer(
        Outlet(sock.send, lambda: 0, lambda: count("blocked_calls"), lambda: count("done_calls")), record=None
    )


# What the socket takes of each send → the sends that took bytes when b"abcd" and b"efgh" are written and then drained.
TAKES: dict[str, tuple[list[int | OSError], list[bytes]]] = {
    "all at once": ([], [b"abcd", b"efgh"]),
    "the first is refused": ([BLOCKED], [b"abcd", b"efgh"]),
    "refused again while draining": ([BLOCKED, BLOCKED, BLOCKED], [b"abcd", b"efgh"]),
    "the first is cut": ([1, ALL], [b"a", b"bcd", b"efgh"]),
    "cut, then refused": ([1, BLOCKED], [b"a", b"bcd", b"efgh"]),
    "the second is refused": ([ALL, BLOCKED], [b"abcd", b"efgh"]),
    "byte by byte": ([1] * 8, [bytes([byte]) for byte in b"abcdefgh"]),
}


@pytest.mark.parametrize("case", TAKES)
def test_bytes_leave_in_order_and_as_the_writes_that_they_were(case: str) -> None:
    takes, sends = TAKES[case]
    sock = FakeSocket(list(takes))
    writer = _writer(sock)
    writer.write(b"abcd")
    writer.write(b"efgh")
    while not writer.drain():
        pass
    writer.end()
    assert sock.sends == sends
    assert (writer.done, writer.complete, writer.accepted_bytes, sock.done_calls) == (True, True, 8, 1)


def test_a_full_socket_is_told_of_once_and_not_tried_before_it_is_writable() -> None:
    sock = FakeSocket([BLOCKED])
    writer = _writer(sock)
    for data in (b"a", b"b", b"c"):
        writer.write(data)
    assert (sock.blocked_calls, sock.sends) == (1, [])


def test_it_is_told_again_when_the_socket_fills_again() -> None:
    sock = FakeSocket([BLOCKED, ALL, BLOCKED])
    writer = _writer(sock)
    writer.write(b"a")
    assert writer.drain()
    writer.write(b"b")
    assert sock.blocked_calls == 2


def test_the_end_waits_for_the_backlog() -> None:
    sock = FakeSocket([BLOCKED])
    writer = _writer(sock)
    writer.write(b"a")
    writer.end()
    assert not writer.done
    assert writer.drain()
    assert (writer.done, writer.complete, sock.done_calls) == (True, True, 1)


RESETS: dict[str, list[int | OSError]] = {
    "in write": [ConnectionResetError()],
    "in drain": [BLOCKED, BrokenPipeError()],
}


@pytest.mark.parametrize("case", RESETS)
def test_a_failing_socket_ends_it_once_and_is_kept_as_the_reason(case: str) -> None:
    sock = FakeSocket([*RESETS[case]])
    writer = _writer(sock)
    writer.write(b"a")
    assert writer.drain()
    writer.write(b"b")
    writer.end()
    assert isinstance(writer.failure, ConnectionError)
    assert (writer.done, writer.complete, sock.done_calls, sock.sends) == (True, False, 1, [])


def test_what_was_abandoned_is_not_complete() -> None:
    sock = FakeSocket([BLOCKED])
    writer = _writer(sock)
    writer.write(b"a")
    writer.end()
    writer.abandon()
    assert writer.drain()
    assert (writer.done, writer.complete, sock.sends, sock.done_calls) == (True, False, [], 0)
