"""Streams that broke are counted by cell and kind, with the first thing that was said."""

from typing import Any

import pytest

from lab.report.endings import Ending, endings
from tests.synthetic import table


def stream(cell: str, completion: str | None, error: str | None = None) -> dict[str, Any]:
    return {"cell": cell, "rep": 1, "stream": 1, "completion": completion, "error": error}


CASES: dict[str, tuple[list[dict[str, Any]], list[Ending]]] = {
    "all done": ([stream("a", "done")] * 3, []),
    "unknown is no fault": ([stream("a", None)], []),
    "one kind": (
        [stream("a", "done"), stream("a", "reset", "E1"), stream("a", "reset", "E2")],
        [Ending("a", "reset", 2, "E1")],
    ),
    "without words": ([stream("a", "truncated")], [Ending("a", "truncated", 1, "")]),
    "by cell and kind": (
        [stream("a", "reset", "E"), stream("b", "reset"), stream("a", "timeout")],
        [Ending("a", "reset", 1, "E"), Ending("b", "reset", 1, ""), Ending("a", "timeout", 1, "")],
    ),
}


@pytest.mark.parametrize(("streams", "expected"), CASES.values(), ids=CASES)
def test_endings(streams: list[dict[str, Any]], expected: list[Ending]) -> None:
    assert endings(table("streams", streams)) == expected
