"""Real repetitions under rising load: many streams at once, and the same cell many times at once.

The rule: they are what `lab run` runs, conducted, joined and judged as there, while the runner does its own work beside
them. A repetition that broke is an objection like any other.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from lab.analysis.arrays import quantile, spans_ms
from lab.analysis.bearing import MARGIN, Lags, too_late, worst
from lab.analysis.validity import Judgement
from lab.errors import ForgeEnded, LabError
from lab.model.matrix import Cell, expand
from lab.model.scenario import read_document
from lab.run.calibration.figures import JobStep, StreamStep
from lab.run.forge import Forge
from lab.run.matrix import judge_evidence
from lab.run.pool import Pool, Task
from lab.run.repetition import Repetition
from lab.run.schedule import Slot
from lab.trace.join import Joined

INTERVAL_MS = 20.0
"""Δ of every stream: the shortest that the shipped scenarios use."""

_CHUNKS_PER_S = 50
# Streams begin within this time, so that their chunks fall due evenly and not in lockstep.
_ARRIVALS_S = 0.5
# A small cell, and not the smallest: several streams, so that its processes meet those of its neighbours.
_STREAMS_OF_A_JOB = 10
# Each place of the pool is filled so often, so that repetitions start and end while others stream.
_ROUNDS = 2


def many_streams(forge: Forge, streams: int, seconds: float) -> StreamStep:
    """One step: so many streams on loopback, once. No packet is logged there: a chunk can be read once it is sent."""
    repetition = Repetition(_cell(streams, seconds), rep=1, slot=1, seed="1/1")
    step = {"streams": streams, "chunks_per_s": streams * _CHUNKS_PER_S}
    try:
        joined, judgement = judge_evidence(repetition, forge.conduct(repetition))
    except ForgeEnded:
        raise
    except LabError as error:
        return StreamStep(**step, objection=str(error))
    read_lag_ms = quantile(spans_ms(joined.tables["chunks"], "accepted_ns", "read_ns"), judgement.quantile)
    lags = {"emit_lag_ms": judgement.error_bars["emit_lag_ms"], "read_lag_ms": read_lag_ms}
    reason = _missing(joined) or too_late(lags, INTERVAL_MS, judgement.quantile) or next(iter(judgement.reasons), None)
    return StreamStep(**step, **lags, quantile=judgement.quantile, objection=reason)


def side_by_side(forges: Sequence[Forge], jobs: int, seconds: float) -> JobStep:
    """One step: so many repetitions of a cell on an emulated path at once, on the first of `forges`, a few times over."""
    cell = _cell(_STREAMS_OF_A_JOB, seconds, path="lan")
    judgements: list[Judgement] = []
    try:
        for task in _conducted(Pool(forges[:jobs]), cell, _ROUNDS * jobs):
            joined, judgement = judge_evidence(task.repetition, task.forge.evidence())
            if incomplete := _missing(joined):
                return JobStep(jobs=jobs, objection=incomplete)
            judgements.append(judgement)
    except ForgeEnded:
        raise
    except LabError as error:
        return JobStep(jobs=jobs, objection=str(error))
    lags: Lags = worst(judgement.error_bars for judgement in judgements)
    q = judgements[0].quantile
    reasons = [reason for judgement in judgements for reason in judgement.reasons]
    objection = too_late(lags, INTERVAL_MS, q, MARGIN) or next(iter(reasons), None)
    return JobStep(jobs=jobs, quantile=q, **lags, objection=objection)


def _conducted(pool: Pool, cell: Cell, count: int) -> Iterator[Task]:
    """Each repetition when it is over; what still runs when nobody asks for more ends with its forge."""
    numbers = iter(range(1, count + 1))
    while True:
        while pool.admits(cell) and (number := next(numbers, None)):
            pool.start(Slot(cell, number), Repetition(cell, number, number, f"1/{number}"))
        if not pool.running():
            return
        yield pool.ended()


def _missing(joined: Joined) -> str | None:
    """Why it was not the load that was asked for, or None."""
    failed = [error for error in joined.tables["streams"].column("error").to_pylist() if error is not None]
    return f"{len(failed)} streams failed: {failed[0]}" if failed else None


def _cell(streams: int, seconds: float, **tables: Any) -> Cell:
    """Δ = 20 ms, so many streams for so long. reno, because every user of every machine may have it."""
    workload = {"profile": "ticker", "chunks": round(seconds * _CHUNKS_PER_S), "interval": f"{INTERVAL_MS:g}ms"}
    client = {"streams": streams, "arrivals": f"poisson:{streams / _ARRIVALS_S:g}/s"}
    document = {"workload": workload, "server": {"congestion": "reno"}, "client": client, **tables}
    (cell,) = expand(read_document(document, "calibration", "calibration"))
    return cell
