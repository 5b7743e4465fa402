"""Calibrations as they might have been found."""

from typing import Any

from lab.run.calibration.figures import Calibration, JobStep, NotMeasured, RelayStep, StreamStep, TimerFigures
from lab.run.environment import fingerprint

LATE = "the client read 3.1 ms late at p99, and 2.50 ms is allowed"


def jobs(*objections: str | None) -> list[JobStep]:
    """1, 2, 3 … at a time, with these objections."""
    return [
        JobStep(jobs=number, quantile=0.99, emit_lag_ms=0.8, read_lag_ms=number * 0.4, objection=objection)
        for number, objection in enumerate(objections, 1)
    ]


def calibration(**parts: Any) -> Calibration:
    """Of this machine as it is, with these parts."""
    whole = {
        "machine": fingerprint(),
        "measured": "2026-01-01T00:00:00+00:00",
        "took_s": 40.0,
        "load_average": 0.1,
        "interval_ms": 20.0,
        **parts,
    }
    return Calibration(**whole)


def whole() -> Calibration:
    """Every part measured."""
    return calibration(
        timer=TimerFigures(wakeups=9, realtime_priority=True, late_us_p50=20.7, late_us_p99=41.8),
        relay=[RelayStep(packets_per_s=1000, late_us_p50=25.0, late_us_p99=450.0, objection=None)],
        streams=[
            StreamStep(streams=10, chunks_per_s=500, emit_lag_ms=0.8, read_lag_ms=0.2, objection=None),
            StreamStep(streams=100, chunks_per_s=5000, emit_lag_ms=0.9, read_lag_ms=49.3, objection=LATE),
        ],
        jobs=jobs(None, None, LATE),
    )


def without_tun() -> Calibration:
    """A machine on which the emulator does not work."""
    missing = NotMeasured(what="how many cells may run side by side", reason="no TUN", remedy="modprobe tun")
    return calibration(not_measured=[missing])
