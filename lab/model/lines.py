"""Traces as text: one value a line, nothing else. What is wrong is said with file and line."""

from collections.abc import Callable
from typing import TypeVar

from lab.errors import UsageError

Value = TypeVar("Value")

MAX_LINES = 1_000_000
"""A quarter of an hour at 12 Mbit/s in mahimahi's form; every repetition carries the whole trace."""


def parse_lines(text: str, source: str, what: str, allowed: str, parse: Callable[[str], Value]) -> tuple[Value, ...]:
    """`parse` of every line of the file `source`, a `what`. Raises UsageError naming the line; `parse` raises ValueError."""
    values: list[Value] = []
    lines = text.splitlines()
    if not 0 < len(lines) <= MAX_LINES:
        raise UsageError(f"cannot use the {what} {source}: it has {len(lines)} lines: 1 to {MAX_LINES}, each {allowed}")
    for number, line in enumerate(lines, 1):
        try:
            values.append(parse(line.strip()))
        except ValueError as error:
            raise UsageError(
                f"cannot use the {what} {source}, line {number}: {error}: each line is {allowed}"
            ) from error
    return tuple(values)
