"""The verdict of `lab probe` over responses of known making: right where the pattern is plain, silent where it is not."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.arrivals import Arrivals, BodyRead, EndsIn, Letter
from lab.analysis.signature import VERDICTS, Signature, Verdict, combine, read_signature
from tests.analysis.wires import (
    NS_PER_MS,
    Make,
    Network,
    after_first_byte,
    arrivals,
    at_the_end,
    buffered,
    bursts,
    flushed,
    held_by_one,
    late_blank_lines,
    source,
    ticking,
    waiting_for_acks,
)

NEAR = Network()
FAR = Network(rtt_ms=30.0, jitter_ms=1.0)
ROUGH = Network(rtt_ms=30.0, jitter_ms=3.0, spikes=0.02, spike_ms=60.0)


def _smooth(net: Network, count: int, delta_ms: float, cv: float, *, frames: bool = True) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, count, delta_ms, cv)
        return arrivals(said, flushed(said), rng, net, frames=frames)

    return make


def _byte_lumps(buffer_bytes: int, net: Network, event_bytes: int = 180) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, 5 * buffer_bytes // event_bytes, event_bytes=event_bytes)
        return arrivals(said, buffered(said, buffer_bytes), rng, net)

    return make


def _timer(interval_ms: float, net: Network, *, delta_ms: float = 20.0, clock: bool = False, cv: float = 0.25) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, max(120, round(12 * interval_ms / delta_ms)), delta_ms, cv)
        held = ticking(said, interval_ms) if clock else after_first_byte(said, interval_ms)
        return arrivals(said, held, rng, net)

    return make


def _whole_body(net: Network, count: int) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, count)
        return arrivals(said, at_the_end(said), rng, net)

    return make


def _held_by_one(net: Network, cv: float) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, 80, cv=cv)
        return arrivals(said, held_by_one(said), rng, net)

    return make


def _late_blank_lines(net: Network) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, 80)
        return arrivals(said, late_blank_lines(said), rng, net)

    return make


def _delayed_ack(ack_ms: float, rtt_ms: float, delta_ms: float) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, 150, delta_ms)
        return arrivals(said, waiting_for_acks(said, ack_ms, rtt_ms), rng, Network(rtt_ms, 0.2))

    return make


def _bursts(number: int, net: Network, cv: float) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = bursts(source(rng, 30 * number, cv=cv), number)
        return arrivals(said, flushed(said), rng, net)

    return make


def _inside_events(rng: random.Random) -> Arrivals:
    said = replace(source(rng, 30, delta_ms=160.0), words=8)
    return replace(arrivals(said, flushed(said), rng, NEAR), typed=True)


def _unterminated(rng: random.Random) -> Arrivals:
    """Every line is a JSON document, and the only blank line comes last."""
    said = source(rng, 40)
    seen = arrivals(said, flushed(said), rng, FAR)
    reads = [read._replace(ends_in=EndsIn.LINE) for read in seen.reads]
    return replace(seen, reads=reads, letters=[Letter(len(reads) - 1, 180, 0, 40)])


def _stalled(net: Network, *, pause: bool) -> Make:
    def make(rng: random.Random) -> Arrivals:
        said = source(rng, 60)
        if pause:
            said = replace(said, due_ms=[due_ms + (2_500.0 if n > 30 else 0.0) for n, due_ms in enumerate(said.due_ms)])
            return arrivals(said, flushed(said), rng, net)
        return arrivals(said, flushed(said), rng, net, end_ms=said.due_ms[-1] + 3_000.0, timed_out=True)

    return make


def _few(rng: random.Random) -> Arrivals:
    said = source(rng, rng.randint(2, 5))
    return arrivals(said, flushed(said), rng, NEAR)


def _random_lumps(rng: random.Random) -> Arrivals:
    """A wireless link that sleeps: lumps of any number of events at any time."""
    said = source(rng, 150)
    wakes, at_ms = [], 0.0
    while at_ms < said.due_ms[-1]:
        at_ms += rng.expovariate(1 / 80.0)
        wakes.append(at_ms)
    woken = [next((wake for wake in wakes if wake >= due_ms), due_ms) for due_ms in said.due_ms]
    return arrivals(said, list(zip(woken, said.ends, strict=True)), rng, FAR)


def _one_per_round_trip(rng: random.Random) -> Arrivals:
    """Nagle's algorithm on a path of 80 ms."""
    said = source(rng, 150)
    return arrivals(said, waiting_for_acks(said, 0.0, 80.0), rng, Network(80.0, 0.5))


