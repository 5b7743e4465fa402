"""`/events` to a reader who comes back: the rest, all of it again, or what is still to come."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.feed import Rest, feed
from lab.wire.sse import Decoder

MS = 1_000_000
NOW_NS = 5_000 * MS
TICKER = WorkloadSpec.model_validate({"profile": "ticker", "chunks": 10, "interval": "20ms"})


def ask(resume: str, last_event_id: str = "", now_ns: int = NOW_NS, workload: WorkloadSpec = TICKER) -> Rest | None:
    return feed(workload, "1", ServerSpec.model_validate({"resume": resume}), last_event_id, now_ns)


def told(*args: Any, **kwargs: Any) -> Rest:
    rest = ask(*args, **kwargs)
    assert rest is not None
    return rest


def chunks(rest: Rest) -> list[tuple[int, str | None]]:
    return [(frame.due_offset_ns, frame.text) for frame in rest.frames if frame.text is not None]


def ids(rest: Rest) -> list[str]:
    return [event.id for event in Decoder().feed(b"".join(frame.data for frame in rest.frames))]


WHOLE = chunks(told("replay"))
TEXTS = [text for _, text in WHOLE]


@pytest.mark.parametrize("resume", ["replay", "restart", "live"])
def test_the_first_time_all_say_the_whole_answer_at_its_own_pace(resume: str) -> None:
    assert chunks(told(resume)) == WHOLE
    assert [due_ns for due_ns, _ in WHOLE] == [20 * MS * number for number in range(10)]
    assert told(resume).first_place == 1


def test_the_retry_time_is_the_settings_and_comes_before_anything_else() -> None:
    decoder = Decoder()
    server = ServerSpec.model_validate({"retry": "250ms"})
    rest = feed(TICKER, "1", server, "", NOW_NS)
    assert rest is not None
    assert rest.frames[0].text is None
    decoder.feed(rest.frames[0].data)
    assert decoder.retry_ms == 250


IDS = {
    "replay": [str(number) for number in range(1, 11)],
    "restart": [""] * 10,
    "live": [f"{number}-{NOW_NS}" for number in range(1, 11)],
}


@pytest.mark.parametrize("resume", IDS)
def test_ids_number_the_chunks_where_there_are_any(resume: str) -> None:
    assert ids(told(resume)) == IDS[resume]


@pytest.mark.parametrize("after", range(1, 10))
def test_a_replay_goes_on_where_it_was_left_as_if_the_clock_had_stood_still(after: int) -> None:
    rest = told("replay", str(after), NOW_NS + 500 * MS)
    assert rest.first_place == after + 1
    assert chunks(rest) == [(due_ns - WHOLE[after][0], text) for due_ns, text in WHOLE[after:]]


def test_what_comes_first_is_late_when_asked_to_be_but_not_again_after_a_resume() -> None:
    late = WorkloadSpec.model_validate({"chunks": 3, "first": "100ms"})
    assert [chunks(told("replay", last, workload=late))[0][0] for last in ("", "1")] == [100 * MS, 0]


@pytest.mark.parametrize("last", ["", "3", f"3-{NOW_NS}"])
def test_a_restart_knows_nothing_of_what_was_read(last: str) -> None:
    assert told("restart", last, NOW_NS + 500 * MS) == told("restart")


@pytest.mark.parametrize(("away_ms", "first"), [(65, 5), (60, 4), (0.000001, 2), (179, 10), (180, 10)])
def test_a_live_feed_has_lost_what_was_due_before_the_request(away_ms: float, first: int) -> None:
    elapsed_ns = round(away_ms * MS)
    rest = told("live", f"1-{NOW_NS}", NOW_NS + elapsed_ns)
    assert rest.first_place == first
    assert chunks(rest) == [(due_ns - elapsed_ns, text) for due_ns, text in WHOLE[first - 1 :]]


def test_a_live_feed_says_nothing_again_to_a_reader_who_came_back_at_once() -> None:
    assert told("live", f"4-{NOW_NS}", NOW_NS + 1).first_place == 5


OVER = {"replay": "10", "live": f"10-{NOW_NS}", "replay, beyond its end": str(10**17)}


@pytest.mark.parametrize("case", OVER)
def test_after_the_end_nothing_is_left(case: str) -> None:
    assert ask(case.partition(",")[0], OVER[case], NOW_NS + 181 * MS) is None


def test_a_live_feed_that_ended_while_its_reader_was_away_is_over() -> None:
    assert ask("live", f"2-{NOW_NS}", NOW_NS + 181 * MS) is None


@pytest.mark.parametrize("resume", ["replay", "live"])
def test_a_reader_whose_new_connection_is_lost_before_its_first_event_still_knows_its_place(resume: str) -> None:
    """By the standard a block without an id would have made it forget."""
    last = ids(told(resume))[2]
    decoder = Decoder(last_event_id=last)
    decoder.feed(told(resume, last, NOW_NS + 65 * MS).frames[0].data)
    assert decoder.last_event_id == last


strange = st.one_of(st.text(), st.from_regex(r"\d{0,20}-?\d{0,30}", fullmatch=True))


@given(last=strange, resume=st.sampled_from(["replay", "restart", "live"]))
def test_whatever_a_client_names_as_its_last_id_is_answered(last: str, resume: str) -> None:
    rest = ask(resume, last)
    if rest is not None:
        assert [text for _, text in chunks(rest)] == TEXTS[rest.first_place - 1 :]
        assert all(0 <= due_ns <= 180 * MS for due_ns, _ in chunks(rest))
