"""Strangers' text on a terminal: control characters shown instead of obeyed, and secrets left out.

The rule: whatever a server sends, nothing of it can move the cursor, change colours, rename the window or turn the
direction of writing round. Pure.
"""

import re

# C0 without tab and line feed, DEL, C1 (of which U+009B begins an escape sequence), and the marks that reverse what is read
# (Unicode TR 36 section 3.6).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"
_LINE_CHARACTERS = 300


def harmless(text: str, secret: str | None = None) -> str:
    """Show controls as pictures (U+2400 and following) or as escapes; `secret` becomes `[key]`."""
    if secret:
        text = text.replace(secret, "[key]")
    return _CONTROLS.sub(_shown, whole_characters(text))


def one_line(text: str) -> str:
    """A stranger's words for a line of ours: harmless, and no longer than a person reads."""
    line = " ".join(harmless(text).split())
    return f"{line[:_LINE_CHARACTERS]}…" if len(line) > _LINE_CHARACTERS else line


def whole_characters(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def _shown(match: "re.Match[str]") -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(_PICTURES + code)
    return _DELETE_PICTURE if code == 0x7F else f"\\u{code:04x}"
