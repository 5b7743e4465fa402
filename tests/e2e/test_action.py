"""The action and the workflows that are offered to other projects: their steps run for real."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.gate.sides import Side, pairs_by_axis
from lab.model.matrix import expand
from lab.run.catalogue import load
from tests.e2e import actions
from tests.gate.made_up import steady, two_sided

ROOT = Path(__file__).parents[2]
ACTION = actions.read(ROOT / "action.yml")
STEPS = ACTION["runs"]["steps"]
CHECKING = [step for step in STEPS if step.get("name") in ("Install the lab", "Check")]
WORKFLOWS = {name: ROOT / name for name in (".github/workflows/gate.yml", "examples/gate.yml")}

# Six pairs, the fewest that decide one comparison; the head thinks 40 ms longer.
SCENARIO = """
[scenario]
repeat = 6
[workload]
profile = "ticker"
chunks = 2
interval = "20ms"
[matrix]
"workload.first" = ["20ms", "60ms"]
"""
AXIS = {"scenario": "my.toml", "axis": "workload.first", "max-time": "20s"}


def _runner(workspace: Path, **given: str) -> actions.Runner:
    contexts = {"github.action_path": str(ROOT), **actions.inputs(ACTION, given)}
    return actions.Runner(workspace, contexts)


def _checking(workspace: Path, run: str, **given: str) -> actions.Runner:
    """A runner that has installed and measured already."""
    runner = _runner(workspace, **{"scenario": "my.toml", **given})
    runner.contexts["steps.measure.outputs.run"] = run
    return runner


def _failures(runner: actions.Runner) -> int:
    return int(ElementTree.parse(runner.temporary / "typewriter-lab" / "junit.xml").getroot().attrib["failures"])


def test_worse_fails_the_job_and_better_does_not_and_both_say_so_everywhere(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(SCENARIO)
    runner = _runner(tmp_path, **AXIS, base="20ms", budgets="ttfc_ms min>0\n\nttfc_ms max<60000\n")
    assert runner.run(STEPS) == 1, runner.said
    assert runner.contexts["steps.check.outputs.verdict"] == "worse"
    assert "::error title=60ms%3A ttfc_ms_p50 worse::" in runner.said
    assert "## ❌ worse" in runner.read("summary")
    assert "ttfc_ms max<60000" in runner.read("summary")
    assert _failures(runner) == 1
    assert f"pip install --quiet --constraint {ROOT}/constraints.txt {ROOT}" in runner.read("calls")
    run = runner.contexts["steps.measure.outputs.run"]
    assert Path(run, "report.html").exists()

    other = _checking(tmp_path / "other", run, **AXIS, base="60ms")
    assert other.run(CHECKING) == 0, other.said
    assert other.contexts["steps.check.outputs.verdict"] == "better"
    assert "::error" not in other.said
    assert "## ✅ better" in other.read("summary")
    assert _failures(other) == 0


CHECKS: dict[str, tuple[dict[str, str], int, str, str]] = {
    "kept": ({"budgets": "ttfc_ms avg<200"}, 0, "same", "same: "),
    "undecided": ({"budgets": "ttfc_ms p(95)<200"}, 3, "undecided", "::warning title=nagle%3A budget"),
    "undecided, and that may be": (
        {"budgets": "ttfc_ms p(95)<200", "undecided": "pass"}, 0, "undecided", "::warning title=nagle%3A budget",
    ),
    "breached, and undecided may be": (
        {"budgets": "ttfc_ms avg<50\nttfc_ms p(95)<200", "undecided": "pass"}, 1, "worse", "::error title=nagle%3A budget",
    ),
    "no baseline there": ({"baseline": "no-such.json", "undecided": "pass"}, 3, "", "no-such.json"),
    "nothing to check": ({"undecided": "pass"}, 2, "", "nothing to check"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "code", "verdict", "words"), CHECKS.values(), ids=CHECKS)
def test_how_a_check_ends(tmp_path: Path, given: dict[str, str], code: int, verdict: str, words: str) -> None:
    run = two_sided(tmp_path, steady(100), steady(100))
    runner = _checking(tmp_path / "job", str(run.path), **given)
    assert runner.run(CHECKING) == code, runner.said
    assert runner.contexts["steps.check.outputs.verdict"] == verdict
    assert words in runner.said


ONE = "[scenario]\nrepeat = 1\n[server]\ncommand = 'false {port}'\n"
RUNS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no measurement": (ONE, {"budgets": "ttfc_ms max<1", "only": "cell=only\n"}, 3, "::warning title=only%3A budget"),
    "no such scenario": ("[scenarios]\n", {}, 2, "unknown"),
    "no such cell": (ONE, {"only": "path=moon"}, 2, "--only path=moon matches no cell"),
}


@pytest.mark.parametrize(("scenario", "given", "code", "words"), RUNS.values(), ids=RUNS)
def test_what_cannot_be_measured_fails(
    tmp_path: Path, scenario: str, given: dict[str, str], code: int, words: str
) -> None:
    (tmp_path / "my.toml").write_text(scenario)
    runner = _runner(tmp_path, scenario="my.toml", undecided="pass", **given)
    assert runner.run(STEPS) == code, runner.said
    assert words in runner.said


def _uses(document: dict[str, Any]) -> list[dict[str, Any]]:
    steps = document["runs"]["steps"] if "runs" in document else document["jobs"]["gate"]["steps"]
    return [step for step in steps if "uses" in step]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS.values()], ids=["action.yml", *WORKFLOWS])
def test_other_actions_are_official_and_pinned(path: Path) -> None:
    for step in _uses(actions.read(path)):
        official = re.fullmatch(r"actions/(checkout|setup-python|upload-artifact)@v\d+", step["uses"])
        assert official or step["uses"].startswith(("./", "OWNER/typewriter-lab@"))


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_workflow_gives_the_action_what_it_knows_and_its_scenario_compares(path: Path) -> None:
    (step,) = [step for step in _uses(actions.read(path)) if not step["uses"].startswith("actions/")]
    given = step["with"]
    actions.inputs(ACTION, given)
    scenario = path.parents[1] / "gate.toml" if path.parent.name == "workflows" else path.with_name("gate.toml")
    assert given["scenario"].removeprefix("head/") in (str(scenario.relative_to(ROOT)), scenario.name)
    cells = expand(load(str(scenario), {}))
    sides = [Side(cell.name, cell.axes, {}, False, "", lambda _metric: {}) for cell in cells]
    pairs = pairs_by_axis(sides, given["axis"], given["base"])
    assert {name for pair in pairs for name in (pair.base.cell, pair.head.cell)} == {cell.name for cell in cells}
    assert all(pair.head.cell == pair.base.cell.replace("base", "head") for pair in pairs)


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_the_workflow_installs_both_sides(tmp_path: Path, path: Path) -> None:
    runner = actions.Runner(tmp_path)
    assert runner.run(actions.read(path)["jobs"]["gate"]["steps"]) == 0, runner.said
    calls = runner.read("calls").splitlines()
    assert [call.split()[-1] for call in calls] == ["venv-base", "./base", "venv-head", "./head"]
