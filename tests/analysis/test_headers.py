"""The lint of a stream's header: what is fine, what is not, and what is missing."""

import pytest

from lab.analysis.headers import lint

GOOD = [("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]

CASES: dict[str, tuple[list[tuple[str, str]], dict[str, str | None]]] = {
    "all fine": (GOOD, {"Content-Type": None, "Cache-Control": None, "X-Accel-Buffering": None}),
    "with a charset, in capitals": (
        [
            ("content-type", "Text/Event-Stream; charset=utf-8"),
            ("cache-control", "No-Store"),
            ("x-accel-buffering", "NO"),
        ],
        {"Content-Type": None, "Cache-Control": None, "X-Accel-Buffering": None},
    ),
    "nothing said": ([], {"Content-Type": "EventSource", "Cache-Control": "no-cache", "X-Accel-Buffering": "nginx"}),
    "wrong type": ([("content-type", "text/plain"), *GOOD[1:]], {"Content-Type": "EventSource"}),
    "compressed": ([*GOOD, ("content-encoding", "gzip")], {"Content-Encoding": "flush it"}),
    "not compressed": ([*GOOD, ("content-encoding", "identity")], {"Content-Encoding": None}),
    "a length": ([*GOOD, ("content-length", "99")], {"Content-Length": "the length was known"}),
    "cached": ([("cache-control", "max-age=60, public")], {"Cache-Control": "no-cache"}),
    "two fields of one name": ([("cache-control", "max-age=0"), ("cache-control", "private")], {"Cache-Control": None}),
    "a proxy": ([*GOOD, ("via", "1.1 varnish")], {"Via": "proxy"}),
    "buffering": ([*GOOD[:2], ("x-accel-buffering", "yes")], {"X-Accel-Buffering": "send no"}),
}


@pytest.mark.parametrize(("fields", "expected"), CASES.values(), ids=CASES)
def test_lint(fields: list[tuple[str, str]], expected: dict[str, str | None]) -> None:
    rows = {row.name: row for row in lint(fields)}
    for name, fragment in expected.items():
        advice = rows[name].advice
        assert advice is None if fragment is None else fragment in (advice or "")


def test_what_is_missing_and_need_not_be_there_is_not_shown() -> None:
    assert [row.name for row in lint(GOOD)] == ["Content-Type", "Cache-Control", "X-Accel-Buffering"]
    assert lint([])[0].value is None
