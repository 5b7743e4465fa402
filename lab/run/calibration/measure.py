"""The whole calibration: timer, emulator, streams, cells side by side, in this order and bounded in time.

The rule: what cannot be measured here is said with reason and remedy, and the rest is measured all the same. Nothing is
remembered by this module.
"""

import datetime
import functools
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lab.analysis.words import ms
from lab.model.path import PathSpec
from lab.run.calibration.cells import INTERVAL_MS, many_streams, side_by_side
from lab.run.calibration.climb import climb
from lab.run.calibration.figures import Calibration, JobStep, NotMeasured, RelayStep, StreamStep, TimerFigures
from lab.run.calibration.timer import wake
from lab.run.environment import fingerprint
from lab.run.forge import Forge, forges
from lab.run.progress import Watcher

# And about how many seconds each of them takes.
_PARTS = {"timer": 3.0, "emulator": 8.0, "bottleneck": 2.0, "streams": 15.0, "cells side by side": 12.0}
# A warm forge holds about 100 MB.
_MOST_JOBS = 32


def _counts_of_jobs() -> tuple[int, ...]:
    """Around the number of processors: on larger machines not every number is worth its seconds."""
    cpus = len(os.sched_getaffinity(0))
    return tuple(
        sorted({1, 2, *(min(max(1, count), _MOST_JOBS) for count in (cpus // 2, cpus, 3 * cpus // 2, 2 * cpus))})
    )


@dataclass(frozen=True)
class Extent:
    """How far it goes: the loads of each part, and the seconds of one step and of all steps of a part."""

    wakeups: int = 500
    packets_per_s: tuple[int, ...] = (1_000, 5_000, 10_000, 20_000, 40_000)
    streams: tuple[int, ...] = (10, 100, 200, 300, 400, 700, 1_000, 2_000)
    jobs: tuple[int, ...] = field(default_factory=_counts_of_jobs)
    step_s: float = 1.0
    part_s: float = 14.0


def calibrate(extent: Extent, watcher: Watcher) -> Calibration:
    """Measure this machine. Takes about 40 s at the default extent. Raises LabError when the lab's own processes fail."""
    begin_s = time.monotonic()
    load_average = os.getloadavg()[0]
    with ExitStack() as stack:
        bench = _Bench(extent, watcher, stack)
        return Calibration(
            machine=fingerprint(),
            measured=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            load_average=round(load_average, 2),
            interval_ms=INTERVAL_MS,
            timer=bench.timer(),
            **bench.emulator(),
            streams=bench.streams(),
            jobs=bench.jobs(),
            not_measured=bench.not_measured,
            took_s=round(time.monotonic() - begin_s, 1),
        )


@dataclass
class _Bench:
    """The forges and what was said so far."""

    extent: Extent
    watcher: Watcher
    stack: ExitStack
    not_measured: list[NotMeasured] = field(default_factory=list)
    _forges: list[Forge] = field(default_factory=list)

    def timer(self) -> TimerFigures:
        self._begin("timer")
        wakeups = self._warm(1)[0].call(functools.partial(wake, self.extent.wakeups))
        p50, p99 = np.percentile(np.array(wakeups.late_ns) / 1e3, [50, 99]).tolist()
        self._tell("timer", p99 / 1e3, None)
        return TimerFigures(
            wakeups=self.extent.wakeups,
            realtime_priority=wakeups.realtime_priority,
            late_us_p50=p50,
            late_us_p99=p99,
        )

    def emulator(self) -> dict[str, Any]:
        self._begin("emulator")
        if not self._has_path("the emulator's delay, lateness and rate"):
            return {}
        from lab.run.calibration import relay  # here, because pyroute2 exists only on Linux

        def step(packets_per_s: int) -> RelayStep:
            found = relay.at_rate(self._warm(1)[0], packets_per_s, self.extent.step_s, INTERVAL_MS)
            late_ms = None if found.late_us_p99 is None else found.late_us_p99 / 1e3
            self._tell(f"the emulator at {packets_per_s} packets/s", late_ms, found.objection)
            return found

        steps = climb(self.extent.packets_per_s, step, self.extent.part_s)
        self._begin("bottleneck")
        rate = relay.bottleneck(self._warm(1)[0], self.extent.step_s)
        self.watcher.note(f"bottleneck: {rate.error_percent:+.3f} % off its rate")
        return {"relay": steps, "bottleneck": rate}

    def streams(self) -> list[StreamStep]:
        self._begin("streams")

        def step(streams: int) -> StreamStep:
            found = many_streams(self._warm(1)[0], streams, self.extent.step_s)
            self._tell(f"{streams} streams", found.emit_lag_ms, found.objection)
            return found

        return climb(self.extent.streams, step, self.extent.part_s)

    def jobs(self) -> list[JobStep]:
        self._begin("cells side by side")
        if not self._has_path("how many cells may run side by side"):
            return []

        def step(jobs: int) -> JobStep:
            found = side_by_side(self._warm(jobs), jobs, self.extent.step_s)
            self._tell(f"{jobs} at a time", found.read_lag_ms, found.objection)
            return found

        return climb(self.extent.jobs, step, self.extent.part_s)

    def _warm(self, count: int) -> list[Forge]:
        """At least so many forges."""
        if (more := count - len(self._forges)) > 0:
            self._forges += self.stack.enter_context(forges(more))
        return self._forges

    def _has_path(self, what: str) -> bool:
        """Whether the lab's emulator works here; if not, `what` was not measured."""
        found = self._warm(1)[0].resolve(PathSpec(backend="tun"))
        if found.backend is None:
            self.not_measured.append(NotMeasured(what=what, reason=found.reason, remedy=found.remedy))
            self.watcher.note(f"not measured: {what}: {found.reason}")
        return found.backend is not None

    def _begin(self, part: str) -> None:
        done = list(_PARTS).index(part)
        self.watcher.running([part], done, len(_PARTS), sum(list(_PARTS.values())[done:]))

    def _tell(self, what: str, late_ms: float | None, objection: str | None) -> None:
        self.watcher.note(f"{what}: {objection or f'{ms(late_ms)} late'}")
