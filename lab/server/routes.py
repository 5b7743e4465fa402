"""Which path answers what: pure decisions from a request to a reply or a stream's script.

The rule: whatever a request says, the outcome is an answer or a BadRequest. Touches no socket and reads no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from lab.model.request import STREAM_LABEL
from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server import limits
from lab.server.feed import feed
from lab.server.page.files import TYPES, page_file
from lab.server.params import (
    ChatRequest,
    Wishes,
    parse_chat_body,
    parse_query,
    read_chat,
    resolve_server,
    resolve_workload,
    text_bytes,
)
from lab.server.replies import CORS_HEADERS, PREFLIGHT_HEADERS, BadRequest, Reply, json_reply
from lab.server.script import ChatOptions, Frame, chat_completion, chat_script


class Request(NamedTuple):
    """One HTTP request, complete with its body. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    head_ns: int
    number: int  # of this server's requests, from 0: names unlabelled streams


class StreamReply(NamedTuple):
    """An event stream: its frames and the mode that it is sent in."""

    frames: list[Frame]
    server: ServerSpec
    headers: list[tuple[str, str]]
    stream: int | None  # the label of a stream that is to be recorded
    first_place: int = 1  # of its first chunk, in the whole answer


Answer = Reply | StreamReply


class Later(NamedTuple):
    """An answer so large that making it would hold up the streams that are running. `make` may be called in a thread."""

    make: Callable[[], Answer]


@dataclass(frozen=True)
class Site:
    """The server's settings: what a request that asks for nothing gets. `epoch_s` dates OpenAI's `created`."""

    workload: WorkloadSpec
    server: ServerSpec
    seed: str
    epoch_s: int

    def answer(self, request: Request) -> Answer | Later:
        """What to send; of HEAD's answer only the head. Raises BadRequest for what cannot be served."""
        try:
            url = urlsplit(request.target)
        except ValueError as error:
            raise BadRequest(f"the target {request.target!r} is no URL: {error}") from error
        routes = _ROUTES.get(url.path)
        if routes is None:
            raise BadRequest(f"no such path {url.path!r}: there are {', '.join(_ROUTES)}", 404)
        if request.method == "OPTIONS":
            return Reply(204, headers=PREFLIGHT_HEADERS)
        handler = routes.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = ", ".join((*routes, "HEAD", "OPTIONS"))
            raise BadRequest(f"{request.method} is not for {url.path}: use {allowed}", 405, [("allow", allowed)])
        return handler(self, request, url.query)


_STREAM_HEADERS = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *CORS_HEADERS]
_JSON_HEADERS = [("content-type", "application/json"), *CORS_HEADERS]
_MAX_DIGITS = 18
_CHAT_KEYS = ("stream", "max_tokens", "model", "include_usage")


def _chat_get(site: Site, request: Request, query: str) -> Answer | Later:
    wishes = parse_query(query, _CHAT_KEYS)
    options = {"include_usage": wishes.chat.get("include_usage", False)}
    return _chat(site, request, wishes, read_chat({"stream": True, "stream_options": options} | wishes.chat, "query"))


def _chat_post(site: Site, request: Request, query: str) -> Answer | Later:
    return _chat(site, request, parse_query(query), parse_chat_body(request.body))


def _chat(site: Site, request: Request, wishes: Wishes, wanted: ChatRequest) -> Answer | Later:
    limit = {"chunks": wanted.token_limit} if wanted.token_limit else {}
    workload = resolve_workload(site.workload, wishes.workload | limit)
    options = ChatOptions(
        id=f"chatcmpl-{request.number}",
        created=site.epoch_s,
        model=wanted.model or ChatOptions._field_defaults["model"],
        include_usage=bool(wanted.stream_options and wanted.stream_options.include_usage),
    )
    server, seed, label = resolve_server(site.server, wishes.server), _stream_seed(site, request), _label(request)

    def make() -> Answer:
        if not wanted.stream:
            return Reply(200, chat_completion(workload, seed, options), _JSON_HEADERS)
        return StreamReply(chat_script(workload, seed, options), server, _STREAM_HEADERS, label)

    return _now_or_later(workload, make)


def _events(site: Site, request: Request, query: str) -> Answer | Later:
    """For EventSource: what `server.resume` says, and 204 (which tells it to stop) when nothing is left of it."""
    wishes = parse_query(query, (STREAM_LABEL,))  # an EventSource cannot set headers
    workload = resolve_workload(site.workload, wishes.workload)
    label = _number(wishes.chat.get(STREAM_LABEL, request.headers.get(STREAM_LABEL, "")))
    server = resolve_server(site.server, wishes.server)
    last_id = request.headers.get("last-event-id", "")

    def make() -> Answer:
        # One seed for all, so that a client that resumes finds the stream it left.
        rest = feed(workload, f"{site.seed}/events", server, last_id, request.head_ns)
        if rest is None:
            return Reply(204, headers=CORS_HEADERS)
        return StreamReply(rest.frames, server, _STREAM_HEADERS, label, rest.first_place)

    return _now_or_later(workload, make)


def _now_or_later(workload: WorkloadSpec, make: Callable[[], Answer]) -> Answer | Later:
    small = workload.chunks <= limits.INLINE_CHUNKS and text_bytes(workload) <= limits.INLINE_TEXT_BYTES
    return make() if small else Later(make)


def _healthz(_site: Site, request: Request, _query: str) -> Reply:
    return json_reply({"status": "ok", "requests": request.number})


def _file(name: str) -> "_Handler":
    return lambda _site, _request, _query: page_file(name)


def _label(request: Request) -> int | None:
    return _number(request.headers.get(STREAM_LABEL, ""))


def _number(text: str) -> int | None:
    """A number that a column of int64 can hold, or None: what is none of ours is as good as absent."""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _stream_seed(site: Site, request: Request) -> str:
    """A labelled stream is the same in every repetition of a seed; others follow the order of requests."""
    label = _label(request)
    return f"{site.seed}/{request.number if label is None else label}"


_Handler = Callable[[Site, Request, str], Answer | Later]
_ROUTES: dict[str, dict[str, _Handler]] = {
    "/v1/chat/completions": {"GET": _chat_get, "POST": _chat_post},
    "/events": {"GET": _events},
    "/healthz": {"GET": _healthz},
    "/": {"GET": _file("index.html")},
    **{f"/page/{name}": {"GET": _file(name)} for name in TYPES if name != "index.html"},
}
