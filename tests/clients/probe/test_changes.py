"""What `--toggle` changes: one thing at a time, and everything else as it was given."""

import pytest

from lab.clients.probe.changes import changes
from lab.clients.probe.target import Ask, make_ask, parse_url

HERE = parse_url("http://127.0.0.1/x")
GET = make_ask(HERE, None, [], None, None)
POST = make_ask(HERE, None, ["Accept-Encoding: gzip, br", "Accept: */*"], b"{}", "key")


@pytest.mark.parametrize("ask", [GET, POST], ids=["GET", "POST"])
def test_one_thing_at_a_time(ask: Ask) -> None:
    for change in changes(ask):
        other_fields = {
            name for name in {*ask.fields, *change.ask.fields} if ask.fields.get(name) != change.ask.fields.get(name)
        }
        method = change.ask.method != ask.method
        assert method + change.kept_alive + len(other_fields - {"content-type"}) == 1, change.name
        assert (change.ask.body != ask.body) <= method


NAMES = {
    "GET": (GET, ["gzip instead of identity", "POST instead of GET", "kept-alive", "*/* instead of text/event-stream"]),
    "POST": (
        POST,
        ["identity instead of gzip, br", "GET without a body", "kept-alive", "text/event-stream instead of"],
    ),
    "PUT": (make_ask(HERE, "PUT", [], b"{}", None), ["gzip instead", "kept-alive", "*/* instead"]),
}


@pytest.mark.parametrize(("ask", "fragments"), NAMES.values(), ids=NAMES)
def test_changes_say_what_they_are(ask: Ask, fragments: list[str]) -> None:
    names = [change.name for change in changes(ask)]
    assert len(names) == len(fragments)
    assert all(fragment in name for fragment, name in zip(fragments, names, strict=True)), names


def test_a_get_made_of_a_post_has_neither_body_nor_its_type() -> None:
    (get,) = (change.ask for change in changes(POST) if change.ask.method == "GET")
    assert get.body is None
    assert b"content-" not in get.encode()
    assert b"authorization: Bearer key" in get.encode()
