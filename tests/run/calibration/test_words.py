"""A calibration as people read it: figures with unit and meaning, then what follows from them."""

import pytest

from lab.run.calibration.figures import Calibration
from lab.run.calibration.words import told
from lab.run.environment import fingerprint
from tests.run.calibration import found
from tests.run.calibration.found import LATE

SAID: dict[str, tuple[Calibration, list[str]]] = {
    "everything": (
        found.whole(),
        [
            "20.7 µs / 41.8 µs",
            "with real-time priority",
            f"NOT VALID: {LATE}",
            f"valid up to 10 streams at once on loopback (100 streams: {LATE})",
            "exact enough up to 1000 packets a second; no more was tried",
            "lab run --jobs 2 is safe here",
            "800 µs late at worst, and 2.50 ms is half of what is allowed",
        ],
    ),
    "one at a time": (
        found.calibration(jobs=found.jobs(None, LATE)),
        [f"Run cells one at a time (2 at a time: {LATE})"],
    ),
    "a busy machine": (
        found.calibration(load_average=600.0),
        [f"busy meanwhile (load average 600 on {fingerprint()['cpus']} processors)"],
    ),
    "without TUN": (found.without_tun(), ["Not measured: how many cells may run side by side: no TUN. modprobe tun"]),
}


@pytest.mark.parametrize(("calibration", "said"), SAID.values(), ids=SAID)
def test_words(calibration: Calibration, said: list[str]) -> None:
    text = "\n".join(told(calibration))
    assert [part for part in said if part not in text] == [], text
    assert "None" not in text
    assert ("busy" in text) == (calibration.load_average > 1)
