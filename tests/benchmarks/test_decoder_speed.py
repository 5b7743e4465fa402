"""Bytes per second through the lab's decoder and through the decoders of httpx-sse and openai, on the same bytes.

The rule: what is compared has first been shown to give the same events. Aim: not slower than any peer, whatever comes.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx
import httpx_sse
import pytest
from openai._streaming import SSEDecoder

from lab.wire import sse
from lab.wire.openai import ChatStream

pytestmark = pytest.mark.bench

Decode = Callable[[list[bytes]], list[str]]

WHOLE_BYTES = 1 << 20
READ_BYTES = 1 << 16
ROUNDS = 7


class Case(NamedTuple):
    """One stream of about WHOLE_BYTES."""

    name: str
    events: list[bytes]


def _case(name: str, event: bytes) -> Case:
    return Case(name, [event] * (WHOLE_BYTES // len(event)))


CASES = [
    _case("tiny: 8 characters", sse.encode("letters ")),
    _case("OpenAI chunk", ChatStream("chatcmpl-1", 1_700_000_000, "typewriter").content(" letters")),
    _case("OpenAI chunk, not ASCII", ChatStream("chatcmpl-1", 1_700_000_000, "typewriter").content(" être 文字")),
    _case("named and numbered", sse.encode("letters ", event="delta", id="17")),
    _case("40 lines of data", sse.encode("\n".join(["a line of some words, as code has them"] * 40))),
    _case("large: 64 KiB in a line", sse.encode("x" * 65_536)),
]
CUTS: dict[str, Callable[[Case], list[bytes]]] = {
    "event by event": lambda case: case.events,
    "64 KiB reads": lambda case: _cut(b"".join(case.events), READ_BYTES),
    "1 KiB reads": lambda case: _cut(b"".join(case.events), 1024),
}


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _lab(reads: list[bytes]) -> list[str]:
    decoder = sse.Decoder()
    return [event.data for read in reads for event in decoder.feed(read)]


def _httpx_sse(reads: list[bytes]) -> list[str]:
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=_each(reads))
    return [event.data for event in httpx_sse.EventSource(response).iter_sse()]


def _openai(reads: list[bytes]) -> list[str]:
    return [event.data for event in SSEDecoder().iter_bytes(_each(reads))]


def _each(reads: list[bytes]) -> Iterator[bytes]:
    yield from reads


PEERS: dict[str, Decode] = {"httpx-sse": _httpx_sse, "openai": _openai}


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Lines that are printed when all is measured, also when aims were missed."""
    lines: list[str] = []
    yield lines
    print("\n\nDecoders, MB/s (ratio = ours / theirs; aim: at least 1)")
    print(f"{'events':<26}{'in':<16}{'lab':>8}" + "".join(f"{name:>12}{'ratio':>7}" for name in PEERS))
    print("\n".join(lines))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_not_slower_than_any_peer(case: Case, cut: str, table: list[str]) -> None:
    reads = CUTS[cut](case)
    expected = _lab(reads)
    assert len(expected) == len(case.events)
    assert all(peer(reads) == expected for peer in PEERS.values())
    ours, *theirs = _best_mb_per_s([_lab, *PEERS.values()], reads)
    shown = "".join(f"{speed:>12.0f}{ours / speed:>7.1f}" for speed in theirs)
    table.append(f"{case.name:<26}{cut:<16}{ours:>8.0f}{shown}")
    if ours < max(theirs):
        pytest.fail(f"aim missed: {case.name}, {cut}: {ours:.0f} MB/s, a peer has {max(theirs):.0f}", pytrace=False)


def _best_mb_per_s(decoders: list[Decode], reads: list[bytes]) -> list[float]:
    """Each one's fastest of ROUNDS, in turns: what disturbs one disturbs the others, and the fastest was disturbed least."""
    rounds = [[_time_ns(decode, reads) for decode in decoders] for _ in range(ROUNDS)]
    size_bytes = sum(map(len, reads))
    return [size_bytes * 1e3 / min(times_ns) for times_ns in zip(*rounds, strict=True)]


def _time_ns(decode: Decode, reads: list[bytes]) -> int:
    begin_ns = time.perf_counter_ns()
    decode(reads)
    return time.perf_counter_ns() - begin_ns
