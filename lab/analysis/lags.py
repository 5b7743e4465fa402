"""The lab's own lateness: how far its server, its client and its emulator were from what they should have done.

The rule: these are the error bars of every other figure. Each is an array in ms, one entry per chunk or packet, with NaN
where it could not be measured.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.analysis.arrays import NS_PER_MS, Bools, Floats, Ints, known_integers, spans_ms
from lab.analysis.received import Received


def emit_lag_ms(chunks: pa.Table) -> Floats:
    """Return emit − due of every chunk, received or not."""
    return spans_ms(chunks, "due_ns", "emit_ns")


def read_lag_ms(chunks: Received) -> Floats:
    """Return how long each received chunk lay readable in the client's kernel before the client read it."""
    read_ns, read_known = known_integers(chunks.table, "read_ns")
    ready_ns, ready_known = readable_ns(chunks)
    return np.where(read_known & ready_known, (read_ns - ready_ns) / NS_PER_MS, np.nan)


def readable_ns(chunks: Received) -> tuple[Ints, Bools]:
    """Return when each received chunk could be read in the client's kernel, and where that is known, both of shape (rows,).

    Readable means that no earlier byte was missing: a chunk behind a lost segment waits for that one, and that wait is the
    path's, not the client's. Runs that do not say so themselves say when each chunk's own last segment came.
    """
    table = chunks.table
    instants = pc.coalesce(table.column("readable_ns"), table.column("recv_ns"))
    instants_ns, known = known_integers(table.append_column("ready", instants), "ready")
    ready_ns = instants_ns.copy()
    for place in chunks.streams():
        ready_ns[place] = np.maximum.accumulate(instants_ns[place])
    return ready_ns, known


def path_error_ms(path: pa.Table) -> Floats:
    """Return the distance of every forwarded packet from the instant at which the emulated path should have let it go."""
    sent = path.filter(pc.equal(path.column("verdict"), "sent"))
    return np.abs(spans_ms(sent, "t_due_ns", "t_out_ns"))
