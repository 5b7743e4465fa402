"""Typing live: all of it, in order, harmless, and never a reason to wait."""

import io
import sys
import threading

import pytest

from lab.report.typist import Typist


def _typed(capsys: pytest.CaptureFixture[str], *texts: str, secret: str | None = None) -> str:
    typist = Typist(secret)
    for text in texts:
        typist.say(text)
    typist.close()
    return capsys.readouterr().out


CASES = {
    "texts as they come, on a line of their own": (["Wait", " for", " ☕"], "Wait for ☕\n"),
    "a last line that is ended already": (["a\n"], "a\n"),
    "nothing": ([], ""),
    "harmless": (["\x1b[2J"], "␛[2J\n"),
}


@pytest.mark.parametrize(("texts", "typed"), CASES.values(), ids=CASES)
def test_typed(capsys: pytest.CaptureFixture[str], texts: list[str], typed: str) -> None:
    assert _typed(capsys, *texts) == typed


def test_a_key_that_a_server_echoes_is_not_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sk-1" not in _typed(capsys, "you sent sk-1", secret="sk-1")


def test_a_megabyte_is_not_typed_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    typed = _typed(capsys, "x" * 1_000_000)
    assert len(typed) < 20_000
    assert typed.endswith("… (1,000,000 characters)\n")


def test_a_terminal_that_does_not_take_anything_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            assert gate.wait(20)
            return super().write(text)

    full = Full()
    monkeypatch.setattr(sys, "stdout", full)
    typist = Typist(None)
    for number in range(1000):
        typist.say(f"{number} ")
    assert full.getvalue() == ""
    gate.set()
    typist.close()
    assert full.getvalue() == "".join(f"{number} " for number in range(1000)) + "\n"
