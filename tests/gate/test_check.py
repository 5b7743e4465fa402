"""`lab check` on made-up runs: every exit code, every bad input, and never a false green."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.__main__ import _run
from lab.trace.store import Run
from tests.gate import made_up
from tests.gate.made_up import cell, steady, two_sided

Figures = Sequence[float | None]
AXIS = ("--axis", "server.nodelay", "--base", "true")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command line in this process: `lab("check", …)` gives its exit code, stdout and stderr."""

    def call(*arguments: object, **environment: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["lab", *map(str, arguments)])
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = _run()
        return code, *capsys.readouterr()

    return call


# ---- One run, two sides

VERDICTS: dict[str, tuple[Figures, Figures, int, str]] = {
    "the same": (steady(100), steady(101), 0, "same"),
    "worse": (steady(100), steady(112), 1, "worse"),
    "better": (steady(112), steady(100), 0, "better"),
    "undecided, for it is noisy": (steady(100), [*steady(60)[:6], *steady(160)[:6]], 3, "undecided"),
    "one repetition only": ([100.0], [150.0], 3, "undecided"),
    "one repetition only, and alike": ([100.0], [100.0], 3, "undecided"),
    "a side without a valid repetition": (steady(100), [None, None], 3, "invalid"),
    "some invalid repetitions": ([None, *steady(100)], [*steady(112), None], 1, "worse"),
    "no slot in common": ([100.0, None], [None, 100.0], 3, "invalid"),
}


