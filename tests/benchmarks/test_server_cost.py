"""What a chunk costs the server in processor time, side by side with other servers that do the same work.

The rule: lag (emit − due) and cost are shown together and compared at equal lag, because either can be had for the other.
The lab's server is measured at several slacks; between them its figures are interpolated, and a peer is compared with the
widest slack at which neither p50 nor p99 is later than the peer's own. The aims are ratios of chunks per CPU-second.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from lab.server import pacer
from tests.benchmarks.peers.work import CHUNKS, INTERVAL_NS, TEXT
from tests.benchmarks.serving import Figure, Program, measure, python_program

pytestmark = pytest.mark.bench

LOADS = (100, 200, 400, 800)
FIXED_SLACKS_NS = (0, 250_000, 500_000, 2_000_000)  # the adaptive slack comes in beside them: 1 ms at these loads
GO_SOURCE = Path(__file__).parent / "peers" / "go" / "main.go"

# Peer → how many times its chunks per CPU-second ours must be; None where there is no aim.
AIMS = {
    "task per stream (Trio)": 3.0,
    "uvicorn, sse-starlette": None,
    "Go net/http": 0.65,
    "Go net/http, 1 thread": None,
}
CASES = [
    pytest.param(streams, peer, id=f"{streams}-{peer}", marks=[pytest.mark.needs("go")] * peer.startswith("Go"))
    for streams in LOADS
    for peer in AIMS
]


class Equal(NamedTuple):
    """The lab's server at the lag of a peer; `reached` is False if even without slack its lag is larger."""

    slack_us: float
    cpu_us_per_chunk: float
    reached: bool


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Lines that are printed when all is measured, also when aims were missed."""
    lines: list[str] = []
    yield lines
    print(
        "\n\nWhat a chunk costs the server (lag = emit − due; ratio = chunks per CPU-second, ours / theirs, at equal lag)"
    )
    print(
        f"{'streams':>7}  {'server':<24}{'chunks/s':>9}{'µs/chunk':>10}{'chunks/CPU-s':>13}{'lag p50 µs':>11}{'p99 µs':>9}",
        end="",
    )
    print(f"   {'ours at equal lag':<26}{'ratio':>6}")
    print("\n".join(lines))


@pytest.fixture(scope="module")
def go_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once, with nothing written outside of the temporary directory."""
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder), "GO111MODULE": "off"}
    built = folder / "server"
    subprocess.run(["go", "build", "-o", built, GO_SOURCE], env=environment, check=True)
    shutil.rmtree(folder / "cache")
    return built


@pytest.mark.parametrize(("streams", "peer"), CASES)
def test_chunks_per_cpu_second(streams: int, peer: str, table: list[str], request: pytest.FixtureRequest) -> None:
    ours = _ours(streams, table)
    theirs = measure(_program(peer, request), streams)
    equal = _at_equal_lag(ours, theirs)
    ratio = theirs.cpu_us_per_chunk / equal.cpu_us_per_chunk
    aim = AIMS[peer]
    found = f"{equal.cpu_us_per_chunk:5.1f} µs, slack {equal.slack_us:4.0f} µs"
    table.append(
        f"{_line(theirs)}   {found:<26}{ratio:6.2f}"
        f"{'' if aim is None else f'  aim {aim}'}{'' if equal.reached else '  our lag is larger'}"
    )
    if aim is not None and ratio < aim:
        pytest.fail(f"aim missed: {peer} at {streams} streams: {ratio:.2f} at equal lag, aim {aim}", pytrace=False)


def _program(peer: str, request: pytest.FixtureRequest) -> Program:
    match peer:
        case "task per stream (Trio)":
            return python_program(peer, "task_per_stream")
        case "uvicorn, sse-starlette":
            return python_program(peer, "sse_starlette_app")
    threads = ["env", "GOMAXPROCS=1"] if peer.endswith("1 thread") else []
    built = str(request.getfixturevalue("go_server"))
    return Program(peer, [*threads, built, "{fd}", str(INTERVAL_NS), str(CHUNKS), TEXT])


_measured: dict[int, dict[int, Figure]] = {}


def _ours(streams: int, table: list[str]) -> dict[int, Figure]:
    """By slack (ns). Measured when the first peer of the load asks, so that both see the machine in the same state."""
    if streams not in _measured:
        adaptive_ns = pacer.slack_ns(streams * 1e9 / INTERVAL_NS)
        programs = {slack_ns: _lab(f"slack {slack_ns / 1e3:.0f} µs", slack_ns) for slack_ns in FIXED_SLACKS_NS}
        programs[adaptive_ns] = _lab(f"adaptive ({adaptive_ns / 1e3:.0f} µs)")
        figures = {slack_ns: measure(program, streams) for slack_ns, program in sorted(programs.items())}
        table.extend(["", *map(_line, figures.values())])
        _measured[streams] = figures
    return _measured[streams]


def _lab(setting: str, *arguments: int) -> Program:
    return python_program(f"lab, {setting}", "lab_server", *arguments)


def _at_equal_lag(ours: dict[int, Figure], theirs: Figure) -> Equal:
    known_ns, figures = list(ours), list(ours.values())
    slack_ns = np.linspace(0, known_ns[-1], 401)
    p50_us = np.interp(slack_ns, known_ns, [figure.lag_p50_us for figure in figures])
    p99_us = np.interp(slack_ns, known_ns, [figure.lag_p99_us for figure in figures])
    cpu_us = np.interp(slack_ns, known_ns, [figure.cpu_us_per_chunk for figure in figures])
    reached = np.flatnonzero((p50_us <= theirs.lag_p50_us) & (p99_us <= theirs.lag_p99_us))
    at = reached[-1] if reached.size else 0
    return Equal(float(slack_ns[at]) / 1e3, float(cpu_us[at]), bool(reached.size))


def _line(figure: Figure) -> str:
    return (
        f"{figure.streams:>7}  {figure.name:<24}{figure.chunks / figure.seconds:>9.0f}{figure.cpu_us_per_chunk:>10.1f}"
        f"{figure.chunks_per_cpu_s:>13.0f}{figure.lag_p50_us:>11.0f}{figure.lag_p99_us:>9.0f}"
    )
