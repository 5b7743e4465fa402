"""Datagrams that crossed the emulator, as figures: late against its plan, wrong against the sender's stamps."""

from array import array
from unittest.mock import Mock

import pytest

from lab.errors import MeasurementError
from lab.link.packet import DOWN, NULL, UP
from lab.path.tun.datagrams import Carried
from lab.run.calibration.relay import observe

MS = 1_000_000
# Sent every 10 ms over 20 ms: read 1 ms late by the relay, written 2 ms after its plan. One packet goes the other way.
SENT = [10 * MS, 20 * MS, 30 * MS]
DUE = [each + 21 * MS for each in SENT]
OUT = [each + 2 * MS for each in DUE]


def _carried(out_ns: list[int]) -> Carried:
    packets = {
        "direction": array("q", [UP, *[DOWN] * len(out_ns)]),
        "t_due_ns": array("q", [0, *DUE[: len(out_ns)]]),
        "t_out_ns": array("q", [0, *out_ns]),
    }
    return Carried(Mock(packets=packets), array("q", SENT))


def test_lateness_is_the_relays_own_and_the_error_of_the_delay_is_the_senders() -> None:
    seen = observe(_carried(OUT), 20 * MS)
    assert seen.late_us.tolist() == [2000] * 3
    assert seen.delay_error_us.tolist() == [3000] * 3
    assert seen.per_s == pytest.approx(100)


LEFT = {"one that was held at the end": [*OUT[:2], NULL], "one that never came": OUT[:2]}


@pytest.mark.parametrize("out_ns", LEFT.values(), ids=LEFT)
def test_what_did_not_leave_makes_it_no_measurement(out_ns: list[int]) -> None:
    with pytest.raises(MeasurementError, match="1 of 3 packets had not left the emulator"):
        observe(_carried(out_ns), 20 * MS)