@pytest.mark.parametrize(("base", "head", "code", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_the_exit_code_is_the_verdict(
    lab: Any, tmp_path: Path, base: Figures, head: Figures, code: int, verdict: str
) -> None:
    run = two_sided(tmp_path, base, head)
    done = lab("check", run.path, *AXIS, "--json")
    assert done[0] == code
    document = json.loads(done[1])
    assert document["verdict"] == verdict
    assert [(each["cell"], each["metric"], each["verdict"]) for each in document["comparisons"]] == [
        ("nagle", "ttfc_ms_p50", verdict)
    ]


def test_a_skipped_side_is_no_measurement(lab: Any, tmp_path: Path) -> None:
    cells = {
        "nodelay": cell("nodelay", {"server.nodelay": True}),
        "nagle": cell("nagle", {"server.nodelay": False}, skipped=True),
    }
    run = made_up.run(tmp_path, cells, {"nodelay": steady(100)})
    code, out, _ = lab("check", run.path, *AXIS)
    assert code == 3
    assert "nagle was skipped: no TUN device. Run as root." in " ".join(out.split()).replace("│ ", "")


def test_a_run_that_was_not_finished_is_no_measurement_yet(lab: Any, tmp_path: Path) -> None:
    run = two_sided(tmp_path, steady(100), steady(100.5))
    run.info.finished = False
    run.info.save(run.path / "run.json")
    code, out, err = lab("check", run.path, *AXIS, "--json")
    assert (code, json.loads(out)["verdict"]) == (3, "invalid")
    assert "lab run --resume" in err


def test_worse_beats_undecided(lab: Any, tmp_path: Path) -> None:
    cells = {f"{n}": cell(f"{n}", {"client.streams": n, "server.nodelay": n % 2 == 0}) for n in (0, 1)}
    cells = {name: made.model_copy(update={"axes": {"server.nodelay": name == "0"}}) for name, made in cells.items()}
    cells["a"], cells["b"] = (cell(name, {"server.nodelay": name == "a", "path": "lan"}) for name in "ab")
    figures = {"0": steady(100), "1": [100.0], "a": steady(100), "b": steady(150)}
    code, out, _ = lab("check", made_up.run(tmp_path, cells, figures).path, *AXIS, "--json")
    assert [each["verdict"] for each in json.loads(out)["comparisons"]] == ["undecided", "worse"]
    assert code == 1


def test_metrics_are_chosen_and_a_lump_is_seen_in_chunks_per_read(lab: Any, tmp_path: Path) -> None:
    run = two_sided(tmp_path, steady(100), steady(112))
    code, out, _ = lab("check", run.path, *AXIS, "--metric", "chunks_per_read", "--metric", "stall_ratio_100", "--json")
    assert [each["metric"] for each in json.loads(out)["comparisons"]] == ["chunks_per_read", "stall_ratio_100"]
    assert code == 0


def test_on_github_what_is_not_fine_is_annotated_and_stdout_stays_a_document(lab: Any, tmp_path: Path) -> None:
    run = two_sided(tmp_path, steady(100), steady(112))
    code, out, err = lab("check", run.path, *AXIS, "--json", GITHUB_ACTIONS="true")
    assert (code, json.loads(out)["verdict"]) == (1, "worse")
    assert err.startswith("::error title=nagle%3A ttfc_ms_p50 worse::")
    assert "::error" not in lab("check", run.path, *AXIS)[2]


def test_files_are_written_where_they_are_wanted(lab: Any, tmp_path: Path) -> None:
    run = two_sided(tmp_path / "run", steady(100), steady(112))
    junit, markdown = tmp_path / "out" / "junit.xml", tmp_path / "out" / "check.md"
    code, out, _ = lab("check", run.path, *AXIS, "--junit", junit, "--markdown", markdown)
    assert code == 1
    assert "worse" in out.splitlines()[-1]
    assert junit.read_text().startswith("<?xml")
    assert markdown.read_text().startswith("## ❌ worse")


# ---- Bad input

BAD: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "nothing to check": ((), ["nothing to check", "--baseline", "--axis"]),
    "an axis without base": (("--axis", "server.nodelay"), ["--axis and --base belong together"]),
    "a base without axis": (("--base", "true"), ["--axis and --base belong together"]),
    "both ways": ((*AXIS, "--baseline", "x"), ["--baseline compares with another run"]),
    "no such axis": (
        ("--axis", "server.flush", "--base", "every"),
        ["no cell of this run has it", "server.nodelay, path"],
    ),
    "no such value": (("--axis", "server.nodelay", "--base", "none"), ["server.nodelay has the values true, false"]),
    "an axis of one value": (("--axis", "path", "--base", "lan"), ["no two cells of this run differ in path alone"]),
    "no such metric": ((*AXIS, "--metric", "ttfc"), ["--metric ttfc: no such metric", "chunks_per_read"]),
    "the lab's own error is none": ((*AXIS, "--metric", "emit_lag_ms_p99"), ["no such metric"]),
    "no such budget": (("--budget", "ttfc p(95)<1"), ["--budget: 'ttfc' is nothing"]),
    "no rule": (("--budget", "ttfc_ms"), ["--budget: 'ttfc_ms' is no budget"]),
    "no baseline": (("--baseline", "nowhere.json"), ["Could not read nowhere.json"]),
}


@pytest.mark.parametrize(("options", "said"), BAD.values(), ids=BAD)
def test_wrong_usage_is_refused_with_the_reason(
    lab: Any, tmp_path: Path, options: tuple[str, ...], said: list[str]
) -> None:
    code, out, err = lab("check", two_sided(tmp_path, [100.0], [100.0]).path, *options)
    assert code == (3 if "no baseline" in err or "Could not read" in err else 2)
    assert out == ""
    assert [part for part in said if part not in err] == [], err


def test_no_run_is_wrong_usage(lab: Any, tmp_path: Path) -> None:
    assert lab("check", tmp_path / "nowhere", *AXIS)[0] == 2


# ---- Against a baseline


def _single(directory: Path, ttfc_ms: Figures, **changes: Any) -> Run:
    environment = changes.pop("environment", made_up.MACHINE)
    axes = changes.pop("axes", {"path": "lan"})
    return made_up.run(directory, {"only": cell("only", axes, **changes)}, {"only": ttfc_ms}, environment=environment)


@pytest.mark.parametrize(
    ("head", "code"), [(steady(101), 0), (steady(112), 1), ([112.0], 3)], ids=["same", "worse", "one"]
)
@pytest.mark.parametrize("form", ["run", "file"])
def test_a_baseline_is_a_run_or_a_file(lab: Any, tmp_path: Path, head: Figures, code: int, form: str) -> None:
    base, other = _single(tmp_path / "base", steady(100)), _single(tmp_path / "head", head)
    where = base.path
    if form == "file":
        where = tmp_path / "baseline.json"
        assert lab("baseline", base.path, "--out", where)[0] == 0
    assert lab("check", other.path, "--baseline", where)[0] == code


def test_cells_are_matched_by_their_axes_whatever_their_names_and_budgets(lab: Any, tmp_path: Path) -> None:
    base = made_up.run(
        tmp_path / "b", {"x": cell("x", {"path": "lan", "budget.ttfc_ms": ["p(50)<1"]})}, {"x": steady(100)}
    )
    assert lab("check", _single(tmp_path / "h", steady(112)).path, "--baseline", base.path)[0] == 1


INCOMPARABLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no common cell": ({"axes": {"path": "wifi"}}, ["no cell in common", "path wifi", "path lan"]),
    "another scenario": (
        {"workload": {"profile": "ticker", "chunks": 50, "interval": "20ms"}},
        ["measured under other conditions", "workload.chunks is 40 there and 50 here", "two scenarios"],
    ),
    "another path": ({"backend": "tun"}, ["path (as applied) is loopback there and tun here"]),
}


