"""From reads to rows: the same chunks however the bytes were cut, and how a response ended."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.content import Content
from lab.clients.reader import ResponseWatcher
from lab.errors import ProtocolError
from lab.model.workload import WorkloadSpec
from lab.trace.records import Completion, ReadRow, StreamSeen
from tests.clients.responses import HEAD, OPENAI, PLAIN, TEXTS, chunked, sized, until_close


def _workload(form: str, chunks: int = len(TEXTS)) -> WorkloadSpec:
    return WorkloadSpec.model_validate({"format": form, "chunks": chunks})


def _watch(parts: list[bytes], workload: WorkloadSpec) -> tuple[StreamSeen, ResponseWatcher]:
    """Each part is one read, stamped 100, 200, …; the decoder is done 7 ns after each."""
    seen = StreamSeen(1, 0)
    clock = itertools.count(107, 100)
    watcher = ResponseWatcher(seen, Content.planned(workload), lambda: next(clock))
    for number, part in enumerate(parts, start=1):
        watcher.read(part, number * 100, None)
    return seen, watcher


RESPONSES: dict[str, tuple[bytes, str]] = {
    "plain, chunked": (chunked(PLAIN), "plain"),
    "plain, with its length": (sized(PLAIN), "plain"),
    "plain, until close": (until_close(PLAIN), "plain"),
    "openai, chunked": (chunked(OPENAI), "openai"),
    "openai, until close": (until_close(OPENAI), "openai"),
}


def _ends(response: bytes, form: str) -> list[int]:
    """Where each chunk's event ends, searched for."""
    needles = PLAIN if form == "plain" else OPENAI[1:5]
    return [response.index(needle) + len(needle) for needle in needles]


@pytest.mark.parametrize(("response", "form"), RESPONSES.values(), ids=RESPONSES)
def test_every_split_gives_the_same_chunks(response: bytes, form: str) -> None:
    ends = _ends(response, form)
    for cut in range(1, len(response)):
        seen, watcher = _watch([response[:cut], response[cut:]], _workload(form))
        assert [(chunk.end, chunk.text) for chunk in seen.chunks] == list(zip(ends, TEXTS, strict=True))
        assert [chunk.read_index for chunk in seen.chunks] == [1 if end <= cut else 2 for end in ends]
        assert [chunk.arrival_ns for chunk in seen.chunks] == [107 if end <= cut else 207 for end in ends]
        assert seen.reads == [ReadRow(0, cut, None, 100), ReadRow(cut, len(response) - cut, None, 200)]
        assert (seen.status, seen.first_byte_ns) == (200, 100)
        assert seen.headers_ns == (100 if cut >= response.index(b"\r\n\r\n") + 4 else 200)
        assert watcher.completion() == "done"


@pytest.mark.parametrize(("response", "form"), RESPONSES.values(), ids=RESPONSES)
def test_byte_by_byte(response: bytes, form: str) -> None:
    seen, _ = _watch([response[n : n + 1] for n in range(len(response))], _workload(form))
    assert [(chunk.end, chunk.text) for chunk in seen.chunks] == list(zip(_ends(response, form), TEXTS, strict=True))
    assert [chunk.read_index for chunk in seen.chunks] == [chunk.end for chunk in seen.chunks]


@given(st.lists(st.integers(1, 60), min_size=1))
def test_offsets_and_reads_add_up(sizes: list[int]) -> None:
    response = chunked(OPENAI)
    cuts = [0, *(min(sum(sizes[: n + 1]), len(response)) for n in range(len(sizes))), len(response)]
    parts = [response[a:b] for a, b in itertools.pairwise(cuts) if a < b]
    seen, _ = _watch(parts, _workload("openai"))
    assert [read.size_bytes for read in seen.reads] == [len(part) for part in parts]
    assert [read.offset for read in seen.reads] == [sum(map(len, parts[:n])) for n in range(len(parts))]
    for chunk in seen.chunks:
        read = seen.reads[chunk.read_index - 1]
        assert read.offset is not None
        assert chunk.end is not None
        assert read.offset < chunk.end <= read.offset + read.size_bytes


