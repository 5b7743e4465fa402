"""A calibration for people: a line for each figure with unit and meaning, then what follows from it in plain sentences."""

from collections.abc import Iterator, Sequence

from lab.analysis.bearing import MARGIN
from lab.analysis.validity import LAG_SHARE
from lab.analysis.words import ms
from lab.run.calibration.figures import Calibration, JobStep, RelayStep, Step, StreamStep, objection

# Of the processors: from here on somebody else's work meets the lab's.
_BUSY = 0.5


def told(calibration: Calibration) -> Iterator[str]:
    """The table, and the sentences."""
    rows = list(_rows(calibration))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, figure, meaning in rows:
        yield f"{name:<{widths[0]}}  {figure:<{widths[1]}}  {meaning}"
    yield ""
    yield from _sentences(calibration)


def _rows(found: Calibration) -> Iterator[tuple[str, str, str]]:
    if found.timer is not None:
        figure = _pair(found.timer.late_us_p50, found.timer.late_us_p99)
        priority = "with" if found.timer.realtime_priority else "without"
        yield "timer", figure, f"a timer wakes its process so late, {priority} real-time priority (p50 / p99)"
    for relay in found.relay:
        yield f"{relay.packets_per_s} packets/s", *_emulator(relay)
    if found.bottleneck is not None:
        rate = f"{found.bottleneck.rate_bps / 1e6:g} Mbit/s"
        yield f"bottleneck of {rate}", f"{found.bottleneck.error_percent:+.3f} %", "off the rate that was asked for"
    for streams in found.streams:
        yield f"{streams.streams} streams", *_lags(streams, "the server emitted / the client read so late")
    for jobs in found.jobs:
        yield f"{jobs.jobs} at a time", *_lags(jobs, "the same, the worst of cells side by side")


def _emulator(step: RelayStep) -> tuple[str, str]:
    late = _pair(step.late_us_p50, step.late_us_p99)
    wrong = _pair(step.delay_error_us_p50, step.delay_error_us_p99)
    return f"{late}, {wrong}", _meaning("off its own plan, off the delay asked for (p50 / p99)", step)


def _lags(step: StreamStep | JobStep, meaning: str) -> tuple[str, str]:
    return f"{ms(step.emit_lag_ms)} / {ms(step.read_lag_ms)}", _meaning(meaning, step)


def _meaning(meaning: str, step: Step) -> str:
    return meaning if step.objection is None else f"NOT VALID: {step.objection}"


def _pair(p50_us: float | None, p99_us: float | None) -> str:
    return " / ".join(ms(None if each is None else each / 1e3) for each in (p50_us, p99_us))


def _sentences(found: Calibration) -> Iterator[str]:
    upto = found.valid_up_to
    interval = f"chunks every {found.interval_ms:g} ms"
    if upto.streams is not None:
        yield (
            f"With {interval}, results here are valid up to {upto.streams} streams at once on loopback"
            f"{_why(found.streams, 'streams')}."
        )
    if upto.packets_per_s is not None:
        yield f"The emulator is exact enough up to {upto.packets_per_s} packets a second{_why(found.relay, 'packets/s')}."
    if upto.jobs is not None:
        yield _jobs(found, upto.jobs)
    cpus = found.machine.get("cpus")
    if isinstance(cpus, int) and found.load_average > _BUSY * cpus:
        yield (
            f"The machine was busy meanwhile (load average {found.load_average:g} on {cpus} processors): on a quiet one it "
            "may bear more, and whatever disturbs it will disturb a run too."
        )
    for missing in found.not_measured:
        yield f"Not measured: {missing.what}: {missing.reason}. {missing.remedy}"


def _jobs(found: Calibration, most: int) -> str:
    why = _why(found.jobs, "at a time")
    if most < 2:
        return f"Run cells one at a time{why}."
    (lag_ms,) = [step.worst_ms for step in found.jobs if step.jobs == most]
    return (
        f"lab run --jobs {most} is safe here: so many cells of ten streams at a time were {ms(lag_ms)} late at worst, and "
        f"{ms(MARGIN * LAG_SHARE * found.interval_ms)} is half of what is allowed{why}."
    )


def _why(steps: Sequence[Step], unit: str) -> str:
    decided = objection(steps)
    return f" ({steps[-1].load} {unit}: {decided})" if decided else "; no more was tried"
