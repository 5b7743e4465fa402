"""A check as Markdown: for a pull request's comment or a job's summary. Its pictures are text, so they show anywhere."""

import re
from collections.abc import Iterator, Sequence

from lab.analysis.comparison import floor_of
from lab.gate import wording
from lab.gate.verdicts import Check

_SIGNS = {"worse": "❌", "undecided": "❔", "invalid": "⚠️", "better": "✅", "same": "✅", "ok": "✅"}


def markdown(check: Check) -> str:
    """The document, ending with a newline."""
    return "\n".join(_lines(check)) + "\n"


def _lines(check: Check) -> Iterator[str]:
    yield f"## {_SIGNS[check.verdict]} {_escaped(wording.headline(check))}"
    for note in (*check.problems, *check.notes):
        yield from ("", f"> {_escaped(note)}")
    if check.compared:
        yield ""
        yield from _comparisons(check)
    if check.budgets:
        yield ""
        yield from _budgets(check)


def _comparisons(check: Check) -> Iterator[str]:
    yield from _row(["", "cell", "metric", "base", "head", "change", "90 % interval", "pairs", "verdict"])
    yield from _row(["---"] * 5 + ["---:", "---", "---", "---"])
    for each in check.compared:
        medians = (each.found.base, each.found.head) if each.found else (None, None)
        figures = [wording.figure(each.metric, value) for value in medians]
        picture = f"`{wording.sparkline(each) or '-'}`"
        said = [wording.change(each), wording.span(each), picture, _escaped(wording.remark(each))]
        yield from _row([_SIGNS[each.verdict], _escaped(each.cell), f"`{each.metric}`", *figures, *said])
    yield ""
    floors = {
        f"{metric}: {wording.floors(floor_of(metric), metric)}" for metric in (each.metric for each in check.compared)
    }
    yield (
        f"A change counts beyond both floors ({'; '.join(floors)}). Each block is one pair of repetitions, in the order "
        "in which they ran: `▄` no change, `█` more, `▁` less."
    )


def _budgets(check: Check) -> Iterator[str]:
    yield from _row(["", "cell", "budget", "value", "bounds", "verdict"])
    yield from _row(["---"] * 6)
    for each in check.budgets:
        value = wording.figure(each.metric, each.found.value if each.found else None)
        rule = f"`{each.metric} {each.rule}`"
        said = [wording.budget_bounds(each), _escaped(wording.budget_remark(each))]
        yield from _row([_SIGNS[each.verdict], _escaped(each.cell), rule, value, *said])


def _row(fields: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(field.replace('|', '&#124;') for field in fields)} |"


def _escaped(text: str) -> str:
    """Text on one line that is not taken for markup."""
    return re.sub(r"([\\`*_<\[\]])", r"\\\1", " ".join(text.split()))