CASES: dict[str, tuple[Verdict, Make]] = {
    "smooth, llm": ("smooth", _smooth(NEAR, 120, 20, 0.25)),
    "smooth, far away": ("smooth", _smooth(FAR, 120, 20, 0.25)),
    "smooth, a metronome": ("smooth", _smooth(NEAR, 100, 20, 0.0)),
    "smooth, a phrase": ("smooth", _smooth(NEAR, 8, 200, 0.0)),
    "smooth, 500 tokens/s": ("smooth", _smooth(NEAR, 400, 2, 0.25)),
    "smooth, no frames": ("smooth", _smooth(FAR, 60, 40, 0.4, frames=False)),
    "smooth, sparse notifications": ("smooth", _smooth(NEAR, 30, 500, 0.6)),
    "whole body, near": ("whole-body", _whole_body(NEAR, 30)),
    "whole body, far": ("whole-body", _whole_body(FAR, 100)),
    "byte lumps, 1 KiB": ("byte-lumps", _byte_lumps(1024, NEAR)),
    "byte lumps, 4 KiB": ("byte-lumps", _byte_lumps(4096, NEAR)),
    "byte lumps, 8 KiB": ("byte-lumps", _byte_lumps(8192, FAR)),
    "byte lumps, 16 KiB": ("byte-lumps", _byte_lumps(16384, FAR)),
    "byte lumps, 1,000 bytes": ("byte-lumps", _byte_lumps(1000, FAR)),
    "timer, 50 ms": ("timer", _timer(50, NEAR, delta_ms=10)),
    "timer, 100 ms": ("timer", _timer(100, NEAR)),
    "timer, 100 ms, far": ("timer", _timer(100, FAR)),
    "timer, 200 ms": ("timer", _timer(200, FAR)),
    "timer, a clock of 100 ms": ("timer", _timer(100, NEAR, clock=True)),
    "timer, a metronome behind it": ("timer", _timer(100, NEAR, cv=0.0)),
    "one late, whole events": ("one-late", _held_by_one(NEAR, 0.1)),
    "one late, blank lines": ("one-late", _late_blank_lines(FAR)),
    "delayed ACK, 40 ms": ("delayed-ack", _delayed_ack(40, 0.2, 10)),
    "delayed ACK, 40 ms, round trip 5": ("delayed-ack", _delayed_ack(40, 5, 12)),
    "delayed ACK, 200 ms": ("delayed-ack", _delayed_ack(200, 10, 20)),
    "bursts of 3": ("source-bursts", _bursts(3, NEAR, 0.25)),
    "bursts of 8": ("source-bursts", _bursts(8, FAR, 0.25)),
    "bursts of 8, a metronome": ("source-bursts", _bursts(8, NEAR, 0.0)),
    "bursts inside events": ("source-bursts", _inside_events),
    "unterminated": ("unterminated", _unterminated),
    "stalled at the end": ("stalled", _stalled(NEAR, pause=False)),
    "stalled in the middle": ("stalled", _stalled(FAR, pause=True)),
    "too few chunks": ("undecided", _few),
    "lumps of no pattern": ("undecided", _random_lumps),
    "one lump per round trip": ("undecided", _one_per_round_trip),
}
TRIALS = 25


def _verdicts(make: Make, trials: int = TRIALS) -> Counter[Verdict]:
    return Counter(read_signature(make(random.Random(f"signature/{seed}"))).verdict for seed in range(trials))


def confusion_matrix(rows: Iterable[tuple[str, Verdict, Counter[Verdict]]]) -> str:
    """One line per case: what it is, and how often it was called what."""
    lines = [f"{'case':<36}{''.join(f'{verdict[:11]:>13}' for verdict in VERDICTS)}"]
    for case, truth, counts in rows:
        cells = "".join(f"{f'[{counts[v]}]' if v == truth else counts[v] or '':>13}" for v in VERDICTS)
        lines.append(f"{case:<36}{cells}")
    return "\n".join(lines)


def test_nineteen_of_twenty_are_right_and_hardly_one_is_wrong() -> None:
    """Undecided is not right, but a cause that is not there is wrong."""
    rows = [(case, truth, _verdicts(make)) for case, (truth, make) in CASES.items()]
    matrix = confusion_matrix(rows)
    right = sum(counts[truth] for _, truth, counts in rows)
    wrong = sum(
        counts.total() - counts[truth] - counts["undecided"] for _, truth, counts in rows if truth != "undecided"
    )
    assert right >= 0.95 * len(rows) * TRIALS, matrix
    assert wrong <= 0.01 * len(rows) * TRIALS, matrix
    for case, truth, counts in rows:
        assert counts[truth] >= 0.85 * TRIALS, f"{case}\n{matrix}"


