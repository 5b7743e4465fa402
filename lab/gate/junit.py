"""A check as JUnit XML: one test case for each comparison and each budget.

The rule: worse is a failure, invalid an error, and undecided is skipped with its reason, because whether undecided stops a
build is the exit code's affair (3) and not the report's. There is no standard; this is what Ant wrote first and what the
readers of Jenkins, GitLab and GitHub accept (tests/gate/junit.xsd).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from xml.etree import ElementTree

from lab.gate import wording
from lab.gate.verdicts import Check

# Characters that XML 1.0 cannot hold, not even escaped (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {"worse": "failure", "invalid": "error", "undecided": "skipped"}


class _Case(NamedTuple):
    """One test case: what was tested, how it ended, and the whole sentence."""

    classname: str
    name: str
    verdict: str
    sentence: str


def junit(check: Check) -> str:
    """The document, to be written as UTF-8."""
    root = ElementTree.Element("testsuites", name="lab check")
    suites = {"comparisons": list(_comparisons(check)), "budgets": list(_budgets(check))}
    for name, cases in suites.items():
        if cases:
            root.append(_suite(f"{name} of {check.run}", cases))
    everything = [case for cases in suites.values() for case in cases]
    for name, count in _counts(everything).items():
        if name != "skipped":  # the outer element has none
            root.set(name, count)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _comparisons(check: Check) -> Iterable[_Case]:
    for each in check.compared:
        yield _Case(each.cell, each.metric, each.verdict, wording.sentence(each))


def _budgets(check: Check) -> Iterable[_Case]:
    for each in check.budgets:
        yield _Case(each.cell, f"{each.metric} {each.rule}", each.verdict, wording.budget_sentence(each))


def _counts(cases: Iterable[_Case]) -> dict[str, str]:
    found = [_ELEMENTS.get(case.verdict) for case in cases]
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(len(found)), **{name: str(found.count(element)) for name, element in kinds.items()}}


def _suite(name: str, cases: Iterable[_Case]) -> ElementTree.Element:
    cases = list(cases)
    suite = ElementTree.Element("testsuite", {"name": _clean(name), **_counts(cases)})
    for case in cases:
        element = ElementTree.SubElement(suite, "testcase", classname=_clean(case.classname), name=_clean(case.name))
        if kind := _ELEMENTS.get(case.verdict):
            outcome = ElementTree.SubElement(element, kind, message=_clean(case.sentence))
            if kind != "skipped":
                outcome.set("type", case.verdict)
        else:
            ElementTree.SubElement(element, "system-out").text = _clean(case.sentence)
    return suite


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
