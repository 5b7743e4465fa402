"""Lumps: which reads belong together, whatever the pace of the stream."""

import pytest

from lab.analysis.arrivals import Arrivals, BodyRead, EndsIn, Letter, lumps_of, spacings_ms

MS = 1_000_000


def _arrivals(*instants_ms: float, letters: tuple[int, ...] = ()) -> Arrivals:
    reads = [BodyRead(round(at_ms * MS), 10, EndsIn.EVENT) for at_ms in instants_ms]
    return Arrivals(0, 0, reads, [Letter(read, 10, number, 1) for number, read in enumerate(letters)])


CASES: dict[str, tuple[list[float], list[int]]] = {
    "nothing": ([], []),
    "one": ([5], [1]),
    "a metronome": ([0, 20, 40, 60], [1, 1, 1, 1]),
    "pieces of one write": ([0, 0.1, 0.3, 20, 20.2, 40], [3, 2, 1]),
    "far apart, and 4 ms within": ([0, 100, 104, 200, 300], [1, 2, 1, 1]),
    "fast: 2 ms are no lump": ([0, 2, 4, 6, 8, 10], [1] * 6),
    "fast, with one stall": ([0, 2, 4, 6, 2006, 2008, 2010], [1] * 7),
    "as fast as a line": ([n / 20 for n in range(50)], [50]),
}


@pytest.mark.parametrize(("instants_ms", "reads"), CASES.values(), ids=CASES)
def test_reads_that_belong_together(instants_ms: list[float], reads: list[int]) -> None:
    lumps = lumps_of(_arrivals(*instants_ms))
    assert [lump.reads for lump in lumps] == reads
    assert [lump.body_bytes for lump in lumps] == [10 * number for number in reads]


def test_the_limit_can_be_set() -> None:
    assert len(lumps_of(_arrivals(0, 20, 40), apart_ms=25)) == 1


def test_letters_and_frames_stand_in_the_lump_of_their_read() -> None:
    lumps = lumps_of(_arrivals(0, 0.1, 20, 40, letters=(0, 0, 1, 3)))
    assert [(lump.letters, lump.frames) for lump in lumps] == [(3, 3), (0, 0), (1, 1)]
    assert list(spacings_ms(lumps)) == [20, 20]
    assert (lumps[0].begin_ns, lumps[0].end_ns) == (0, round(0.1 * MS))
