"""A port for a program that will bind it by itself: nobody else gets it until then.

The rule: it lies outside the range from which the kernel serves whoever asks for any port (ip(7), ip_local_port_range), so
no client's connection and no listener on port 0 is given it; and the lab's processes keep out of each other's way by a name
that only one of them can hold. Knows nothing of the program.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import MeasurementError

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 10_000, 65_535
# Each is tried by binding it; so many taken in a row are no accident.
_TRIALS = 200


@contextmanager
def reserved_port(address: str) -> Iterator[int]:
    """A free port of `address` in this network namespace, reserved among the lab's processes until the block ends.

    The name is an abstract Unix socket's (unix(7)): it belongs to the network namespace, as ports do, and goes with its
    holder however that ends. Raises MeasurementError when there is no free port.
    """
    candidates = _candidates()
    for port in random.sample(candidates, min(_TRIALS, len(candidates))):
        with socket.socket(socket.AF_UNIX) as holder:
            if _took(holder, port) and _is_free(address, port):
                yield port
                return
    raise MeasurementError(f"find a free port on {address} for a program: all that were tried are taken. Free some")


def _candidates() -> list[int]:
    first, last = map(int, _EPHEMERAL.read_text().split())
    outside = [port for port in range(_FIRST, _LAST + 1) if not first <= port <= last]
    return outside or list(range(_FIRST, _LAST + 1))  # a machine may be set to give away all there are


def _took(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind(f"\0typewriter-lab/port/{port}")
    except OSError:
        return False
    return True


def _is_free(address: str, port: int) -> bool:
    """Whether nobody has it, not even a connection that lingers."""
    with socket.socket() as sock:
        try:
            sock.bind((address, port))
        except OSError:
            return False
    return True
