"""Framings: what stands around a piece, in parts and in one, and what says that the body is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.wire.framing import Chunked, Close, Framing, framing

BOTH = [pytest.param(Chunked(), id="chunked"), pytest.param(Close(), id="close")]


@pytest.mark.parametrize("each", BOTH)
@given(body=st.binary(max_size=300))
def test_a_whole_piece_is_its_parts_joined(each: Framing, body: bytes) -> None:
    header, trailer = each.wrap(body)
    assert each.whole(body) == header + body + trailer


def test_a_frame_says_its_size_in_hexadecimal() -> None:
    """RFC 9112 section 7.1."""
    assert Chunked().whole(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_nothing_makes_no_frame_because_that_would_end_the_body() -> None:
    assert Chunked().whole(b"") == b""


def test_the_end() -> None:
    assert (Chunked().end(), Close().end()) == (b"0\r\n\r\n", b"")


def test_by_name() -> None:
    assert isinstance(framing("chunked"), Chunked)
    assert isinstance(framing("close"), Close)
    with pytest.raises(UsageError, match="gzip"):
        framing("gzip")
