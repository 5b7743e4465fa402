"""The page's files: all of them served, none of them asking for anything else, nothing inline."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.page.files import TYPES
from lab.server.replies import BadRequest, Reply
from lab.server.routes import Request, Site, StreamReply

SITE = Site(WorkloadSpec(chunks=3, format="openai"), ServerSpec(), "1", 0)


def _ask(target: str, method: str = "GET") -> Reply:
    answer = SITE.answer(Request(method, target, {}, b"", 0, 0))
    assert isinstance(answer, Reply)
    return answer


def _text(name: str) -> str:
    return (files("lab.server.page") / name).read_text(encoding="utf-8")


SCRIPTS = [name for name in TYPES if name.endswith(".js")]
PATHS = {name: "/" if name == "index.html" else f"/page/{name}" for name in TYPES}


def _references() -> Iterator[str]:
    """Everything that the files load."""
    yield from re.findall(r'(?:href|src)="([^"]*)"', _text("index.html"))
    for name in SCRIPTS:
        yield from (f"/page/{found}" for found in re.findall(r'from "\./([^"]*)"', _text(name)))


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_file_is_served_with_its_type_and_its_policy(name: str, method: str) -> None:
    answer = _ask(PATHS[name], method)
    headers = dict(answer.headers)
    assert (answer.status, answer.body.decode()) == (200, _text(name))
    assert headers["content-type"] == TYPES[name]
    assert headers["x-content-type-options"] == "nosniff"
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[rule] for rule in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["connection"] == "close", "or a stream would begin on a connection that was used before"
    assert "access-control-allow-origin" not in headers


def test_every_file_of_the_package_is_served_and_everything_they_load_is_there() -> None:
    there = {path.name for path in files("lab.server.page").iterdir() if path.is_file() and ".py" not in path.name}
    assert there == set(TYPES)
    found = set(_references())
    assert found == set(PATHS.values()) - {"/"}
    for path in found:
        assert _ask(path).status == 200


def test_other_files_are_not_served() -> None:
    for path in ("/page/files.py", "/page/", "/page/../files.py", "/page/index.html"):
        with pytest.raises(BadRequest, match="no such path"):
            _ask(path)


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    page = _text("index.html")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    for name in TYPES:
        addresses = set(
            re.findall(r"(?:https?:)?//[a-z0-9.]+\.[a-z]+", re.sub(r"^\s*//.*$", "", _text(name), flags=re.M))
        )
        assert addresses <= {"http://www.w3.org"}, "the name space of SVG, which nobody loads"


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_text_can_become_markup(name: str) -> None:
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", _text(name)) == []
    )


LABELS = {
    "in the query": ("/events?lab-stream=7", {}, 7),
    "in the header": ("/events", {"lab-stream": "8"}, 8),
    "none": ("/events", {}, None),
    "no number": ("/events?lab-stream=true", {}, None),
}


@pytest.mark.parametrize(("target", "headers", "label"), LABELS.values(), ids=LABELS)
def test_an_event_source_labels_its_stream_in_the_query(
    target: str, headers: dict[str, str], label: int | None
) -> None:
    answer = SITE.answer(Request("GET", target, headers, b"", 0, 0))
    assert isinstance(answer, StreamReply)
    assert answer.stream == label
