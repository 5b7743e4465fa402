"""The relay's loop over socket pairs in place of TUN devices: needs no rights, so it runs everywhere."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lab.errors import MeasurementError
from lab.link.link import Link
from lab.link.observer import Observer
from lab.link.packet import DOWN, SENT, UP
from lab.model.path import LinkSpec
from lab.path.tun.log import PacketLog
from lab.path.tun.loop import Crossing, run
from tests.link.packets import CLIENT, SERVER, tcp

DEADLINE_S = 20.0


@dataclass
class Bench:
    """A loop in a thread. `senders` and `receivers` are the outer ends, by direction; `fault` is what it raised."""

    spec: dict[str, object]
    log: PacketLog = field(default_factory=PacketLog)
    fault: BaseException | None = None

    def __post_init__(self) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(5)]
        self._sockets = [end for pair in pairs for end in pair]
        for end in self._sockets:
            end.settimeout(DEADLINE_S)
        self.senders, self.receivers = (pairs[0][0], pairs[1][0]), (pairs[2][0], pairs[3][0])
        for inner in (pairs[0][1], pairs[1][1]):
            inner.setblocking(False)
        self._stop, stop = pairs[4]
        link = LinkSpec.model_validate(self.spec)
        crossings = (
            Crossing(UP, pairs[0][1].fileno(), pairs[2][1].fileno(), Link(link, "1/up", self.log.dropped)),
            Crossing(DOWN, pairs[1][1].fileno(), pairs[3][1].fileno(), Link(link, "1/down", self.log.dropped)),
        )
        self._thread = threading.Thread(target=self._run, args=(crossings, stop.fileno()))
        self._thread.start()

    def _run(self, crossings: tuple[Crossing, Crossing], stop_fd: int) -> None:
        try:
            run(crossings, Observer(), self.log, stop_fd)
        except MeasurementError as error:
            self.fault = error

    def wait(self) -> None:
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self._stop.close()
        self.wait()
        for end in self._sockets:
            end.close()


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.close()


@pytest.mark.parametrize("spec", [{}, {"delay": "1ms"}, {"rate": "100Mbit/s", "delay": "1ms"}], ids=str)
def test_packets_cross_unchanged_in_order_both_ways(spec: dict[str, object], benches: list[Bench]) -> None:
    benches.append(bench := Bench(spec))
    packets = [tcp(CLIENT, SERVER, seq=seq, payload=os.urandom(seq)) for seq in range(1, 50)]
    for packet in packets:
        for sender in bench.senders:
            sender.send(packet)
    for receiver in bench.receivers:
        assert [receiver.recv(2048) for _ in packets] == packets
    bench.close()
    columns = bench.log.columns()
    assert list(columns["verdict"]) == [SENT] * 2 * len(packets)
    times = zip(*(columns[name] for name in ("t_in_ns", "t_queue_out_ns", "t_due_ns", "t_out_ns")), strict=True)
    assert all(row == tuple(sorted(row)) for row in times)


def test_time_counts_from_the_first_packet(benches: list[Bench]) -> None:
    """By the clock's own zero it would be dark: each day but for its first minute."""
    blackouts = {"periods": [{"at": "1min", "for": "1439min"}], "every": "1440min"}
    benches.append(bench := Bench({"loss": blackouts}))
    for way in (UP, DOWN):
        bench.senders[way].send(tcp())
        assert bench.receivers[way].recv(2048) == tcp()


def test_a_full_log_ends_it(benches: list[Bench]) -> None:
    benches.append(bench := Bench({}, PacketLog(max_packets=3)))
    for _ in range(3):
        bench.senders[UP].send(tcp())
    bench.wait()
    assert "the packet log is full" in str(bench.fault)


def test_a_device_that_fails_ends_it(benches: list[Bench]) -> None:
    benches.append(bench := Bench({}))
    bench.receivers[UP].close()
    bench.senders[UP].send(tcp())
    bench.wait()
    assert "carry a packet between the TUN devices" in str(bench.fault)


def test_it_ends_when_told_to_although_packets_are_held(benches: list[Bench]) -> None:
    benches.append(bench := Bench({"delay": "1min"}))
    bench.senders[UP].send(tcp())
    bench.close()
    assert bench.fault is None
    assert len(bench.log.columns()["index"]) == 0
