"""What no client in Python can beat: one epoll loop that reads and stamps, and understands nothing.

The rule: the system calls are the raw client's (`recvmsg` with the kernel's stamp, then the clock), and nothing else is done
for a read but to keep it. The chunks are counted afterwards, by their size. Arguments and output as `lab_client`'s.
"""

import gc
import select
import socket
import sys
import time
from array import array

from lab.model.request import STREAM_LABEL
from tests.benchmarks.peers.work import FRAME_BYTES, HEAD, report

_SO_TIMESTAMPNS = 35
_READ_BYTES = 1 << 16

Read = tuple[int, int, int]  # descriptor, bytes, when it returned


def _open(address: tuple[str, int], streams: int) -> dict[int, socket.socket]:
    connections = {}
    for number in range(1, streams + 1):
        sock = socket.create_connection(address)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setblocking(False)
        sock.send(f"GET / HTTP/1.1\r\n{STREAM_LABEL}: {number}\r\n\r\n".encode())
        connections[sock.fileno()] = sock
    return connections


def _drain(connections: dict[int, socket.socket]) -> list[Read]:
    """Until the last has ended."""
    epoll, clock, left = select.epoll(), time.monotonic_ns, len(connections)
    receive = {fd: sock.recvmsg for fd, sock in connections.items()}
    reads: list[Read] = []
    for fd in connections:
        epoll.register(fd, select.EPOLLIN)
    while left:
        for fd, _ in epoll.poll():
            data, _, _, _ = receive[fd](_READ_BYTES, 64)
            reads.append((fd, len(data), clock()))
            if not data:
                epoll.unregister(fd)
                left -= 1
    return reads


def _chunks(numbers: dict[int, int], reads: list[Read], chunks: int) -> "array[int]":
    """(stream, chunk, read, arrival) of each: for this client the last two are one."""
    rows = array("q")
    bodies = dict.fromkeys(numbers, -len(HEAD))
    for fd, size_bytes, read_ns in reads:
        before = max(0, bodies[fd]) // FRAME_BYTES
        bodies[fd] += size_bytes
        for chunk in range(before, min(chunks, max(0, bodies[fd]) // FRAME_BYTES)):
            rows.extend((numbers[fd], chunk, read_ns, read_ns))
    return rows


def main() -> None:
    """Read once."""
    port, streams, chunks = map(int, sys.argv[1:4])
    gc.disable()
    connections = _open(("127.0.0.1", port), streams)
    reads = _drain(connections)
    report(_chunks({fd: number for number, fd in enumerate(connections, start=1)}, reads, chunks))


if __name__ == "__main__":
    main()
