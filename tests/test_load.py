"""What a test of Locust's becomes: hosts by their clocks, streams numbered anew, one repetition for each host."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lab.clients.locust.rows import pack
from lab.errors import UsageError
from lab.load import Host, gather, keep, load
from lab.session import report
from lab.trace.records import ChunkRow, ReadRow, StreamSeen
from lab.trace.store import open_run


def _seen(number: int, due_ns: int, chunks: int = 3) -> StreamSeen:
    seen = StreamSeen(
        number, due_ns, number, 1, 4000 + number, 80, due_ns, due_ns + 1, due_ns + 2, due_ns + 3, due_ns + 3
    )
    seen.status, seen.completion, seen.end_ns = 200, "done", due_ns + 90_000_000
    for index in range(chunks):
        arrival_ns = due_ns + (index + 1) * 20_000_000
        seen.reads.append(ReadRow(10 * index, 10, None, arrival_ns))
        seen.chunks.append(ChunkRow(10 * index + 10, "word ", arrival_ns, index + 1))
    return seen


def _report(worker: str, host: str, clock: str, *streams: StreamSeen) -> dict[str, Any]:
    return {"worker": worker, "host": host, "clock": clock, "streams": [pack(seen) for seen in streams]}


@pytest.fixture
def hosts(tmp_path: Path) -> list[Host]:
    """Two containers of one machine and another machine, whose clock is hours behind; the workers report in turns."""
    reports = [
        _report("a_1", "a", "boot-1", _seen(1, 9_000)),
        _report("b_2", "b", "boot-1", _seen(1, 8_000)),
        _report("c_3", "c", "boot-2", _seen(1, 10), _seen(2, 20)),
        _report("a_1", "a", "boot-1", _seen(2, 8_500)),
        _report("idle", "d", "boot-3"),
    ]
    spool = tmp_path / "test-1.jsonl"
    spool.write_text("".join(json.dumps(each) + "\n" for each in reports))
    return gather(spool)


def test_workers_that_share_a_clock_are_one_host(hosts: list[Host]) -> None:
    assert [(host.names, host.workers) for host in hosts] == [(["a", "b"], ["a_1", "b_2"]), (["c"], ["c_3"])]
    assert [[(seen.stream, seen.due_ns) for seen in host.streams] for host in hosts] == [
        [(1, 8_000), (2, 8_500), (3, 9_000)],
        [(1, 10), (2, 20)],
    ]


def test_the_run_has_a_repetition_for_each_host_and_no_server(hosts: list[Host], tmp_path: Path) -> None:
    path = keep(hosts, "lab load http://h -u 2", tmp_path / "results")
    run = open_run(tmp_path / "results" / "latest")
    assert run.path == path
    assert [(entry.rep, entry.valid) for entry in run.info.repetitions] == [(1, True), (2, True)]
    assert run.info.environment["load_hosts"] == [
        {"rep": 1, "names": ["a", "b"], "workers": ["a_1", "b_2"]},
        {"rep": 2, "names": ["c"], "workers": ["c_3"]},
    ]
    chunks = run.table("chunks").to_pylist()
    assert len(chunks) == 15
    assert {(row["due_ns"], row["write_ns"], row["sent_ns"]) for row in chunks} == {(None, None, None)}
    assert {row["chunks_expected"] for row in run.table("streams").to_pylist()} == {None}


def test_it_can_be_reported(hosts: list[Host], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(hosts, "lab load http://h -u 2", tmp_path)
    assert report(path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    (row,) = csv.DictReader((path / "summary.csv").read_text().splitlines())
    assert (row["streams"], row["chunks"], row["lateness_ms_p50"], row["valid"]) == ("5", "15", "", "true")
    assert "<code>lab load http://h -u 2" in (path / "report.html").read_text()


def test_the_figures_of_hosts_with_clocks_of_their_own_are_never_mixed(tmp_path: Path) -> None:
    """The same reports, but for the name of their clock: what was one repetition are two, each with its own figures."""
    streams = _seen(1, 9_000), _seen(1, 5, chunks=9)
    for clocks, expected in ((("boot-1", "boot-1"), [("2", "12")]), (("boot-1", "boot-2"), [("1", "3"), ("1", "9")])):
        spool = tmp_path / f"{clocks[1]}.jsonl"
        reports = [_report("w", "h", clock, seen) for clock, seen in zip(clocks, streams, strict=True)]
        spool.write_text("".join(json.dumps(each) + "\n" for each in reports))
        path = keep(gather(spool), "lab load http://h", tmp_path / clocks[1])
        assert report(path) == 0
        rows = list(csv.DictReader((path / "repetitions.csv").read_text().splitlines()))
        assert [(row["streams"], row["chunks"]) for row in rows] == expected
        begun = [entry.started_ns for entry in open_run(path).info.repetitions]
        assert begun == ([5] if len(expected) == 1 else [9_000, 5])


def test_a_test_of_which_nothing_came_is_no_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = StreamSeen(1, 10, completion="error", error="connecting to h:1: Connection refused", end_ns=20)
    path = keep([Host(["h"], ["w"], [seen])], "lab load http://h:1", tmp_path)
    assert report(path) == 3
    said = capsys.readouterr().err
    assert (
        "load has no valid repetition: no chunk came of 1 stream, the first of which ended as error: connecting" in said
    )


WRONG = {
    "nothing to load": (None, ("--headless", "-u", "3")),
    "no URL to stream from": ("ftp://host", ("--headless",)),
}


@pytest.mark.parametrize(("target", "options"), WRONG.values(), ids=WRONG)
def test_wrong_usage(target: str | None, options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="host:port"):
        load(target, options, tmp_path)
    assert list(tmp_path.iterdir()) == []