@pytest.mark.parametrize(("changes", "said"), INCOMPARABLE.values(), ids=INCOMPARABLE)
def test_what_cannot_be_compared_is_refused(lab: Any, tmp_path: Path, changes: dict[str, Any], said: list[str]) -> None:
    base, head = _single(tmp_path / "base", steady(100)), _single(tmp_path / "head", steady(100), **changes)
    code, out, err = lab("check", head.path, "--baseline", base.path)
    assert (code, out) == (2, "")
    assert [part for part in said if part not in err] == [], err


def test_a_server_may_differ_for_that_is_what_is_measured(lab: Any, tmp_path: Path) -> None:
    server = {**made_up.SERVER, "nodelay": False}
    base, head = _single(tmp_path / "base", steady(100)), _single(tmp_path / "head", steady(150), server=server)
    assert lab("check", head.path, "--baseline", base.path)[0] == 1


def _baseline_of_a_steady_run(lab: Any, tmp_path: Path) -> Path:
    file = tmp_path / "baseline.json"
    assert lab("baseline", _single(tmp_path / "base", steady(100)).path, "--out", file)[0] == 0
    return file


SPOILT: dict[str, tuple[Callable[[str], str], int, str]] = {
    "empty": (lambda _: "", 3, "it is empty"),
    "torn": (lambda text: text[: len(text) // 2], 3, "it is torn"),
    "without cells": (lambda text: json.dumps(json.loads(text) | {"cells": []}), 2, "has no cells"),
    "something else": (lambda _: "{}", 2, "is no baseline"),
    "a later lab's": (lambda text: json.dumps(json.loads(text) | {"format_version": 99}), 2, "use a newer lab"),
}


@pytest.mark.parametrize(("spoil", "code", "said"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_baseline_is_never_a_green_check(
    lab: Any, tmp_path: Path, spoil: Callable[[str], str], code: int, said: str
) -> None:
    file = _baseline_of_a_steady_run(lab, tmp_path)
    file.write_text(spoil(file.read_text()))
    done = lab("check", _single(tmp_path / "head", steady(100)).path, "--baseline", file)
    assert done[:2] == (code, "")
    assert said in done[2]
    assert str(file) in done[2]


def test_a_directory_without_a_run_is_no_baseline(lab: Any, tmp_path: Path) -> None:
    code, out, err = lab("check", _single(tmp_path / "head", steady(100)).path, "--baseline", tmp_path)
    assert (code, out) == (2, "")
    assert "it has no run.json" in err


@pytest.mark.parametrize("form", ["run", "file"])
def test_a_run_that_is_invalid_through_and_through_is_no_measurement(lab: Any, tmp_path: Path, form: str) -> None:
    base = _single(tmp_path / "base", steady(100)).path if form == "run" else _baseline_of_a_steady_run(lab, tmp_path)
    code, out, _ = lab("check", _single(tmp_path / "head", [None] * 12).path, "--baseline", base, "--json")
    assert (code, json.loads(out)["verdict"]) == (3, "invalid")


def test_an_invalid_run_is_no_baseline_either(lab: Any, tmp_path: Path) -> None:
    invalid = _single(tmp_path / "base", [None] * 12).path
    code, out, _ = lab("check", _single(tmp_path / "head", steady(100)).path, "--baseline", invalid, "--json")
    assert (code, json.loads(out)["verdict"]) == (3, "invalid")
    code, _, err = lab("baseline", invalid, "--out", tmp_path / "baseline.json")
    assert code == 2
    assert "only has no valid repetition: the client read late" in err
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize("count", [1, 4])
def test_a_baseline_of_too_few_repetitions_decides_nothing(lab: Any, tmp_path: Path, count: int) -> None:
    base, head = _single(tmp_path / "base", steady(100, count)), _single(tmp_path / "head", steady(100))
    assert lab("check", head.path, "--baseline", base.path)[0] == 3


TORN: dict[str, tuple[str, str]] = {
    "its index": ("run.json", "Could not read"),
    "a table": ("chunks/only.3.parquet", "it is torn"),
}


@pytest.mark.parametrize(("name", "said"), TORN.values(), ids=TORN)
def test_a_torn_run_is_no_measurement(lab: Any, tmp_path: Path, name: str, said: str) -> None:
    base, head = _single(tmp_path / "base", steady(100)), _single(tmp_path / "head", steady(100))
    file = head.path / name
    file.write_bytes(file.read_bytes()[:-200])
    code, out, err = lab("check", head.path, "--baseline", base.path)
    assert (code, out) == (3, "")
    assert said in err


# ---- A baseline of another machine

OTHER = {**made_up.MACHINE, "cpu": "another processor"}


def _with_reference(directory: Path, lan_ms: Figures, reference_ms: Figures, **of: Any) -> Run:
    cells = {"ref": cell("ref", {"path": "loopback"}), "lan": cell("lan", {"path": "lan"}, backend="tun")}
    return made_up.run(directory, cells, {"ref": reference_ms, "lan": lan_ms}, **of)


@pytest.mark.parametrize(
    ("lan_ms", "code"), [(200.0, 0), (230.0, 1)], ids=["twice as slow everywhere", "more than twice"]
)
def test_another_machine_is_compared_in_ratio_to_a_cell_of_both(
    lab: Any, tmp_path: Path, lan_ms: float, code: int
) -> None:
    base = _with_reference(tmp_path / "base", steady(100), steady(50))
    head = _with_reference(tmp_path / "head", steady(lan_ms), steady(100), environment=OTHER)
    done = lab("check", head.path, "--baseline", base.path, "--json")
    assert done[0] == code
    assert [each["cell"] for each in json.loads(done[1])["comparisons"]] == ["lan"]
    assert "cpu a processor there and another processor here" in done[2]


def test_another_machine_without_such_a_cell_is_refused(lab: Any, tmp_path: Path) -> None:
    base = _single(tmp_path / "base", steady(100), backend="tun")
    head = _single(tmp_path / "head", steady(100), backend="tun", environment=OTHER)
    code, _, err = lab("check", head.path, "--baseline", base.path)
    assert code == 2
    assert "another kind of machine" in err
    assert "make a baseline on this machine" in err


def test_another_machine_with_nothing_but_the_reference_is_refused(lab: Any, tmp_path: Path) -> None:
    base, head = _single(tmp_path / "base", steady(100)), _single(tmp_path / "head", steady(100), environment=OTHER)
    assert lab("check", head.path, "--baseline", base.path)[0] == 2


# ---- Budgets

BUDGETS: dict[str, tuple[str, int, str]] = {
    "kept": ("ttfc_ms med<110", 0, "ok"),
    "breached": ("ttfc_ms med<90", 1, "worse"),
    "between": ("ttfc_ms avg<100.35", 3, "undecided"),
    "too few values for a p95": ("ttfc_ms p(95)<200", 3, "undecided"),
    "a column": ("stall_ratio_100 value==0", 0, "ok"),
    "a column that is a quantile": ("ttfc_ms_p50 value<110", 0, "ok"),
    "a mean over repetitions": ("chunks_per_read avg<1.5", 0, "ok"),
    "what was not measured": ("path_error_ms_p99 value<1", 3, "invalid"),
}


@pytest.mark.parametrize(("budget", "code", "verdict"), BUDGETS.values(), ids=BUDGETS)
def test_a_budget_needs_no_baseline(lab: Any, tmp_path: Path, budget: str, code: int, verdict: str) -> None:
    done = lab("check", _single(tmp_path, steady(100)).path, "--budget", budget, "--json")
    assert [each["verdict"] for each in json.loads(done[1])["budgets"]] == [verdict]
    assert done[0] == code


def test_the_scenario_has_budgets_of_its_own_for_each_cell(lab: Any, tmp_path: Path) -> None:
    cells = {
        "a": cell("a", {"path": "lan"}, budget={"ttfc_ms": ["med<110"]}),
        "b": cell("b", {"path": "wifi"}, budget={"ttfc_ms": ["med<90", "max<200"]}),
    }
    run = made_up.run(tmp_path, cells, {"a": steady(100), "b": steady(100)})
    code, out, _ = lab("check", run.path, "--json")
    assert [(each["cell"], each["rule"], each["verdict"]) for each in json.loads(out)["budgets"]] == [
        ("a", "med<110", "ok"),
        ("b", "med<90", "worse"),
        ("b", "max<200", "ok"),
    ]
    assert code == 1


def test_a_budget_for_a_cell_that_could_not_run_is_not_kept(lab: Any, tmp_path: Path) -> None:
    cells = {"a": cell("a", {"path": "lan"}), "b": cell("b", {"path": "wifi"}, skipped=True)}
    run = made_up.run(tmp_path, cells, {"a": steady(100)})
    code, out, _ = lab("check", run.path, "--budget", "ttfc_ms med<110", "--json")
    assert [each["verdict"] for each in json.loads(out)["budgets"]] == ["ok", "invalid"]
    assert code == 3
