"""`lab probe` against `lab serve` in its modes: the verdict names what the server was told to do, from arrivals alone.

A shared machine may blur one response, so a verdict may take three; but no attempt may name another cause.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.model.matrix import expand
from lab.run import catalogue
from lab.run.forge import Forge
from lab.run.repetition import Repetition
from lab.trace.captures import read_capture
from tests.e2e.harness import NS_PER_MS, joined
from tests.e2e.serving import Served, served

PATIENCE_S = 60
ATTEMPTS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Saying a hundred tokens in a second, like a model of 100 tokens/s."""
    with served("--set", "chunks=100", "--set", "interval=10ms", "--set", "first=50ms") as running:
        yield running


def probed(server: Served, query: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document."""
    url = f"{server.url}/v1/chat/completions?{query}"
    command = [sys.executable, "-m", "lab", "probe", url, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


VERDICTS: dict[str, tuple[str, str]] = {
    "every, openai": ("flush=every", "smooth"),
    "every, plain": ("flush=every&format=plain", "smooth"),
    "every, until close": ("flush=every&framing=close", "smooth"),
    "every, three writes": ("flush=every&writes_per_chunk=3", "smooth"),
    "none, openai": ("flush=none", "byte-lumps"),
    "none, plain": ("flush=none&format=plain&size=150B", "byte-lumps"),
    "1 KiB": ("flush=bytes:1KiB", "byte-lumps"),
    "interval, openai": ("flush=interval:100ms", "timer"),
    "interval, plain, a metronome": ("flush=interval:100ms&format=plain&profile=ticker&interval=10ms", "timer"),
    "end, openai": ("flush=end", "whole-body"),
    "end, plain": ("flush=end&format=plain", "whole-body"),
    "bursts": ("profile=burst&chunks=100&interval=10ms", "source-bursts"),
    "bursts, plain": ("profile=burst&format=plain&chunks=100&interval=10ms&burst=5", "source-bursts"),
}


@pytest.mark.parametrize(("query", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_names_the_mode(server: Served, query: str, verdict: str) -> None:
    seen = []
    for _ in range(ATTEMPTS):
        code, told = probed(server, query)
        assert (code, told["status"], told["chunks"], told["completion"]) == (0, 200, 100, "done")
        seen.append(told["verdict"])
        if seen[-1] == verdict:
            break
    assert seen[-1] == verdict, told
    assert set(seen) <= {verdict, "undecided"}


def test_toggle_finds_that_this_server_cares_for_nothing(server: Served) -> None:
    """It never compresses, answers GET and POST alike, and its connections last."""
    code, told = probed(server, "chunks=30", "--toggle")
    assert code == 0
    assert [each["completion"] for each in told["toggles"]] == ["done"] * 4
    assert [each["chunks"] for each in told["toggles"]] == [30] * 4
    assert not any("status" in phrase for each in told["toggles"] for phrase in each["differences"])


def test_an_error_of_this_server_is_no_measurement(server: Served) -> None:
    code, told = probed(server, "flush=nonsense")
    assert (code, told["status"], told["chunks"], told["completion"]) == (3, 400, 0, "closed")


@pytest.mark.parametrize("form", ["plain", "openai"])
def test_a_recorded_stream_is_replayed_through_a_scenario(
    server: Served, forge: Forge, tmp_path: Path, form: str
) -> None:
    """Bursts of five, recorded from the one server and played by another: the same texts, due when they came."""
    file = tmp_path / "bursts.json"
    code, _ = probed(server, "profile=burst&chunks=40&interval=10ms&burst=5", "--record", str(file))
    assert code == 0
    capture = read_capture(file)
    (tmp_path / "replay.toml").write_text(
        f'[workload]\nprofile = "replay"\ncapture = "bursts.json"\nformat = "{form}"\n'
    )
    (cell,) = expand(catalogue.load(str(tmp_path / "replay.toml"), {}))
    repetition = Repetition(cell, rep=1, slot=1, seed="1/1")
    measured = joined(repetition, forge.conduct(repetition))
    assert [chunk["text"] for chunk in measured.chunks] == [chunk.text for chunk in capture.chunks]
    dues = [chunk["due_ns"] for chunk in measured.chunks]
    assert [late - early for early, late in pairwise(dues)] == [
        late.at_ns - early.at_ns for early, late in pairwise(capture.chunks)
    ]
    assert measured.streams[0]["completion"] == "done"
    # Between bursts lie 50 ms, within them nothing that anybody sees.
    assert [gap_ms > 10 for gap_ms in measured.gaps_ms()] == [
        late.at_ns - early.at_ns > 10 * NS_PER_MS for early, late in pairwise(capture.chunks)
    ]


def test_serve_plays_a_recording_that_its_operator_names(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "short.json"
    probed(server, "chunks=12", "--record", str(file))
    with served("--set", "profile=replay", "--set", f"capture={file}") as replaying:
        code, told = probed(replaying, "format=plain")
        assert (code, told["chunks"]) == (0, 12)
        assert probed(replaying, "chunks=5")[1]["chunks"] == 5
        code, told = probed(replaying, f"capture={file}")
        assert (code, told["status"]) == (3, 400)
