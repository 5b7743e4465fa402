"""What a packet's delay has beside the constant: one draw per packet, so the same seed gives the same ones by index."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from random import Random

from lab.model.jitter import NormalJitter, TraceJitter, UniformJitter

Draw = Callable[[], float]
"""Nanoseconds to add to the delay, above or below zero."""


def draw_of(spec: NormalJitter | UniformJitter | TraceJitter, seed: str) -> Draw:
    """The draws that a link's `jitter` asks for. A trace needs no seed: it is what it is."""
    random = Random(seed)
    match spec:
        case NormalJitter(deviation=deviation_ns):
            return partial(random.gauss, 0.0, deviation_ns)
        case UniformJitter(spread=spread_ns):
            return partial(random.uniform, -spread_ns, spread_ns)
        case TraceJitter(extra_ns=extra_ns):
            return cycle(extra_ns).__next__
