"""The relay's hot loop: packets come out of one TUN device, pass a `Link` and go into the other. Nothing else happens here.

The rule: `t_in` is taken right after the read that returned the packet and `t_out` right before the write of it, so no
reader can have had a byte before `t_out`. One packet costs about 12 µs, most of it in the two system calls; what is slow
happens before or after the loop.
"""

import os
import select
import time

from lab.errors import MeasurementError
from lab.link.link import Link
from lab.link.observer import Observer
from lab.link.packet import SENT
from lab.linux.timerfd import Timer
from lab.path.tun.log import PacketLog

_BATCH = 16
"""Reads in a row before what is due gets delivered: bounds the lateness that a burst can cause to about 0.1 ms."""

_READ_BYTES = 2048
"""More than the MTU, and small enough that the allocation costs nothing."""


class Crossing:
    """One direction: read `source_fd`, through `link`, write `target_fd`."""

    def __init__(self, direction: int, source_fd: int, target_fd: int, link: Link) -> None:
        self.direction = direction
        self.source_fd = source_fd
        self.target_fd = target_fd
        self.link = link


def run(crossings: tuple[Crossing, Crossing], observer: Observer, log: PacketLog, stop_fd: int) -> None:
    """Carry packets until `stop_fd` is readable. Raises MeasurementError when the log is full or a device fails."""
    timer = Timer()
    epoll = select.epoll()
    for crossing in crossings:
        epoll.register(crossing.source_fd, select.EPOLLIN)
    epoll.register(timer.fileno(), select.EPOLLIN | select.EPOLLET)
    epoll.register(stop_fd, select.EPOLLIN)
    by_fd = {crossing.source_fd: crossing for crossing in crossings}
    armed_ns: int | None = None
    try:
        epoll.poll()
        _start(crossings)
        while True:
            for fd, _ in epoll.poll():
                if fd == stop_fd:
                    return
                if fd in by_fd:
                    _collect(by_fd[fd], observer)
            deadline_ns = _deliver(crossings, log)
            if deadline_ns != armed_ns and deadline_ns is not None:
                timer.arm(deadline_ns)
            armed_ns = deadline_ns
            log.check()
    except OSError as error:
        raise MeasurementError(f"carry a packet between the TUN devices: {error}. Run the cell again") from error
    finally:
        epoll.close()
        timer.close()


def _start(crossings: tuple[Crossing, Crossing]) -> None:
    """The first packet is there: what changes with time counts from it, for a server may take seconds to be ready."""
    now_ns = time.monotonic_ns()
    for crossing in crossings:
        crossing.link.start(now_ns)


def _collect(crossing: Crossing, observer: Observer) -> None:
    """Take what waits in the source device, a batch at most: epoll brings us back for the rest."""
    read, monotonic_ns = os.read, time.monotonic_ns
    source_fd, direction, put, observe = crossing.source_fd, crossing.direction, crossing.link.put, observer.observe
    try:
        for _ in range(_BATCH):
            data = read(source_fd, _READ_BYTES)
            now_ns = monotonic_ns()
            put(observe(direction, data, now_ns), now_ns)
    except BlockingIOError:
        return


def _deliver(crossings: tuple[Crossing, Crossing], log: PacketLog) -> int | None:
    """Write what is due into the target devices; returns the next deadline (ns), or None while nothing is held."""
    write, monotonic_ns, add = os.write, time.monotonic_ns, log.add
    deadline_ns = None
    for crossing in crossings:
        take, target_fd = crossing.link.take, crossing.target_fd
        now_ns = monotonic_ns()
        while (packet := take(now_ns)) is not None:
            packet.verdict = SENT
            data, out_ns = packet.data, monotonic_ns()
            write(target_fd, data)
            add(packet, out_ns)
        next_ns = crossing.link.deadline()
        if next_ns is not None and (deadline_ns is None or next_ns < deadline_ns):
            deadline_ns = next_ns
    return deadline_ns
