"""Content codings: whatever the pieces, the same plain bytes, at once, and never more at a time than allowed."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ProtocolError
from lab.wire.coding import PART_BYTES, coding


def _raw(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


CODED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP ": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("name", CODED)
@given(data=st.binary(max_size=300), size=st.integers(1, 50))
def test_any_pieces_give_the_body(name: str, data: bytes, size: int) -> None:
    coded = CODED[name](data)
    machine = coding(name)
    parts = [part for at in range(0, len(coded), size) for part in machine.decode(coded[at : at + size])]
    assert b"".join(parts) == data


@given(st.binary(min_size=1, max_size=300), st.integers(2, 50))
def test_deflate_without_its_header_is_understood_too(data: bytes, size: int) -> None:
    coded = _raw(data)
    machine = coding("deflate")
    parts = [part for at in range(0, len(coded), size) for part in machine.decode(coded[at : at + size])]
    assert b"".join(parts) == data


def test_what_was_flushed_comes_at_once() -> None:
    compressor = zlib.compressobj(wbits=31)
    machine = coding("gzip")
    for event in (b"data: a\n\n", b"data: b\n\n"):
        piece = compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(machine.decode(piece)) == event


def test_a_gzip_body_of_several_members() -> None:
    assert b"".join(coding("gzip").decode(gzip.compress(b"one ") + gzip.compress(b"two"))) == b"one two"


def test_a_small_piece_does_not_become_a_large_memory() -> None:
    parts = list(coding("gzip").decode(gzip.compress(bytes(20 * PART_BYTES))))
    assert sum(map(len, parts)) == 20 * PART_BYTES
    assert max(map(len, parts)) <= PART_BYTES


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, br", "\x1b[31m"])
def test_an_unknown_coding_is_named(name: str) -> None:
    with pytest.raises(ProtocolError, match="identity") as caught:
        coding(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_what_is_not_in_its_coding_is_an_error_in_words(name: str) -> None:
    with pytest.raises(ProtocolError, match="content coding"):
        list(coding(name).decode(b"\xffdata: not compressed at all"))
