"""`lab doctor --calibrate` for real and short: every part measured, one JSON document, and remembered for `--jobs`."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.__main__ import _run
from lab.run.calibration import memory
from lab.run.calibration.measure import Extent
from tests.e2e.test_machines import WITHOUT

SHORT: dict[str, Any] = {"wakeups": 20, "packets_per_s": (1_000,), "streams": (2,), "jobs": (1, 2), "step_s": 0.2}
KEYS = (
    "format_version machine measured took_s load_average interval_ms timer relay bottleneck streams jobs not_measured"
    " valid_up_to"
).split()


@pytest.fixture(autouse=True)
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("lab.run.calibration.measure.Extent", functools.partial(Extent, **SHORT))


@pytest.mark.needs("tun")
def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("LAB_REQUIRE", raising=False)
    monkeypatch.setattr(sys, "argv", ["lab", "doctor", "--calibrate", "--json"])
    assert _run() == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert list(document) == ["capabilities", "calibration"]
    found = document["calibration"]
    assert sorted(found) == sorted(KEYS)
    assert found["not_measured"] == []
    assert found["timer"]["wakeups"] == 20
    assert 0 < found["timer"]["late_us_p50"] <= found["timer"]["late_us_p99"]
    assert [step["packets_per_s"] for step in found["relay"]] == [1_000]
    assert abs(found["bottleneck"]["error_percent"]) < 5
    assert [step["streams"] for step in found["streams"]] == [2]
    assert [step["jobs"] for step in found["jobs"]] in ([1], [1, 2])
    for step in found["streams"] + found["jobs"]:
        assert step["objection"] or min(step["emit_lag_ms"], step["read_lag_ms"]) >= 0
    assert set(found["valid_up_to"]) == {"packets_per_s", "streams", "jobs"}
    assert memory.recall().valid_up_to.jobs == found["valid_up_to"]["jobs"]
    assert "2 streams: " in err
    assert "Traceback" not in err


_ELSEWHERE = f"""
from lab.run.calibration.measure import Extent, calibrate
from lab.run.progress import PlainLines
print(calibrate(Extent(**{SHORT!r}), PlainLines()).model_dump_json())
"""


@pytest.mark.needs("tun")
def test_without_tun_the_rest_is_measured_and_nothing_is_guessed() -> None:
    command = [*WITHOUT["no TUN device"], sys.executable, "-c", _ELSEWHERE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    assert (found["relay"], found["bottleneck"], found["jobs"]) == ([], None, [])
    assert found["timer"] is not None
    assert found["streams"] != []
    assert found["valid_up_to"]["jobs"] is None
    assert len(found["not_measured"]) == 2
    assert all(each["reason"] and each["remedy"] for each in found["not_measured"])
