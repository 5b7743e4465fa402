"""The source of all measured clients: precomputed frames on staggered phases, sent as cheaply as Python can.

The rule: it is the same for every client and owes nothing to any: each frame leaves when it is due, however far a client
has come. Before each `send` it notes the instant, which on loopback is the packet's: the kernel hands the segment to the
receiver inside the call. Arguments: the listener's descriptor, streams, chunks of each. On standard output: one line, the
instant at which streaming began; at the end the instants, int64 ns, those of a stream in a row, in order of the streams'
labels.
"""

import re
import socket
import sys
import time
from array import array

from lab.model.request import STREAM_LABEL
from lab.wire.framing import Chunked
from tests.benchmarks.peers.work import EVENT, HEAD, INTERVAL_NS, listener

_LABEL = re.compile(rf"{STREAM_LABEL}: (\d+)\r\n".encode(), re.IGNORECASE)
_LEAD_NS = 50_000_000
_PATIENCE_S = 30.0


def _accept(accepting: socket.socket, streams: int) -> list[socket.socket]:
    """All connections in order of their labels, each with its request read and its head sent."""
    accepting.settimeout(_PATIENCE_S)
    connections: dict[int, socket.socket] = {}
    while len(connections) < streams:
        connection, _ = accepting.accept()
        connection.setblocking(True)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(4096)
        label = _LABEL.search(request)
        assert label is not None, f"a request without {STREAM_LABEL}: {request!r}"
        connection.sendall(HEAD)
        connections[int(label[1])] = connection
    return [connections[number] for number in sorted(connections)]


def _stream(connections: list[socket.socket], chunks: int, begin_ns: int) -> "array[int]":
    """Chunk k of stream i is due at begin + k intervals + i/streams of one."""
    frame = Chunked().whole(EVENT)
    sent = array("q")
    step_ns = INTERVAL_NS / len(connections)
    sends = [(index * step_ns, connection.send) for index, connection in enumerate(connections)]
    clock, sleep = time.monotonic_ns, time.sleep
    for chunk in range(chunks):
        round_ns = begin_ns + chunk * INTERVAL_NS
        for phase_ns, send in sends:
            wait_ns = round_ns + phase_ns - clock()
            if wait_ns > 0:
                sleep(wait_ns / 1e9)
            sent.append(clock())
            send(frame)
    return sent


def main() -> None:
    """Serve once."""
    streams, chunks = map(int, sys.argv[2:])
    connections = _accept(listener(), streams)
    begin_ns = time.monotonic_ns() + _LEAD_NS
    print(begin_ns, flush=True)
    sent = _stream(connections, chunks, begin_ns)
    for connection in connections:
        connection.sendall(Chunked().end())
        connection.close()
    for index in range(streams):
        sys.stdout.buffer.write(sent[index::streams].tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
