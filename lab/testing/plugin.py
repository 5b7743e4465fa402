"""The lab in pytest: the fixture `lab`, the marker `lab_budget` and the option `--lab-out`. Installed with the lab.

    import pytest

    TOKENS = {
        "request": {"path": "/v1/chat/completions"},
        "client": {"streams": 10},
        "path": "wifi",
    }

    @pytest.mark.lab_budget("ttfc_ms p(95)<500", "stall_ratio_200 med<0.1")
    def test_tokens_flow(lab):
        measured = lab.run(TOKENS, app="app:app")
        assert measured.figure("chunks_per_read") < 2

The rule: green says that everything was measured and kept. A breached budget fails, and so does one that is undecided (the
message says how many more repetitions would decide), a run that is no measurement, and a marked test that measured nothing.
What this machine cannot apply skips by name with the remedy, after the rest was judged; under LAB_REQUIRE=all it fails. The
message names the run's directory, in the test's tmp_path or under `--lab-out`; `lab report` draws its charts.

Must import nothing of the lab before a test asks for it: every pytest of this environment loads this module. Measure one
test at a time: neighbours, those of pytest-xdist too, are in the figures. `lab.run` blocks: ask for it in plain `def` tests.
"""

import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.testing.experiment import Lab

_MARK = "lab_budget"
_LAB = pytest.StashKey["Lab"]()
# Of a run's directory, which is in a path that has the test's name already.
_NAME_LENGTH = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--lab-out`."""
    group = parser.getgroup("typewriter-lab", "typewriter-lab: token streams measured in tests")
    group.addoption(
        "--lab-out", type=Path, metavar="DIR", help="keep the runs of the fixture lab here, not in tmp_path"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    text = "what each run of the fixture lab in this test must keep, as in 'ttfc_ms p(95)<120'"
    config.addinivalue_line("markers", f"{_MARK}(*budgets): {text}")


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> "Lab":
    """Measure an application: `lab.run(scenario, app="module:app")`, `lab.compare(scenario, axis=…, base=…)`."""
    from lab.testing.experiment import Lab

    def tell(directory: Path) -> None:
        said = f"run: {directory}\ncharts and report: lab report {directory}"
        request.node.add_report_section("call", "lab", said)

    out = request.config.getoption("--lab-out")
    name = re.sub(r"[^\w.-]+", "-", request.node.name)[:_NAME_LENGTH]
    made = Lab(request.config.rootpath, tmp_path / "lab" if out is None else out, name, _budgets(request.node), tell)
    request.node.stash[_LAB] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A marked test that passed has measured something."""
    result = yield
    if item.get_closest_marker(_MARK) is not None:
        made = item.stash.get(_LAB, None)
        if made is None or not made.runs:
            what = "asks for no fixture lab" if made is None else "never called lab.run or lab.compare"
            pytest.fail(f"the test is marked {_MARK} and {what}: no budget was checked", pytrace=False)
    return result


def _budgets(item: pytest.Item) -> tuple[str, ...]:
    """Of the test, its class and its module. Fails for what is no budget."""
    from lab.model.budget import parse_budget_option

    found: dict[str, None] = {}
    for mark in item.iter_markers(_MARK):
        try:
            if mark.kwargs or not mark.args:
                raise ValueError("give budgets as strings, as in 'ttfc_ms p(95)<120'")
            for text in mark.args:
                parse_budget_option(text)
        except (ValueError, AttributeError) as error:
            pytest.fail(f"@pytest.mark.{_MARK}: {error}", pytrace=False)
        found |= dict.fromkeys(mark.args)
    return tuple(found)
