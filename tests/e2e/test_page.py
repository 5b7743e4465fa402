"""The typewriter page as its readers use it, in a real Chromium, at `/` of `lab serve`."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from lab.clients.browser.program import flags, require
from tests.e2e.serving import PATIENCE_S, Served, served

pytestmark = pytest.mark.needs("chromium")
PATIENCE_MS = PATIENCE_S * 1000
TRANSPORTS = ["fetch", "eventsource"]


@dataclass
class Opened:
    """A page, what it asked for and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, transport: str, words: str = "Say something.") -> None:
        """Type, choose and press Enter."""
        self.page.locator(f"input[value={transport}] + span").click()
        self.page.locator("#prompt").fill(words)
        self.page.locator("#prompt").press("Enter")

    def finished(self) -> str:
        """The figures of the last answer, once it is complete."""
        expect(self.page.locator(".answer").last).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
        return self.page.locator(".figures").last.inner_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require(), args=flags("http://127.0.0.1"))
        yield browser
        browser.close()


def opened(browser: Browser, url: str, **options: object) -> Opened:
    """The page at `url`, watched."""
    page = browser.new_page(**options)  # type: ignore[arg-type]
    seen = Opened(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(f"{url}/")
    return seen


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    """One server for the tests that only ask."""
    with served("--set", "profile=ticker", "--set", "chunks=25", "--set", "interval=10ms") as server:
        yield server


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_types_the_answer_and_asks_nobody_else(transport: str, browser: Browser, lab: Served) -> None:
    seen = opened(browser, lab.url)
    seen.ask(transport)
    figures = seen.finished()
    assert "done" in figures
    assert "25 chunks" in figures
    assert (" reads" in figures) is (transport == "fetch")
    assert len(seen.page.locator(".answer .text").inner_text()) > 25
    assert {urlsplit(url).netloc for url in seen.requests} == {f"127.0.0.1:{lab.port}"}
    assert seen.complaints == []
    seen.page.close()


def test_both_transports_show_the_same_stream_to_its_end(browser: Browser, lab: Served) -> None:
    """The same seed, so the same text; and an EventSource comes back until it is told to stop."""
    seen = opened(browser, lab.url)
    for _ in range(2):
        seen.ask("eventsource")
        seen.finished()
    texts = seen.page.locator(".answer .text").all_inner_texts()
    assert texts[0] == texts[1]
    assert sum("/events" in url for url in seen.requests) == 4
    seen.page.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", ["button", "Escape"])
def test_stop_ends_the_stream_at_the_server(transport: str, way: str, browser: Browser) -> None:
    """A server that drains waits for running streams, and this one would run for minutes."""
    with served("--set", "profile=ticker", "--set", "chunks=50000", "--set", "interval=10ms") as server:
        seen = opened(browser, server.url)
        seen.ask(transport)
        expect(seen.page.locator(".answer .text")).not_to_be_empty(timeout=PATIENCE_MS)
        if way == "button":
            seen.page.locator("#stop").click()
        else:
            seen.page.keyboard.press("Escape")
        assert "stopped" in seen.finished()
        assert seen.page.locator("#stop").is_disabled()
        code, words = server.end(signal.SIGTERM)
        assert (code, "Traceback" in words) == (0, False)
        assert seen.complaints == []
        seen.page.close()


EVIL = '</script><script>window.evil=1</script><img src=/evil onerror="window.evil=1"><b>bold</b>&lt;&amp;'


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_text_is_shown_as_text(transport: str, browser: Browser, lab: Served) -> None:
    """In the prompt and in the answer."""
    seen = opened(browser, lab.url)
    answered: list[str] = []

    def answer(route: Route) -> None:
        chunk = json.dumps({"choices": [{"delta": {"content": EVIL}}]}) if transport == "fetch" else EVIL
        if answered:
            route.fulfill(status=204)  # an EventSource comes back
        else:
            body = f"retry: 1\n\nid: 1\ndata: {chunk}\n\n"
            route.fulfill(status=200, content_type="text/event-stream; charset=utf-8", body=body)
        answered.append(route.request.url)

    seen.page.route("**/v1/chat/completions", answer)
    seen.page.route("**/events", answer)
    seen.ask(transport, EVIL)
    seen.finished()
    assert seen.page.locator(".answer .text").text_content() == EVIL
    assert seen.page.locator(".prompt .text").text_content() == EVIL
    assert seen.page.locator("#conversation").locator("img, script, b").count() == 0
    assert seen.page.evaluate("window.evil") is None
    assert not any("evil" in url for url in seen.requests)
    assert seen.complaints == []
    seen.page.close()


# The bodies of an EventSource's responses, after which it is told to stop → the text, and what is said of it.
RETURNS = {
    "with ids": (["id: 1\ndata: a\n\n", "id: 2\ndata: b\n\n"], "ab", "came back 1 time"),
    "without ids": (
        ["data: a\n\n", "data: a\n\ndata: b\n\n"],
        "aab",
        "came back 1 time, without ids: what was read before",
    ),
    "again and again": (["id: 1\ndata: a\n\n", "id: 2\ndata: b\n\n", "id: 3\ndata: c\n\n"], "abc", "came back 2 times"),
    "an answer with an end": (["data: a\n\ndata: [DONE]\n\n"], "a", "1 chunk"),
    "told to stop": (["data: a\n\n"], "a", "1 chunk"),
}


@pytest.mark.parametrize("case", RETURNS)
def test_an_event_source_that_came_back_says_so(case: str, browser: Browser, lab: Served) -> None:
    bodies, text, said = RETURNS[case]
    seen = opened(browser, lab.url)
    script = iter(bodies)
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        body = next(script, None)
        if body is None:
            route.fulfill(status=204)
        else:
            route.fulfill(status=200, content_type="text/event-stream", body=f"retry: 1\n{body}")

    seen.page.route("**/events", answer)
    seen.ask("eventsource")
    figures = seen.finished()
    assert figures.endswith(said) or f"{said} " in figures
    assert ("came back" in figures) is (len(bodies) > 1)
    assert seen.page.locator(".answer .text").text_content() == text
    assert len(asked) == len(bodies) + ("[DONE]" not in bodies[-1])
    seen.page.close()


# What the server answers → what the page says.
FAILURES = {
    "an error in JSON": (429, "application/json", '{"error": {"message": "slow down"}}', "answered 429"),
    "a page instead of a stream": (200, "text/html", "<h1>Log in</h1>", "sent text/html, and no event stream"),
    "an error in mid-stream": (200, "text/event-stream", 'data: {"error": {"message": "lost"}}\n\n', "lost"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_goes_wrong_is_said_in_the_answer(case: str, browser: Browser, lab: Served) -> None:
    status, content_type, body, words = FAILURES[case]
    seen = opened(browser, lab.url)
    seen.page.route(
        "**/v1/chat/completions", lambda route: route.fulfill(status=status, content_type=content_type, body=body)
    )
    seen.ask("fetch")
    seen.finished()
    expect(seen.page.locator(".failure")).to_contain_text(words)
    seen.page.close()


def test_a_stream_that_ends_inside_an_event_is_truncated(browser: Browser, lab: Served) -> None:
    seen = opened(browser, lab.url)
    seen.page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(status=200, content_type="text/event-stream", body="data: a\n\ndata: b"),
    )
    seen.ask("fetch")
    assert "truncated" in seen.finished()
    assert seen.page.locator(".answer .text").text_content() == "a"
    seen.page.close()


WIDTHS = {"a desk": (1280, 800), "a phone": (360, 640), "a small phone": (320, 480)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen(width: str, scheme: str, browser: Browser, lab: Served) -> None:
    viewport = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    seen = opened(browser, lab.url, viewport=viewport, color_scheme=scheme)
    seen.ask("fetch", "unbreakable" * 40)
    seen.finished()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for name in ("#prompt", "#stop", "#send"):
        box = seen.page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
        assert box["y"] + box["height"] <= viewport["height"]
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    ground, ink = (sum(map(int, text[4:-1].split(","))) for text in seen.page.evaluate(colours))
    assert (ground < ink) is (scheme == "dark")
    seen.page.close()


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(browser: Browser, lab: Served) -> None:
    seen = opened(browser, lab.url)
    page = seen.page
    for role, name in (("textbox", "Prompt"), ("radio", "fetch"), ("radio", "EventSource"), ("log", "Conversation")):
        expect(page.get_by_role(role, name=name)).to_be_attached()  # type: ignore[arg-type]
    assert page.evaluate("document.activeElement.id") == "prompt"
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("input[value=eventsource]").is_checked()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send", "Stop is disabled and skipped"
    page.keyboard.press("Enter")
    assert "EventSource" in seen.finished()
    page.close()


def test_the_page_is_isolated_and_its_clock_exact(browser: Browser, lab: Served) -> None:
    seen = opened(browser, lab.url)
    assert seen.page.evaluate("crossOriginIsolated") is True
    seen.page.close()
