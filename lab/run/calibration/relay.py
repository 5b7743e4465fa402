"""The emulator under a steady stream of datagrams: its lateness, its delay and its rate, as figures.

The rule: late is what lies between the instant the link planned and the write into the device, by the relay's own log; the
error of the delay is the whole way from the sender's stamp, which the log cannot flatter.
"""

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.analysis.bearing import too_late
from lab.errors import MeasurementError
from lab.link.packet import DOWN, NULL
from lab.model.path import PathSpec
from lab.model.units import NS_PER_MS, NS_PER_S
from lab.path.tun.datagrams import HEADER_BYTES, Carried, Stream, carry
from lab.run.calibration.figures import BottleneckFigures, RelayStep
from lab.run.forge import Forge

PACE = 0.9
"""A sender that falls behind this share of its rate has not made the load that was to be measured."""

_DELAY_NS = 20 * NS_PER_MS
_DELAY = {"backend": "tun", "delay": "20ms"}
# A chunk of a token stream; a full packet of a page.
_CHUNK_BYTES, _FULL_BYTES = 200, 1500 - HEADER_BYTES
_RATE_BPS = 20_000_000
# Half as much again as the bottleneck lets through keeps it busy, and its queue of 1,000 packets from running over.
_OVERLOAD = 1.5
_DRAIN_S = 0.05

Floats = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """Of all datagrams that left the path, in order: µs late, µs of error of the delay, and how many left in a second."""

    late_us: Floats
    delay_error_us: Floats
    per_s: float


def observe(carried: Carried, delay_ns: int) -> Seen:
    """What left a path of `delay_ns`. Raises MeasurementError when it was not all of them."""
    down = np.array(carried.record.packets["direction"]) == DOWN
    out_ns, due_ns = (np.array(carried.record.packets[name])[down] for name in ("t_out_ns", "t_due_ns"))
    stayed = len(carried.sent_ns) - int((out_ns != NULL).sum())
    if stayed:
        raise MeasurementError(
            f"{stayed} of {len(carried.sent_ns)} packets had not left the emulator when they were due"
        )
    per_s = (len(out_ns) - 1) / (int(out_ns[-1] - out_ns[0]) / NS_PER_S)
    return Seen((out_ns - due_ns) / 1e3, (out_ns - np.array(carried.sent_ns) - delay_ns) / 1e3, per_s)


def at_rate(forge: Forge, packets_per_s: int, seconds: float, interval_ms: float) -> RelayStep:
    """One step: so many packets a second for so long. Raises LabError."""
    stream = Stream(packets_per_s, round(packets_per_s * seconds), _CHUNK_BYTES, _DELAY_NS / NS_PER_S + _DRAIN_S)
    carried = forge.call(functools.partial(carry, PathSpec.model_validate(_DELAY), stream))
    try:
        seen = observe(carried, _DELAY_NS)
    except MeasurementError as error:
        return RelayStep(packets_per_s=packets_per_s, objection=str(error))
    late, wrong = (np.percentile(values, [50, 99]).tolist() for values in (seen.late_us, seen.delay_error_us))
    objection = too_late({"path_error_ms": late[1] / 1e3}, interval_ms, 0.99)
    if seen.per_s < PACE * packets_per_s:
        objection = f"only {seen.per_s:.0f} packets a second could be sent"
    return RelayStep(
        packets_per_s=packets_per_s,
        carried_per_s=seen.per_s,
        late_us_p50=late[0],
        late_us_p99=late[1],
        delay_error_us_p50=wrong[0],
        delay_error_us_p99=wrong[1],
        objection=objection,
    )


def bottleneck(forge: Forge, seconds: float) -> BottleneckFigures:
    """Full packets into a bottleneck of 20 Mbit/s that they keep busy. Raises LabError."""
    packet_bits = 8 * (_FULL_BYTES + HEADER_BYTES)
    per_s = round(_OVERLOAD * _RATE_BPS / packet_bits)
    stream = Stream(per_s, round(per_s * seconds), _FULL_BYTES, _DRAIN_S)
    spec = PathSpec.model_validate({"backend": "tun", "rate": "20Mbit/s"})
    carried = forge.call(functools.partial(carry, spec, stream))
    out_ns = np.array([each for each in carried.record.packets["t_out_ns"] if each != NULL])
    measured_bps = (len(out_ns) - 1) * packet_bits * NS_PER_S / int(out_ns[-1] - out_ns[0])
    error_percent = 100 * (measured_bps / _RATE_BPS - 1)
    return BottleneckFigures(rate_bps=_RATE_BPS, measured_bps=measured_bps, error_percent=error_percent)