@pytest.mark.parametrize("net", [NEAR, FAR, ROUGH], ids=["near", "far", "rough"])
@pytest.mark.parametrize("cv", [0.0, 0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("delta_ms", [2.0, 8.0, 20.0, 33.0, 45.0, 100.0])
def test_a_source_that_flushes_is_never_blamed_on_anybody(net: Network, cv: float, delta_ms: float) -> None:
    for count in (9, 40, 300):
        verdicts = _verdicts(_smooth(net, count, delta_ms, cv), trials=6)
        assert set(verdicts) <= {"smooth", "undecided"}, verdicts


@pytest.mark.parametrize("case", [case for case, (truth, _) in CASES.items() if truth == "undecided"])
def test_where_nothing_is_plain_nothing_is_said(case: str) -> None:
    assert set(_verdicts(CASES[case][1], trials=80)) == {"undecided"}


EVIDENCE = {
    "byte lumps, 4 KiB": "4096 bytes",
    "whole body, near": "all 30 chunks came together",
    "timer, 200 ms": "whole events came every 2",
    "bursts of 8": "of 8 whole events",
    "delayed ACK, 40 ms": "delayed by 40 ms",
    "one late, blank lines": "every event waits for the next",
    "unterminated": "40 lines of data",
    "stalled at the end": "after 60 chunks nothing came for",
    "too few chunks": "too few",
    "one lump per round trip": "round trip",
}


@pytest.mark.parametrize(("case", "fragment"), EVIDENCE.items(), ids=EVIDENCE)
def test_the_evidence_says_why(case: str, fragment: str) -> None:
    assert fragment in read_signature(CASES[case][1](random.Random(1))).evidence


def _at(*instants_ms: float, end_ms: float, timed_out: bool = False, letters: bool = True) -> Arrivals:
    reads = [BodyRead(round(at_ms * NS_PER_MS), 50, EndsIn.EVENT) for at_ms in instants_ms]
    rows = [Letter(index, 50, index, 1) for index in range(len(reads))] if letters else []
    return Arrivals(0, round(end_ms * NS_PER_MS), reads, rows, timed_out=timed_out)


EDGES: dict[str, tuple[Arrivals, Verdict]] = {
    "nothing at all": (_at(end_ms=3), "undecided"),
    "nothing until the probe gave up": (_at(end_ms=1000, timed_out=True), "stalled"),
    "heartbeats and no chunk": (_at(100, 200, 300, end_ms=310, letters=False), "undecided"),
    "one chunk": (_at(100, end_ms=101), "undecided"),
    "two chunks together": (_at(900, 900, end_ms=901), "undecided"),
    "three chunks together, late": (_at(900, 900, 900, end_ms=901), "whole-body"),
    "three chunks together, at once": (_at(9, 9, 9, end_ms=10), "undecided"),
    "three chunks together, and then a long stream of nothing": (_at(90, 90, 90, end_ms=9000), "undecided"),
    "all in one instant": (_at(*[5.0] * 20, end_ms=5), "undecided"),
    "flowing when the probe gave up": (_at(*range(20, 400, 20), end_ms=401, timed_out=True), "smooth"),
}


@pytest.mark.parametrize(("seen", "verdict"), EDGES.values(), ids=EDGES)
def test_edges(seen: Arrivals, verdict: Verdict) -> None:
    signature = read_signature(seen)
    assert signature.verdict == verdict
    assert signature.evidence


def test_an_event_of_many_lines_is_not_unterminated() -> None:
    """A document printed over several lines, in one event, as one write."""
    seen = Arrivals(0, 200 * NS_PER_MS, [BodyRead(199 * NS_PER_MS, 900, EndsIn.EVENT)], [Letter(0, 900, 0, 90)])
    assert read_signature(replace(seen, data_lines=40)).verdict == "undecided"


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**5), st.sampled_from(EndsIn)), max_size=60),
    st.data(),
)
def test_every_arrival_has_a_verdict(rows: list[tuple[int, int, EndsIn]], data: st.DataObject) -> None:
    rows.sort(key=lambda row: row[0])
    reads = [BodyRead(*row) for row in rows]
    places = sorted(data.draw(st.lists(st.integers(0, len(reads) - 1), max_size=200))) if reads else []
    letters = [Letter(read, data.draw(st.integers(1, 9)), None, 1) for read in places]
    seen = Arrivals(0, 10**9, reads, letters, timed_out=data.draw(st.booleans()), data_lines=len(letters))
    signature = read_signature(seen)
    assert signature.verdict in VERDICTS
    assert signature.evidence


COMBINED: dict[str, tuple[list[Verdict], Verdict]] = {
    "one": (["timer"], "timer"),
    "agreed": (["timer", "timer"], "timer"),
    "most, and no other": (["timer", "undecided", "timer"], "timer"),
    "half": (["timer", "undecided"], "undecided"),
    "contradiction": (["timer", "timer", "smooth"], "undecided"),
}


@pytest.mark.parametrize(("verdicts", "combined"), COMBINED.values(), ids=COMBINED)
def test_several_responses_have_one_verdict(verdicts: list[Verdict], combined: Verdict) -> None:
    assert combine([Signature(verdict, "why") for verdict in verdicts]).verdict == combined