def test_chunks_of_one_read_arrive_together() -> None:
    """Gaps of zero are kept: to whoever renders them they are one lump."""
    seen, _ = _watch([chunked(PLAIN)], _workload("plain"))
    assert [chunk.arrival_ns for chunk in seen.chunks] == [107] * 4


def test_the_stamp_of_the_kernel_stands_beside_the_read() -> None:
    seen = StreamSeen(1, 0)
    ResponseWatcher(seen, Content.planned(_workload("plain")), lambda: 12).read(HEAD, 11, 9)
    assert seen.reads == [ReadRow(0, len(HEAD), 9, 11)]


MORE = 9  # chunks that the workload plans, of which the response has four
COMPLETIONS: dict[str, tuple[bytes, str, int, Completion, bool]] = {
    "plain: all that was planned": (until_close(PLAIN), "plain", 4, "done", False),
    "plain: [DONE]": (until_close([*PLAIN, b"data: [DONE]\n\n"]), "plain", MORE, "done", False),
    "plain: its length and no more": (sized(PLAIN), "plain", MORE, "closed", True),
    "plain: a last frame and no end": (chunked(PLAIN), "plain", MORE, "closed", True),
    "plain: closed between events": (until_close(PLAIN), "plain", MORE, "closed", False),
    "plain: closed inside an event": (until_close([*PLAIN, b"data: x\n"]), "plain", MORE, "truncated", False),
    "plain: closed before the last frame": (chunked(PLAIN, end=False), "plain", MORE, "truncated", False),
    "plain: below its length": (sized(PLAIN)[:-1], "plain", MORE, "truncated", False),
    "plain: closed inside the head": (HEAD, "plain", MORE, "truncated", False),
    "plain: nothing at all": (b"", "plain", MORE, "truncated", False),
    "openai: finish and [DONE]": (chunked(OPENAI), "openai", MORE, "done", True),
    "openai: a finish reason alone": (chunked(OPENAI[:-1]), "openai", MORE, "done", True),
    "openai: a finish reason beside the last content": (
        chunked([OPENAI[1].replace(b'"finish_reason":null', b'"finish_reason":"stop"')]),
        "openai",
        MORE,
        "done",
        True,
    ),
    "openai: neither": (chunked(OPENAI[:-2]), "openai", MORE, "closed", True),
    "openai: cut off": (chunked(OPENAI[:-2], end=False), "openai", MORE, "truncated", False),
}


@pytest.mark.parametrize(
    ("response", "form", "planned", "completion", "complete"), COMPLETIONS.values(), ids=COMPLETIONS
)
def test_how_a_response_ended(response: bytes, form: str, planned: int, completion: Completion, complete: bool) -> None:
    _, watcher = _watch([response] if response else [], _workload(form, planned))
    assert watcher.complete == complete
    assert watcher.completion() == completion


NOT_CHUNKS = {
    "a comment": b": keep-alive\n\n",
    "an event without data": b"event: ping\n\n",
    "[DONE]": b"data: [DONE]\n\n",
}


@pytest.mark.parametrize("frame", NOT_CHUNKS.values(), ids=NOT_CHUNKS)
def test_frames_without_content_are_no_chunks(frame: bytes) -> None:
    seen, _ = _watch([until_close([PLAIN[0], frame, PLAIN[1]])], _workload("plain"))
    assert [chunk.text for chunk in seen.chunks] == TEXTS[:2]


def test_of_openai_only_content_is_a_chunk() -> None:
    usage = b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n'
    seen, _ = _watch([until_close([OPENAI[0], usage, b"data: no json\n\n", OPENAI[1]])], _workload("openai"))
    assert [chunk.text for chunk in seen.chunks] == TEXTS[:1]


GARBAGE = {
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "a broken frame": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_protocol_error(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        _watch([garbage], _workload("plain"))


@pytest.mark.parametrize("form", ["plain", "openai"])
def test_of_somebody_elses_server_the_first_event_tells_whether_it_is_openais(form: str) -> None:
    """The scenario knows nothing of what it will say: a role frame taken for text would be a false TTFC."""
    content = Content.planned(_workload(form), chunks_known=False)
    seen = StreamSeen(1, 0)
    ResponseWatcher(seen, content, lambda: 12).read(chunked(OPENAI), 11, None)
    assert [chunk.text for chunk in seen.chunks] == TEXTS
