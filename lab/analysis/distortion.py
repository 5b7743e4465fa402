"""What a client itself adds to a stream: its arrivals beside the instants at which its kernel had the same letters.

The rule: the packet record is the yardstick, so that clients that stamp in different places, or hide their reads, are
compared by one. A letter behind a lost segment is readable only with that one: no client is blamed for the network.
"""

import numpy as np

from lab.analysis.arrays import NS_PER_MS, Floats
from lab.analysis.lags import readable_ns
from lab.analysis.received import Received


def ttfc_bias_ms(chunks: Received) -> Floats:
    """Return by how much later than readable the first chunk of each stream arrived, of shape (streams,); NaN where unknown.

    That is the client's share of a TTFC.
    """
    return _added_ms(chunks)[chunks.starts]


def gap_jitter_ms(chunks: Received) -> Floats:
    """Return |gap − gap at the client's kernel| of every gap, of shape (chunks − streams,); NaN where unknown."""
    added_ms = _added_ms(chunks)
    return np.abs(np.diff(added_ms, prepend=np.nan))[~chunks.is_first]


def chunks_per_segment(chunks: Received) -> float | None:
    """Return chunks over the instants at which any became readable: the lumps that were there before the client."""
    ready_ns, known = readable_ns(chunks)
    if not known.size or not known.all():
        return None
    moved = chunks.is_first | (np.diff(ready_ns, prepend=0) != 0)
    return known.size / int(moved.sum())


def _added_ms(chunks: Received) -> Floats:
    ready_ns, known = readable_ns(chunks)
    return np.where(known, (chunks.arrival_ns - ready_ns) / NS_PER_MS, np.nan)
