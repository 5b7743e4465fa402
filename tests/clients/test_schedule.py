"""When requests are due: by the streams that are free, or by the clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.schedule import due_offsets_ns
from lab.model.client import ArrivalSpec, ClientSpec, parse_arrivals

MS = 1_000_000


def _spec(arrivals: str, streams: int, requests: int | None = None) -> ClientSpec:
    return ClientSpec(streams=streams, requests=requests, arrivals=parse_arrivals(arrivals))


CASES: dict[str, tuple[ClientSpec, list[int | None]]] = {
    "one": (_spec("together", 1), [0]),
    "all together": (_spec("together", 3), [0, 0, 0]),
    "the rest as streams become free": (_spec("together", 2, 5), [0, 0, None, None, None]),
    "staggered": (_spec("staggered:50ms", 3), [0, 50 * MS, 100 * MS]),
    "staggered by the clock, free stream or not": (_spec("staggered:2ms", 1, 4), [0, 2 * MS, 4 * MS, 6 * MS]),
}


@pytest.mark.parametrize(("spec", "offsets_ns"), CASES.values(), ids=CASES)
def test_due_offsets(spec: ClientSpec, offsets_ns: list[int | None]) -> None:
    assert due_offsets_ns(spec, "1/1") == offsets_ns


def test_a_poisson_process_has_its_rate() -> None:
    """Of n gaps the mean has the standard error 1/√n of itself."""
    count, rate_per_s = 10_000, 20.0
    offsets = due_offsets_ns(_spec("poisson:20/s", 1, count), "1/1")
    last_ns = offsets[-1]
    assert last_ns is not None
    assert abs(last_ns / 1e9 * rate_per_s / count - 1) < 6 / count**0.5


@given(st.integers(1, 200), st.floats(0.01, 1e5), st.text(max_size=9))
def test_a_poisson_process_is_seeded_and_in_order(requests: int, rate_per_s: float, seed: str) -> None:
    spec = ClientSpec(requests=requests, arrivals=ArrivalSpec(kind="poisson", rate_per_s=rate_per_s))
    offsets = [offset for offset in due_offsets_ns(spec, seed) if offset is not None]
    assert len(offsets) == requests
    assert offsets[0] >= 0
    assert all(early <= late for early, late in pairwise(offsets))
    assert offsets == due_offsets_ns(spec, seed)
    if requests > 3:
        assert offsets != due_offsets_ns(spec, seed + "x")
