"""The pytest plugin in a project of its own: its application is a real uvicorn, its tests run in a pytest of their own."""

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from lab.testing import plugin

pytest_plugins = ["pytester"]

APP = (Path(__file__).parent / "sse_app.py").read_text(encoding="utf-8")
INI = "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n"

TESTS = """
import pytest

TOKENS = {"scenario": {"repeat": 1}, "request": {"path": "/v1/chat/completions"}}

def test_figures_of_a_run(lab):
    measured = lab.run(TOKENS, app="app:app")
    assert measured.figure("ttfc_ms_p50") > 0
    assert measured.figure("gap_ms_p50", cell="only") > measured.figure("stall_ratio_200")
    assert (measured.directory / "chunks").is_dir()

@pytest.mark.lab_budget("ttfc_ms max<0.001", "ttfc_ms min>0")
def test_too_slow(lab):
    lab.run(TOKENS, app="app:app")

@pytest.mark.lab_budget("ttfc_ms avg<60000")
def test_too_few(lab):
    lab.run(TOKENS, app="app:app")

def test_does_not_start(lab):
    lab.run(TOKENS, app="no_such_module:app")

def test_answers_with_an_error(lab):
    lab.run({"scenario": {"repeat": 1}, "request": {"path": "/nowhere"}}, app="app:app")

def test_asks_for_what_was_not_measured(lab):
    lab.run(TOKENS, app="app:app", settings={"client.streams": 2}).figure("lateness_ms_p50")
"""


def _run(pytester: pytest.Pytester, tests: str, *arguments: str) -> tuple[dict[str, str], str, pytest.RunResult]:
    """The outcome of each test by its name, everything that was printed, and the result."""
    pytester.makepyfile(app=APP, test_it=tests)
    pytester.makeini(INI)
    result = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider", *arguments)
    text = result.stdout.str()
    return dict(re.findall(r"::(\w+) (PASSED|FAILED|ERROR|SKIPPED)", text)), text, result


def _of(text: str, test: str) -> str:
    """What pytest tells of one failed test."""
    return text.split(f" {test} __", 1)[1].split("\n_______", 1)[0]


@pytest.fixture(autouse=True)
def _may_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_REQUIRE", raising=False)


@pytest.mark.needs("tun")
def test_the_ten_lines_of_the_documentation(pytester: pytest.Pytester) -> None:
    documentation = inspect.getdoc(plugin) or ""
    example = documentation[documentation.index("    import pytest") : documentation.index("The rule")]
    outcomes, text, _ = _run(pytester, textwrap.dedent(example))
    assert outcomes == {"test_tokens_flow": "PASSED"}, text


def test_what_is_not_kept_or_not_measured_fails_with_its_reason(pytester: pytest.Pytester) -> None:
    outcomes, text, result = _run(pytester, TESTS, "--lab-out", "kept")
    assert outcomes.pop("test_figures_of_a_run") == "PASSED", text
    assert set(outcomes.values()) == {"FAILED"}
    result.assert_outcomes(passed=1, failed=5)
    kept = {path.name.rsplit("-", 2)[0]: path for path in (pytester.path / "kept").iterdir() if not path.is_symlink()}
    assert set(kept) == {"test_figures_of_a_run", *outcomes}
    for test in outcomes:
        assert f"run: {kept[test]}" in _of(text, test)
        assert f"lab report {kept[test]}" in _of(text, test)
    assert re.search(r"breached: only: ttfc_ms max<0\.001: [\d.]+ ms", _of(text, "test_too_slow"))
    assert "min>0" not in _of(text, "test_too_slow")
    assert "about 5 more repetitions would decide" in _of(text, "test_too_few")
    assert 'Could not import module "no_such_module"' in _of(text, "test_does_not_start")
    assert "404" in _of(text, "test_answers_with_an_error")
    assert "lateness_ms_p50 was not measured in only" in _of(text, "test_asks_for_what_was_not_measured")


MISUSED = """
import pytest

@pytest.mark.lab_budget("ttfc_ms p(95)<120")
def test_no_fixture(): pass

@pytest.mark.lab_budget("ttfc_ms p(95)<120")
def test_no_run(lab): pass

@pytest.mark.lab_budget("ttfc p95 < 120")
def test_no_budget(lab): pass

@pytest.mark.lab_budget
def test_empty(lab): pass

@pytest.mark.lab_budget(ttfc_ms=120)
def test_by_name(lab): pass

def test_two_servers(lab): lab.run(app="app:app", command="other {port}")
def test_no_such_scenario(lab): lab.run("no-such-scenario")
def test_no_such_key(lab): lab.run({"server": {"comand": "x"}})
def test_no_such_axis(lab): lab.compare({"matrix": {"path": ["loopback"]}}, axis="server.flush", base="every")
def test_no_time(lab):
    flushes = {"matrix": {"server.flush": ["every", "end"]}}
    lab.compare(flushes, axis="server.flush", base="every", max_time="2")
"""

WRONG = {
    "test_no_fixture": "asks for no fixture lab: no budget was checked",
    "test_no_run": "never called lab.run or lab.compare: no budget was checked",
    "test_no_budget": "'ttfc' is nothing that a budget can be set for",
    "test_empty": "give budgets as strings",
    "test_by_name": "give budgets as strings",
    "test_two_servers": "one server is started",
    "test_no_such_scenario": "cannot read the scenario 'no-such-scenario'",
    "test_no_such_key": "unknown key 'server.comand'",
    "test_no_such_axis": "no cell of this run has it",
    "test_no_time": "max_time: ",
}


def test_wrong_usage_is_told_and_never_green(pytester: pytest.Pytester) -> None:
    outcomes, text, _ = _run(pytester, MISUSED)
    assert set(outcomes) == set(WRONG)
    assert set(outcomes.values()) == {"FAILED", "ERROR"}
    for test, words in WRONG.items():
        assert words in _of(text, test), test


COMPARING = """
TICKER = {"scenario": {"repeat": 8}, "workload": {"profile": "ticker", "chunks": 2, "interval": "20ms"}}
SLOWER = {**TICKER, "matrix": {"workload.first": ["20ms", "60ms"]}}

def test_worse(lab):
    lab.compare(SLOWER, axis="workload.first", base="20ms", max_time="20s")
"""


def test_two_sides_of_an_axis_are_compared(pytester: pytest.Pytester) -> None:
    outcomes, text, _ = _run(pytester, COMPARING)
    assert outcomes == {"test_worse": "FAILED"}, text
    assert re.search(r"60ms against 20ms: ttfc_ms_p50 .* pairs: worse", _of(text, "test_worse"))


LACKING = """
def test_far(lab):
    lab.run({"scenario": {"repeat": 1}, "client": {"kind": "locust"}}, command="server {host} {port}")
"""
# Found by Python as it starts: to the lab, Locust is not installed.
WITHOUT = """
import importlib.util

def find_spec(name, package=None, found=importlib.util.find_spec):
    return None if name == "locust" else found(name, package)

importlib.util.find_spec = find_spec
"""


@pytest.mark.parametrize(("required", "outcome"), [("", "SKIPPED"), ("all", "FAILED")])
def test_a_capability_that_is_missing_skips_by_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, outcome: str
) -> None:
    pytester.mkdir("without").joinpath("sitecustomize.py").write_text(WITHOUT)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path / "without"))
    monkeypatch.setenv("LAB_REQUIRE", required)
    outcomes, text, _ = _run(pytester, LACKING, "-rs")
    assert outcomes == {"test_far": outcome}, text
    assert "locust" in text
