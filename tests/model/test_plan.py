"""The plan of a response: seeded, the same everywhere, and with the statistics that its profile promises."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.plan import LLM_INTERVAL_CV, plan_chunks
from lab.model.workload import PROFILES, WorkloadSpec
from tests.model import specs

MS = 1_000_000


def _spec(**keys: Any) -> WorkloadSpec:
    return WorkloadSpec.model_validate(keys)


def _dues_ms(seed: str = "1/1", **keys: Any) -> list[float]:
    return [chunk.due_offset_ns / MS for chunk in plan_chunks(_spec(**keys), seed)]


DUES: dict[str, tuple[dict[str, Any], list[float]]] = {
    "a ticker is a metronome": ({"profile": "ticker", "chunks": 4, "interval": "5ms"}, [0, 5, 10, 15]),
    "the first is due later": ({"profile": "ticker", "chunks": 3, "interval": "5ms", "first": "7ms"}, [7, 12, 17]),
    "one chunk": ({"profile": "llm", "chunks": 1, "first": "3ms"}, [3]),
    "a phrase": ({"profile": "phrase"}, [0, 200, 400, 600, 800, 1000, 1200, 1400]),
    "bursts keep the mean": (
        {"profile": "burst", "chunks": 7, "burst": 3, "interval": "2ms"},
        [0, 0, 0, 6, 6, 6, 12],
    ),
    "a pause after the second chunk": (
        {"profile": "ticker", "chunks": 4, "interval": "5ms", "pause": {"after": 2, "for": "1s"}},
        [0, 5, 1010, 1015],
    ),
}


@pytest.mark.parametrize(("keys", "dues_ms"), DUES.values(), ids=DUES)
def test_when_chunks_are_due(keys: dict[str, Any], dues_ms: list[float]) -> None:
    assert _dues_ms(**keys) == dues_ms


@given(specs.workloads, st.text(max_size=9))
def test_a_plan_is_complete_in_order_and_repeats(keys: dict[str, Any], seed: str) -> None:
    small = {key: "9B" for key in ("size", "first_size") if key in keys}  # long texts take long and show nothing more
    spec = WorkloadSpec.model_validate({**keys, **small, "chunks": min(keys.get("chunks", 60), 60)})
    plan = plan_chunks(spec, seed)
    assert plan == plan_chunks(spec, seed)
    assert len(plan) == spec.chunks
    assert plan[0].due_offset_ns == spec.first
    assert all(early.due_offset_ns <= late.due_offset_ns for early, late in pairwise(plan))
    sizes = [spec.first_size or spec.size, *[spec.size] * (spec.chunks - 1)]
    for chunk, size_bytes in zip(plan, sizes, strict=True):
        assert chunk.text
        assert "\n" not in chunk.text
        assert size_bytes is None or len(chunk.text.encode()) == size_bytes


def test_the_mean_interval_of_llm_is_the_planned_one() -> None:
    """The mean of n gaps has the standard error CV/√n; six of them are exceeded once in half a billion seeds."""
    count = 10_000
    gaps = [late - early for early, late in pairwise(_dues_ms(profile="llm", chunks=count + 1, interval="20ms"))]
    assert abs(sum(gaps) / count / 20 - 1) < 6 * LLM_INTERVAL_CV / count**0.5
    assert len(set(gaps)) > count // 2


def test_notifications_are_a_poisson_process() -> None:
    """Exponential gaps: their standard deviation is their mean."""
    count = 10_000
    dues_ms = _dues_ms(profile="notifications", chunks=count + 1, interval="500ms")
    gaps = [late - early for early, late in pairwise(dues_ms)]
    mean = sum(gaps) / count
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / count) ** 0.5
    assert abs(mean / 500 - 1) < 6 / count**0.5
    assert abs(deviation / mean - 1) < 0.1


def test_a_burst_has_the_same_mean_interval_as_a_ticker() -> None:
    shared: dict[str, Any] = {"chunks": 81, "interval": "20ms"}
    assert _dues_ms(profile="burst", burst=8, **shared)[-1] == _dues_ms(profile="ticker", **shared)[-1]


def test_streams_differ_and_the_workload_has_a_seed_of_its_own() -> None:
    plain, seeded = _spec(profile="llm"), _spec(profile="llm", seed=7)
    assert plan_chunks(plain, "1/1") != plan_chunks(plain, "1/2")
    assert plan_chunks(seeded, "1/1") != plan_chunks(plain, "1/1")
    assert plan_chunks(seeded, "1/1") != plan_chunks(seeded, "1/2")


def test_words_come_with_the_space_before_them() -> None:
    texts = [chunk.text for chunk in plan_chunks(_spec(profile="llm"), "1/1")]
    assert not texts[0].startswith(" ")
    assert all(text.startswith(" ") for text in texts[1:])


_DIGEST = """
import hashlib
from lab.model.plan import plan_chunks
from lab.model.workload import PROFILES, WorkloadSpec
plans = [plan_chunks(WorkloadSpec.model_validate({"profile": profile}), "1/1") for profile in PROFILES]
print(hashlib.sha256(repr(plans).encode()).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_every_process_makes_the_same_plan(hash_seed: str) -> None:
    plans = [plan_chunks(_spec(profile=profile), "1/1") for profile in PROFILES]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == hashlib.sha256(repr(plans).encode()).hexdigest()
