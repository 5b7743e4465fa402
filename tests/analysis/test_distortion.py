"""What a client adds, beside what its kernel had: never what the network did."""

import numpy as np
import pytest

from lab.analysis.distortion import chunks_per_segment, gap_jitter_ms, ttfc_bias_ms
from lab.analysis.received import Received, received
from tests.synthetic import at, chunk_rows, table

NAN = float("nan")


def _client(recv: list[float | None], arrival: list[float]) -> Received:
    rows = chunk_rows(arrival, recv_ns=[at(ms) for ms in recv])
    return received(table("chunks", rows))


# recv and arrival of each chunk → bias of the first, jitter of the gaps, chunks per segment
CLIENTS: dict[str, tuple[list[float | None], list[float], float, list[float], float | None]] = {
    "tells everything at once": ([0, 20, 40], [0, 20, 40], 0, [0, 0], 1),
    "always equally late": ([0, 20, 40], [3, 23, 43], 3, [0, 0], 1),
    "late with the first only": ([0, 20, 40], [9, 20, 40], 9, [9, 0], 1),
    "collects two": ([0, 20, 40, 60], [20, 20, 60, 60], 20, [20, 20, 20], 1),
    "lumps of the network": ([20, 20, 60, 60], [20, 20, 60, 60], 0, [0, 0, 0], 2),
    "behind a lost segment": ([0, 140, 40, 60], [0, 140, 140, 140], 0, [0, 0, 0], 2),
    "no record of the path": ([None, None], [0, 20], NAN, [NAN], None),
    "one segment unknown": ([0, None, 40], [1, 25, 42], 1, [NAN, NAN], None),
}


@pytest.mark.parametrize(("recv", "arrival", "bias", "jitter", "lumps"), CLIENTS.values(), ids=CLIENTS)
def test_a_client(
    recv: list[float | None], arrival: list[float], bias: float, jitter: list[float], lumps: float | None
) -> None:
    chunks = _client(recv, arrival)
    np.testing.assert_allclose(ttfc_bias_ms(chunks), [bias])
    np.testing.assert_allclose(gap_jitter_ms(chunks), jitter)
    assert chunks_per_segment(chunks) == lumps


def test_no_gap_spans_two_streams() -> None:
    rows = [*chunk_rows([5], stream=1, recv_ns=[at(0)]), *chunk_rows([40, 60], stream=2, recv_ns=[at(40), at(60)])]
    chunks = received(table("chunks", rows))
    assert ttfc_bias_ms(chunks).tolist() == [5, 0]
    assert gap_jitter_ms(chunks).tolist() == [0]


def test_nothing_arrived() -> None:
    chunks = received(table("chunks", []))
    assert (ttfc_bias_ms(chunks).size, gap_jitter_ms(chunks).size, chunks_per_segment(chunks)) == (0, 0, None)
