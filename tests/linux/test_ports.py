"""Ports for programs that bind them by themselves: outside the kernel's own range, and one for each."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.errors import MeasurementError
from lab.linux import ports
from lab.linux.ports import reserved_port

HOST = "127.0.0.1"


def test_it_is_free_and_no_port_that_the_kernel_gives_away() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    with reserved_port(HOST) as port, socket.create_server((HOST, port)):
        assert (first, last) == (1024, 65_535) or not first <= port <= last


@pytest.fixture
def two_ports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The only ones there are to choose from: free ones a moment ago."""
    with ExitStack() as stack:
        chosen = [stack.enter_context(reserved_port(HOST)) for _ in range(2)]
    monkeypatch.setattr(ports, "_candidates", lambda: chosen)
    return chosen


def test_one_is_never_reserved_twice_and_comes_back(two_ports: list[int]) -> None:
    with reserved_port(HOST) as one:
        with reserved_port(HOST) as other:
            assert {one, other} == set(two_ports)
            with pytest.raises(MeasurementError, match=f"a free port on {HOST}"), reserved_port(HOST):
                pass
        with reserved_port(HOST) as again:
            assert again == other


def test_one_that_somebody_listens_on_is_passed_over(two_ports: list[int]) -> None:
    taken, free = two_ports
    with socket.create_server((HOST, taken)), reserved_port(HOST) as port:
        assert port == free


def test_where_the_kernel_gives_all_of_them_away_any_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", everything)
    with reserved_port(HOST) as port:
        assert port >= 10_000
