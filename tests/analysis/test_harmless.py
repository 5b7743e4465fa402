"""Strangers' text: nothing of it acts on a terminal, and nothing readable is lost."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.harmless import harmless, whole_characters

CASES = {
    "prose stays": ("Wait for ☕.\n\té", "Wait for ☕.\n\té"),
    "colours": ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
    "a window's title": ("\x1b]0;owned\x07", "␛]0;owned␇"),
    "C1": ("\x9b31m", "\\u009b31m"),
    "back over the line": ("good\rbad\x08", "good␍bad␈"),
    "DEL and NUL": ("\x7f\0", "␡␀"),
    "turned round": ("\u202eevil\u2066", "\\u202eevil\\u2066"),
    "half a pair": ("\ud83d!", "\ufffd!"),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES)
def test_controls_are_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(st.characters(), max_size=50))
def test_nothing_acts_and_all_can_be_encoded(text: str) -> None:
    shown = harmless(text)
    assert not [character for character in shown if unicodedata.category(character) == "Cc" and character not in "\n\t"]
    shown.encode()
    assert harmless(shown) == shown


def test_a_key_is_never_shown() -> None:
    assert harmless("your key sk-1 is wrong: sk-1", "sk-1") == "your key [key] is wrong: [key]"
    assert harmless("no key", None) == harmless("no key", "") == "no key"


def test_whole_characters_leaves_controls_alone() -> None:
    assert whole_characters("\x1b\ud83d") == "\x1b\ufffd"
