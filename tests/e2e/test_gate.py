"""The gate on a real run: an injected regression is found, and the same value spelled in another way is not one."""

import json
import os
import subprocess
import sys
from pathlib import Path

# Three values of one axis: the base, the base again, and a server that thinks 40 ms longer before its first token.
SCENARIO = """
[scenario]
repeat = 8
[workload]
profile = "ticker"
chunks = 3
interval = "20ms"
[matrix]
"workload.first" = ["20ms", "20.0ms", "60ms"]
[budget]
ttfc_ms = ["min>0", "med<5000"]
"""


def _lab(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("LAB_REQUIRE", "GITHUB_ACTIONS")}
    command = [sys.executable, "-m", "lab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=110)


def test_an_injected_regression_is_found_and_the_same_is_not_called_one(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(SCENARIO)
    done = _lab("run", "gate.toml", "--until-decided", "workload.first=20ms", "--max-time", "40s", cwd=tmp_path)
    assert "decided" in done.stderr, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    info = json.loads((run / "run.json").read_text())
    assert info["finished"]
    assert info["until_decided"]["over"]

    axis = ("--axis", "workload.first", "--base", "20ms")
    checked = _lab("check", run, *axis, "--json", "--junit", "junit.xml", "--markdown", "gate.md", cwd=tmp_path)
    found = json.loads(checked.stdout)
    verdicts = {each["axes"]["workload.first"]: each for each in found["comparisons"]}
    assert checked.returncode == 1, checked.stderr
    assert verdicts["60ms"]["verdict"] == "worse"
    assert verdicts["60ms"]["ratio"] > 1.5
    assert verdicts["20.0ms"]["verdict"] != "worse"
    assert {each["verdict"] for each in found["budgets"]} == {"ok"}
    assert "<failure " in (tmp_path / "junit.xml").read_text()
    assert "| worse |" in (tmp_path / "gate.md").read_text()

    kept = _lab("baseline", run, "--out", "baseline.json", cwd=tmp_path)
    assert kept.returncode == 0, kept.stderr
    itself = _lab("check", run, "--baseline", "baseline.json", cwd=tmp_path)
    assert itself.returncode == 0, itself.stdout + itself.stderr
