"""One packet on its way through the path, and the vocabulary of what can become of it.

A packet is made once, as it enters the path, and travels through the stages by reference; the stages only move its times
forward. It is a plain class with slots because it is built for every packet: a dataclass built by keyword costs twice as
much. `NULL` stands for "not known" in every integer field, because the packet log is a flat array of integers.
"""

NULL = -1

UP, DOWN = 0, 1
DIRECTIONS = ("up", "down")

SENT, HELD, LOST, LISTED, QUEUE_FULL, BURST, BLACKOUT, TAIL, CODEL = range(9)
VERDICTS = (
    "sent",
    "held",
    "dropped: loss",
    "dropped: drop-list",
    "dropped: queue full",
    "dropped: burst",
    "dropped: blackout",
    "dropped: tail",
    "dropped: codel",
)

FIN = 0x01
"""The bit of `flags` (RFC 9293 §3.1)."""


class Packet:
    """A packet and what the log says of it.

    `direction` indexes `DIRECTIONS` and `verdict` indexes `VERDICTS`; `index` counts from 1 per direction, `connection`
    from 1 over the path; `window_bytes` is already scaled; `size_bytes` is the whole IP packet, `payload_bytes` what TCP
    carries in it. `t_due_ns` is the instant at which the stages passed so far let the packet go: after the last stage,
    when it should leave the path.
    """

    __slots__ = (
        "ack",
        "connection",
        "data",
        "direction",
        "flags",
        "index",
        "payload_bytes",
        "seq",
        "size_bytes",
        "t_due_ns",
        "t_in_ns",
        "t_queue_out_ns",
        "verdict",
        "window_bytes",
    )

    def __init__(
        self,
        direction: int,
        index: int,
        connection: int,
        seq: int,
        ack: int,
        flags: int,
        window_bytes: int,
        payload_bytes: int,
        size_bytes: int,
        t_in_ns: int,
        data: bytes,
    ) -> None:
        self.direction = direction
        self.index = index
        self.connection = connection
        self.seq = seq
        self.ack = ack
        self.flags = flags
        self.window_bytes = window_bytes
        self.payload_bytes = payload_bytes
        self.size_bytes = size_bytes
        self.t_in_ns = self.t_queue_out_ns = self.t_due_ns = t_in_ns
        self.verdict = HELD
        self.data = data
