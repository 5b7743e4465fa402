"""A check in words and small pictures: the same in the terminal, in Markdown, in JUnit and in annotations.

The rule: a verdict never stands alone; beside it stand the change, its interval, and for undecided what would decide.
"""

from collections.abc import Sequence

from lab.analysis import words
from lab.analysis.bounds import Bounded
from lab.analysis.comparison import Comparison, Floor
from lab.gate.verdicts import Budgeted, Check, Compared

# Seven, so that one is the middle.
_BLOCKS = "▁▂▃▄▆▇█"


def headline(check: Check) -> str:
    """The whole check in one line: `worse: 1 of 5 comparisons with …; budgets: 2 of 2 ok`."""
    parts = [f"{check.verdict}: {check.run}"]
    if check.compared:
        parts.append(f"{counts(check.compared)} against {check.against}")
    if check.budgets:
        parts.append(f"budgets: {counts(check.budgets)}")
    return " · ".join(parts)


def counts(judged: Sequence[Compared | Budgeted]) -> str:
    """`3 same, 1 worse`, in the order in which they first come."""
    verdicts = [each.verdict for each in judged]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))


def figure(metric: str, value: float | None) -> str:
    """A value of a metric or of a budget's quantity."""
    return words.metric(metric, value)


def change(each: Compared) -> str:
    """`+10.2 %`, and the difference where there is no ratio."""
    found = each.found
    if found is None:
        return words.UNMEASURED
    if found.ratio is None:
        return _signed(each.metric, found.difference)
    return _percent(found.ratio)


def span(each: Compared) -> str:
    """The 90 % interval of the change: `+9.1 % … +11.0 %`, as far as it is known."""
    found = each.found
    if found is None:
        return words.UNMEASURED
    if found.ratio is None:
        ends = [_signed(each.metric, end) for end in (found.difference_low, found.difference_high)]
    else:
        ends = [words.UNMEASURED if end is None else _percent(end) for end in (found.low, found.high)]
    return " … ".join(ends)


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _signed(metric: str, value: float | None) -> str:
    if value is None:
        return words.UNMEASURED
    return f"{'+' if value > 0 else ''}{words.metric(metric, value)}"


def advice(found: Comparison | Bounded) -> str:
    """What would decide."""
    if found.more is None:
        what = "floor" if isinstance(found, Comparison) else "limit"
        return f"too close to the {what}, or too noisy, for any reasonable number of repetitions"
    return f"about {words.count(found.more, 'more repetition')} would decide"


def remark(each: Compared) -> str:
    """The verdict with what a reader needs beside it."""
    if each.found is None:
        return f"invalid: {each.reason}"
    return f"undecided: {advice(each.found)}" if each.verdict == "undecided" else each.verdict


def sentence(each: Compared) -> str:
    """A comparison in one line."""
    if each.found is None:
        return f"{each.metric} cannot be compared: {each.reason}"
    base, head = figure(each.metric, each.found.base), figure(each.metric, each.found.head)
    change_text = f"{change(each)} ({span(each)})"
    return f"{each.metric} {base} → {head}, {change_text}, {words.count(each.found.pairs, 'pair')}: {remark(each)}"


def floors(floor: Floor, metric: str) -> str:
    """`5 % and 1 ms`."""
    return f"{words.share(floor.relative)} and {words.metric(metric, floor.absolute)}"


def budget_remark(each: Budgeted) -> str:
    """Its verdict, and why where it is not clear."""
    if each.found is None:
        return f"invalid: {each.reason}"
    if each.verdict != "undecided":
        return each.verdict
    unknown = None in (each.found.low, each.found.high)
    reason = "too few values for a bound" if unknown else "the limit lies within the bounds"
    return f"undecided: {reason}: {advice(each.found)}"


def budget_bounds(each: Budgeted) -> str:
    """`98.1 ms … 101 ms`."""
    if each.found is None:
        return words.UNMEASURED
    return " … ".join(figure(each.metric, end) for end in (each.found.low, each.found.high))


def budget_sentence(each: Budgeted) -> str:
    """A budget in one line."""
    if each.found is None:
        return f"{each.metric} {each.rule}: {each.reason}"
    value = figure(each.metric, each.found.value)
    return f"{each.metric} {each.rule}: {value} ({budget_bounds(each)}): {budget_remark(each)}"


def sparkline(each: Compared) -> str:
    """The paired differences, one block a repetition: the middle is no change, the ends the floor or the largest of them."""
    changes = [head - base for base, head in zip(each.base, each.head, strict=True)]
    reach = max([each.floor.absolute, *(abs(value) for value in changes)])
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value / reach + 1) / 2 * steps)] for value in changes)
