"""Progress: plain lines on stderr, one for each repetition, where no person watches."""

import pytest

from lab.run.progress import LiveBar, PlainLines, watcher


def test_plain_lines_say_where_the_run_stands(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainLines() as lines:
        lines.running(["every-nagle", "end"], 0, 12, 33.4)
        lines.ended("every-nagle", 1, 1, 12, 29.6, "ok")
        lines.ended("end", 2, 12, 12, 0.0, "invalid: the client read late")
        lines.note("a note")
    assert capsys.readouterr() == (
        "",
        "[  1/12] every-nagle #1: ok (about 30 s left)\n"
        "[ 12/12] end #2: invalid: the client read late (about 0 s left)\n"
        "a note\n",
    )


def test_a_pipe_gets_lines_and_a_terminal_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(watcher(), PlainLines)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert isinstance(watcher(), LiveBar)


def test_the_bar_keeps_lines_for_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveBar() as bar:
        bar.running(["[a]", "b"], 0, 2, 5.0)
        bar.ended("[a]", 1, 1, 2, 5.0, "ok")
        bar.ended("[a]", 2, 2, 2, 0.0, "failed: [killed]")
    out, err = capsys.readouterr()
    assert out == ""
    assert "[a] #2: failed: [killed]" in err
    assert "[a] #1" not in err
