"""The packet log: one fixed-size row per packet while the relay runs, columns afterwards.

The rule: a row is written once, when the packet's fate is known, and costs the hot loop one `pack`. Rows are bytes, not
objects, so that a million packets are 112 MB and not half a gigabyte. The log is bounded.
"""

from array import array
from struct import Struct

from lab.errors import MeasurementError
from lab.link.packet import NULL, Packet

COLUMNS = (
    "direction",
    "index",
    "connection",
    "seq",
    "ack",
    "flags",
    "window",
    "payload_bytes",
    "bytes",
    "t_in_ns",
    "t_queue_out_ns",
    "t_due_ns",
    "t_out_ns",
    "verdict",
)
_ROW = Struct(f"@{len(COLUMNS)}q")

MAX_PACKETS = 10_000_000
"""1.1 GB: a minute and a half of everything a relay in Python can carry."""


class PacketLog:
    """Written by the relay, one row per packet that was sent, dropped or still held at the end."""

    def __init__(self, max_packets: int = MAX_PACKETS) -> None:
        self._rows = bytearray()
        self._max_bytes = max_packets * _ROW.size

    def add(self, packet: Packet, t_out_ns: int = NULL) -> None:
        """The packet's fate is known: it is about to leave at `t_out_ns`, or it never will and its `verdict` says why."""
        self._rows += _ROW.pack(
            packet.direction,
            packet.index,
            packet.connection,
            packet.seq,
            packet.ack,
            packet.flags,
            packet.window_bytes,
            packet.payload_bytes,
            packet.size_bytes,
            packet.t_in_ns,
            packet.t_queue_out_ns,
            packet.t_due_ns,
            t_out_ns,
            packet.verdict,
        )

    def dropped(self, packet: Packet) -> None:
        """A stage dropped the packet, so it left neither queue nor path."""
        packet.t_queue_out_ns = packet.t_due_ns = NULL
        self.add(packet)

    def check(self) -> None:
        """Raises MeasurementError when the log is full."""
        if len(self._rows) >= self._max_bytes:
            raise MeasurementError(
                f"the packet log is full: {self._max_bytes // _ROW.size} packets crossed the path in one repetition. "
                "Make the cell smaller: fewer streams, fewer chunks or a lower rate"
            )

    def columns(self) -> dict[str, "array[int]"]:
        """The log by column, in the order in which it was written; see `lab.path.base.PathRecord`."""
        flat = array("q")
        flat.frombytes(self._rows)
        return {name: flat[at :: len(COLUMNS)] for at, name in enumerate(COLUMNS)}
