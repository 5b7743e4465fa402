"""When each measured request is due, as an offset from the start. Seeded and pure.

With an open arrival process a request is due by the clock, whether or not a stream is free for it: that the reader had to
wait is then part of what is measured, and not forgotten (coordinated omission).
"""

import random
from itertools import accumulate

from lab.model.client import ClientSpec
from lab.model.units import NS_PER_S


def due_offsets_ns(spec: ClientSpec, seed: str) -> list[int | None]:
    """One entry for each measured request, in order; None: due as soon as a stream is free for it."""
    count = spec.request_count
    match spec.arrivals.kind:
        case "together":
            return [0] * spec.streams + [None] * (count - spec.streams)
        case "staggered":
            return [index * spec.arrivals.spacing_ns for index in range(count)]
        case "poisson":
            rng = random.Random(f"{seed}/arrivals")
            gaps = (rng.expovariate(spec.arrivals.rate_per_s) * NS_PER_S for _ in range(count))
            return [round(offset) for offset in accumulate(gaps)]
