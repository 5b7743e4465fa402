"""What a reader still knows of its place when the next connection says nothing of ids: the standard, and Chromium."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import sync_playwright

from lab.clients.browser.program import flags, require
from tests.e2e.event_source import EventSource
from tests.e2e.serving import PATIENCE_S

# One response after the other; then 204. The second has blocks without an id, one of them without data.
BODIES = [b"retry: 1\n\nid: 7\ndata: a\n\n", b": alive\n\ndata: b\n\n", b"id: 8\ndata: c\n\n"]
BY_THE_STANDARD = [None, "7", None, "8"]
IN_CHROMIUM = [None, "7", "7", "8"]


@dataclass
class Peer:
    """A server that only answers by its script, and what it was asked with."""

    port: int
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def scripted() -> Iterator[Peer]:
    """While the block runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/events":
                self.answer(200, "text/html", b"")
                return
            peer.asked.append(self.headers.get("last-event-id"))
            body = dict(enumerate(BODIES, start=1)).get(len(peer.asked))
            self.answer(204 if body is None else 200, "text/event-stream", body or b"")

        def answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        peer = Peer(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield peer
        server.shutdown()


def test_by_the_standard_a_block_without_an_id_makes_its_reader_forget() -> None:
    with scripted() as peer:
        EventSource(peer.port).run()
    assert peer.asked == BY_THE_STANDARD


_UNTIL_CLOSED = """() => new Promise((resolve) => {
  const source = new EventSource("/events");
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) resolve(null); };
})"""


@pytest.mark.needs("chromium")
def test_chromium_remembers() -> None:
    """Its parser begins with the id that the last connection left. A server that must serve both repeats the id."""
    with scripted() as peer, sync_playwright() as playwright:
        origin = f"http://127.0.0.1:{peer.port}"
        browser = playwright.chromium.launch(executable_path=require(), args=flags(origin))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{origin}/")
        page.evaluate(_UNTIL_CLOSED)
        browser.close()
    assert peer.asked == IN_CHROMIUM
