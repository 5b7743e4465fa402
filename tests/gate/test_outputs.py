"""What a check says to people and to programs: JUnit against its schema, Markdown, annotations, the table."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.bounds import Bounded
from lab.analysis.comparison import Floor, compare, floor_of
from lab.gate import wording
from lab.gate.annotations import annotations
from lab.gate.document import document
from lab.gate.junit import junit
from lab.gate.markdown import markdown
from lab.gate.terminal import tables
from lab.gate.verdicts import Budgeted, Check, Compared
from lab.model.budget import parse_rule
from tests.gate.made_up import steady

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def compared(cell: str, base: list[float], head: list[float], metric: str = "ttfc_ms_p50") -> Compared:
    found = compare(base, head, floor_of(metric), 5)
    return Compared(cell, "base", {"path": "lan"}, metric, floor_of(metric), tuple(base), tuple(head), found)


def missing(reason: str) -> Compared:
    return Compared("gone", "base", {"path": "wifi"}, "gap_ms_p99", Floor(), (), (), None, reason)


RULE = parse_rule("ttfc_ms", "p(95)<120")
BUDGETS = (
    Budgeted("a", "ttfc_ms", RULE, Bounded(100.0, 99.0, 101.0), "ok"),
    Budgeted("b", "ttfc_ms", RULE, Bounded(130.0, 129.0, 131.0), "worse"),
    Budgeted("c", "ttfc_ms", RULE, Bounded(100.0, 99.0, None, 5), "undecided"),
    Budgeted("d", "ttfc_ms", RULE, None, "invalid", "ttfc_ms was not measured in d"),
)
COMPARED = (
    compared("alike", steady(100), steady(101)),
    compared("slower", steady(100), steady(112)),
    compared("faster", steady(112), steady(100)),
    compared("few", [100.0], [150.0]),
    compared("stalls", [0.0] * 12, [0.02 + n / 1000 for n in range(12)], "stall_ratio_100"),
    missing("gone was skipped: no TUN device. Run as root."),
)
WHOLE = Check("ci-20260102", "path = lan, in the same run", COMPARED, BUDGETS, (), ("x was not compared",))


def test_the_made_up_check_has_every_verdict() -> None:
    assert {each.verdict for each in COMPARED} == {"same", "worse", "better", "undecided", "invalid"}
    assert {each.verdict for each in BUDGETS} == {"ok", "worse", "undecided", "invalid"}


CHECKS = {
    "everything": WHOLE,
    "comparisons only": Check("r", "a baseline", COMPARED[:1], (), (), ()),
    "budgets only": Check("r", "budgets only", (), BUDGETS, (), ()),
    "a run that is none": Check("r", "budgets only", (), BUDGETS[:1], ("the run was not finished",), ()),
}
VERDICT = {"everything": "worse", "comparisons only": "same", "budgets only": "worse", "a run that is none": "invalid"}


@pytest.mark.parametrize("name", CHECKS)
def test_the_gravest_verdict_is_that_of_the_check(name: str) -> None:
    assert CHECKS[name].verdict == VERDICT[name]


# ---- JUnit


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_junit_is_valid_against_the_common_schema(check: Check) -> None:
    SCHEMA.validate(junit(check))


def test_the_schema_would_notice() -> None:
    for spoilt in (
        "<testsuites><testcase name='a' classname='b'/></testsuites>",
        "<testsuites><testsuite name='a' tests='1'><testcase classname='b'/></testsuite></testsuites>",
        "<testsuites><testsuite name='a' tests='one'/></testsuites>",
    ):
        assert not SCHEMA.is_valid(spoilt)


def test_junit_counts_and_says_why() -> None:
    root = ElementTree.fromstring(junit(WHOLE))
    assert root.attrib == {"name": "lab check", "tests": "10", "failures": "3", "errors": "2"}
    comparisons, budgets = root
    assert comparisons.attrib["skipped"] == budgets.attrib["skipped"] == "1"
    ends = {case.attrib["classname"]: case[0] for case in comparisons}
    assert {name: end.tag for name, end in ends.items()} == {
        "alike": "system-out", "slower": "failure", "faster": "system-out",
        "few": "skipped", "stalls": "failure", "gone": "error",
    }  # fmt: skip
    assert "more repetitions would decide" in ends["few"].attrib["message"]
    assert "no TUN device" in ends["gone"].attrib["message"]
    assert "+12" in ends["slower"].attrib["message"]


@given(st.text(max_size=20), st.text(max_size=40))
def test_junit_holds_whatever_a_name_or_a_reason_holds(cell: str, reason: str) -> None:
    each = Compared(cell, "base", {}, "ttfc_ms_p50", Floor(), (), (), None, reason)
    SCHEMA.validate(junit(Check(cell, "x", (each,), (), (), ())))


# ---- Markdown, table, annotations, JSON


def test_markdown_has_a_row_for_each_with_its_verdict_and_a_picture() -> None:
    text = markdown(WHOLE)
    assert text.startswith("## ❌ worse: ci-20260102")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows if "ttfc_ms_p50" in line}) == 1
    slower = next(line for line in rows if "| slower |" in line)
    assert "❌" in slower
    assert "+11." in slower
    assert "█" in slower
    assert "> x was not compared" in text
    assert "`ttfc_ms p(95)<120`" in text


def test_markdown_is_not_taken_apart_by_what_is_in_it() -> None:
    each = missing("a|b\n<script>`*_[x](y)")
    row = next(line for line in markdown(Check("r", "x", (each,), (), (), ())).splitlines() if "gone" in line)
    assert "a&#124;b \\<script>\\`\\*\\_\\[x\\](y)" in row


def test_the_picture_shows_each_pair_between_less_and_more() -> None:
    assert wording.sparkline(compared("c", [10.0, 10.0, 10.0], [10.0, 20.0, 0.0])) == "▄█▁"
    quiet = wording.sparkline(compared("c", [10.0] * 3, [10.01, 9.99, 10.0]))
    assert quiet == "▄▄▄"


def test_the_table_says_what_would_decide() -> None:
    comparisons, budgets = tables(WHOLE)
    verdicts = list(comparisons.columns[-1].cells)
    assert verdicts[:3] == ["same", "worse", "better"]
    assert str(verdicts[3]).startswith("undecided: about")
    assert list(budgets.columns[-1].cells)[2:] == [
        "undecided: too few values for a bound: about 5 more repetitions would decide",
        "invalid: ttfc_ms was not measured in d",
    ]  # fmt: skip


def test_annotations_name_what_a_person_must_look_at_and_no_more() -> None:
    lines = list(annotations(WHOLE))
    assert [line.split(" ", 1)[0] for line in lines] == [
        "::error", "::warning", "::error", "::warning", "::error", "::warning", "::warning",
    ]  # fmt: skip
    assert lines[0].startswith("::error title=slower%3A ttfc_ms_p50 worse::ttfc_ms_p50 100 ms → ")
    assert " %25 (" in lines[0]


def test_an_annotation_stays_one_command() -> None:
    (line,) = annotations(Check("r", "x", (missing("100 %\n::error::x, y: z"),), (), (), ()))
    assert line.endswith("cannot be compared: 100 %25%0A::error::x, y: z")


def test_the_document_is_the_contract_s() -> None:
    found = json.loads(json.dumps(document(WHOLE), allow_nan=False))
    assert list(found) == ["verdict", "comparisons", "budgets"]
    assert {tuple(each) for each in found["comparisons"]} == {
        ("cell", "axes", "metric", "base", "head", "ratio", "low", "high", "verdict")
    }
    assert {tuple(each) for each in found["budgets"]} == {("cell", "metric", "rule", "value", "low", "high", "verdict")}
    slower, few, stalls = (found["comparisons"][n] for n in (1, 3, 4))
    assert slower["low"] < slower["ratio"] < slower["high"]
    assert few["ratio"] == 1.5
    assert (few["low"], few["high"]) == (None, None)
    assert stalls["ratio"] is None
    assert found["budgets"][3]["value"] is None
