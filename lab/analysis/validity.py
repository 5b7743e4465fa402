"""Whether a repetition is a measurement: was the lab itself on time, and was the machine honest?

The rule: a repetition is judged by the lab's own lags against a quarter of the planned interval, never by how the stream
behaved. What was not measured is no fault; what the scenario asked for (a reader that pauses) is none either.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.analysis.arrays import NS_PER_MS, quantile
from lab.analysis.lags import emit_lag_ms, path_error_ms, read_lag_ms
from lab.analysis.metrics import Records
from lab.analysis.received import planned_interval_ms, received
from lab.analysis.words import count, ms, percentile

# A quarter of the interval is the most by which the lab may move a letter and still say in which interval it came.
LAG_SHARE = 0.25

# With fewer chunks than this the p99 is the second or third worst of them: noise. The p95 is judged instead.
CHUNKS_FOR_P99 = 300


@dataclass(frozen=True)
class Circumstances:
    """What the machine did meanwhile, measured by the conductor, and what the scenario asked for.

    `device_drops`: packets that network devices dropped and the emulator did not; `clock_jump_ns`: by how much a clock was
    stepped, 0 for what slewing explains; None where not measured. `reader_is_measured`: its lag is what was asked
    for: a reader that pauses, or another client than the raw one.
    """

    device_drops: int | None = None
    clock_jump_ns: int | None = None
    reader_is_measured: bool = False


@dataclass(frozen=True)
class Judgement:
    """The verdict on a repetition. `reasons` are in words, empty if it is valid; `error_bars` in ms at `quantile`."""

    reasons: tuple[str, ...]
    quantile: float
    error_bars: dict[str, float | None]

    @property
    def valid(self) -> bool:
        """Nothing spoke against it."""
        return not self.reasons


def judged_quantile(chunk_count: int) -> float:
    """Return the quantile at which so many chunks are judged: 0.99, below 300 chunks 0.95."""
    return 0.99 if chunk_count >= CHUNKS_FOR_P99 else 0.95


def judge(records: Records, circumstances: Circumstances) -> Judgement:
    """Judge one repetition."""
    chunks = received(records.chunks)
    q = judged_quantile(chunks.table.num_rows)
    lags = {
        "emit_lag_ms": emit_lag_ms(records.chunks),
        "read_lag_ms": read_lag_ms(chunks),
        "path_error_ms": path_error_ms(records.path),
    }
    bars = {name: quantile(lag_ms, q) for name, lag_ms in lags.items()}
    excused = {"read_lag_ms"} if circumstances.reader_is_measured else set()
    judged = {name: bar for name, bar in bars.items() if name not in excused}
    reasons = (*_late(judged, planned_interval_ms(records.chunks), q), *_disturbed(circumstances))
    return Judgement(reasons, q, bars)


_WHO = {
    "emit_lag_ms": "the server produced its chunks late",
    "read_lag_ms": "the client read late",
    "path_error_ms": "the emulator forwarded packets off their time",
}


def _late(bars: dict[str, float | None], interval_ms: float | None, q: float) -> Iterator[str]:
    if interval_ms is None:
        return
    allowed_ms = LAG_SHARE * interval_ms
    for name, bar_ms in bars.items():
        if bar_ms is not None and bar_ms > allowed_ms:
            yield (
                f"{_WHO[name]}: {ms(bar_ms)} at {percentile(q)}, "
                f"more than {ms(allowed_ms)} (a quarter of the planned {ms(interval_ms)})"
            )


def _disturbed(circumstances: Circumstances) -> Iterator[str]:
    if circumstances.device_drops:
        yield f"a network device dropped {count(circumstances.device_drops, 'packet')} that the emulator did not drop"
    if circumstances.clock_jump_ns:
        yield f"the machine's clock jumped by {ms(abs(circumstances.clock_jump_ns) / NS_PER_MS)}"
