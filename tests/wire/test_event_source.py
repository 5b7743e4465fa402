"""The rules of an EventSource's connections (WHATWG HTML 9.2.2 and 9.2.3), as the table that they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lab.wire.event_source import DEFAULT_RECONNECTION_MS, EventSource, ReadyState

STREAM = "text/event-stream"

# Answer → whether its body is read; whether that was a failure.
ANSWERS: dict[str, tuple[int, str | None, bool, bool]] = {
    "an event stream": (200, STREAM, True, False),
    "with parameters": (200, "text/event-stream; charset=utf-8", True, False),
    "parameters that mean nothing": (200, "text/event-stream;x=;;", True, False),
    "in other letters": (200, "Text/Event-Stream", True, False),
    "with spaces": (200, "  text/event-stream ;charset=utf-8", True, False),
    "204 stops": (204, None, False, False),
    "204 with a type stops": (204, STREAM, False, False),
    "a page": (200, "text/html", False, True),
    "plain text": (200, "text/plain", False, True),
    "a type that begins alike": (200, "text/event-stream-of-ours", False, True),
    "no type": (200, None, False, True),
    "an empty type": (200, "", False, True),
    "another success": (206, STREAM, False, True),
    "205 fails like any other": (205, None, False, True),
    "a redirection that nobody followed": (307, STREAM, False, True),
    "no right to it": (401, "application/json", False, True),
    "too many requests": (429, STREAM, False, True),
    "a broken server": (500, STREAM, False, True),
    "an overloaded one": (503, None, False, True),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_which_answers_are_read_and_which_end_it(case: str) -> None:
    status, content_type, read, failed = ANSWERS[case]
    source = EventSource()
    assert source.answered(status, content_type) is read
    assert source.state is (ReadyState.OPEN if read else ReadyState.CLOSED)
    assert (source.failure is not None) is failed
    assert source.ended() == (DEFAULT_RECONNECTION_MS if read else None)


def test_a_failure_says_what_came() -> None:
    said = []
    for status, content_type in ((200, "text/html"), (200, None), (503, STREAM)):
        source = EventSource()
        source.answered(status, content_type)
        said.append(str(source.failure).partition("not ")[2].partition(":")[0])
    assert said == ["text/html", "no Content-Type", "status 503"]


def test_a_network_error_is_tried_again_for_ever() -> None:
    source = EventSource()
    assert [source.ended() for _ in range(5)] == [DEFAULT_RECONNECTION_MS] * 5
    assert source.state is ReadyState.CONNECTING


# What the stream set, in order → what is waited.
RETRIES: dict[str, tuple[list[int | None], int]] = {
    "nothing": ([None], 3_000),
    "none at all": ([0], 0),
    "once": ([250, None], 250),
    "the later one counts": ([250, 9], 9),
    "a thousand digits": ([10**1000], 24 * 3600 * 1000),
}


@pytest.mark.parametrize("case", RETRIES)
def test_the_reconnection_time_is_the_streams_and_outlives_its_connection(case: str) -> None:
    retries, waited = RETRIES[case]
    source = EventSource()
    source.answered(200, STREAM)
    for retry_ms in retries:
        source.heard("", retry_ms)
    assert source.ended() == source.ended() == waited


def test_the_last_event_id_is_sent_unless_it_is_empty() -> None:
    source = EventSource()
    assert source.request_fields() == {}
    for last, fields in (("7", {"last-event-id": "7"}), ("ü", {"last-event-id": "ü"}), ("", {})):
        source.heard(last, None)
        assert source.request_fields() == fields


# What the second stream brings → the last event ID string after it (the first one left "7").
SECOND: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "7"),
    "half an event": (b"id: 8\ndata: x\n", "7"),
    "an event with an id": (b"id: 8\ndata: x\n\n", "8"),
    "an event without": (b"data: x\n\n", ""),
    "several without, in one piece": (b"data: x\n\ndata: y\n\n", ""),
    "a retry time alone": (b"retry: 5\n\n", ""),
    "a comment alone": (b": alive\n\n", ""),
    "an id alone": (b"id: 9\n\n", "9"),
    "an empty id": (b"id\ndata: x\n\n", ""),
}


@pytest.mark.parametrize("case", SECOND)
def test_the_id_survives_a_connection_until_the_next_one_completes_a_block(case: str) -> None:
    body, last = SECOND[case]
    source = EventSource()
    source.heard("7", None)
    decoder = source.decoder()
    events = decoder.feed(body)
    source.heard(decoder.last_event_id, decoder.retry_ms)
    assert source.last_event_id == last
    assert [event.id for event in events] == [last] * len(events)


@given(st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"\n")), st.integers(0, 60))
def test_in_whatever_pieces_it_comes_the_id_is_the_same(body: bytes, cut: int) -> None:
    whole, parts = (EventSource().decoder() for _ in range(2))
    whole.feed(body)
    parts.feed(body[:cut])
    parts.feed(body[cut:])
    assert whole.last_event_id == parts.last_event_id


class Life(RuleBasedStateMachine):
    """Anything may happen to it in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.source = EventSource()
        self.closed = False

    @precondition(lambda self: self.source.state is ReadyState.CONNECTING)
    @rule(status=st.sampled_from([200, 204, 301, 500]), content_type=st.sampled_from([STREAM, "text/html", None]))
    def answer(self, status: int, content_type: str | None) -> None:
        read = self.source.answered(status, content_type)
        assert read is (status == 200 and content_type == STREAM)
        self.closed = not read

    @precondition(lambda self: self.source.state is ReadyState.OPEN)
    @rule(last=st.text(max_size=3), retry_ms=st.none() | st.integers(0, 10**30))
    def hear(self, last: str, retry_ms: int | None) -> None:
        self.source.heard(last, retry_ms)

    @rule()
    def lose(self) -> None:
        wait_ms = self.source.ended()
        assert (wait_ms is None) is self.closed
        assert wait_ms is None or 0 <= wait_ms <= 24 * 3600 * 1000

    @rule()
    def close(self) -> None:
        self.source.close()
        self.closed = True

    @invariant()
    def what_is_over_stays_over(self) -> None:
        assert (self.source.state is ReadyState.CLOSED) is self.closed


TestLife = Life.TestCase
