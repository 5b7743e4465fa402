"""Which path answers what: pure decisions from a request to a reply or a stream's script. Touches no socket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.params import ChatRequest, parse_chat_body, parse_query, resolve_server, resolve_workload
from lab.server.replies import CORS_HEADERS, PREFLIGHT_HEADERS, BadRequest, Reply, json_reply
from lab.server.script import ChatOptions, Frame, chat_completion, chat_script, events_script


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


@dataclass(frozen=True)
class Site:
    """The server's settings: what a request that asks for nothing gets. `epoch_s` dates OpenAI's `created`."""

    workload: WorkloadSpec
    server: ServerSpec
    seed: str
    epoch_s: int

    def answer(self, request: Request) -> Reply | StreamReply:
        """Raises BadRequest for what cannot be served."""
        url = urlsplit(request.target)
        routes = _ROUTES.get(url.path)
        if routes is None:
            raise BadRequest(f"no such path {url.path!r}: there are {', '.join(_ROUTES)}", 404)
        if request.method == "OPTIONS":
            return Reply(204, headers=PREFLIGHT_HEADERS)
        if request.method not in routes:
            allowed = ", ".join((*routes, "OPTIONS"))
            raise BadRequest(f"{request.method} is not for {url.path}: use {allowed}", 405, [("allow", allowed)])
        return routes[request.method](self, request, url.query)


# The label that the lab's own clients put on a request whose stream is to be recorded; it survives proxies.
STREAM_LABEL = "lab-stream"

_STREAM_HEADERS = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *CORS_HEADERS]
_CHAT_KEYS = ("stream", "max_tokens", "model", "include_usage")


def _chat_get(site: Site, request: Request, query: str) -> Reply | StreamReply:
    chat = parse_query(query, _CHAT_KEYS).chat
    usage = {"include_usage": chat.pop("include_usage", False)}
    try:
        wanted = ChatRequest.model_validate({"stream": True, **chat, "stream_options": usage})
    except ValueError as error:
        raise BadRequest(f"query: {error}") from error
    return _chat(site, request, query, wanted)


def _chat_post(site: Site, request: Request, query: str) -> Reply | StreamReply:
    return _chat(site, request, query, parse_chat_body(request.body))


def _chat(site: Site, request: Request, query: str, wanted: ChatRequest) -> Reply | StreamReply:
    wishes = parse_query(query, _CHAT_KEYS)
    limit = {"chunks": wanted.token_limit} if wanted.token_limit else {}
    workload = resolve_workload(site.workload, wishes.workload | limit)
    options = ChatOptions(
        id=f"chatcmpl-{request.number}",
        created=site.epoch_s,
        model=wanted.model or ChatOptions._field_defaults["model"],
        include_usage=bool(wanted.stream_options and wanted.stream_options.include_usage),
    )
    seed = _stream_seed(site, request)
    if not wanted.stream:
        body = chat_completion(workload, seed, options)
        return Reply(200, body, [("content-type", "application/json"), *CORS_HEADERS])
    frames = chat_script(workload, seed, options)
    return StreamReply(frames, resolve_server(site.server, wishes.server), _STREAM_HEADERS, _label(request))


def _events(site: Site, request: Request, query: str) -> Reply | StreamReply:
    """For EventSource: what comes after Last-Event-ID, and 204 (which tells it to stop) when nothing does."""
    wishes = parse_query(query)
    workload = resolve_workload(site.workload, wishes.workload)
    last_id = request.headers.get("last-event-id", "0")
    # One seed for all, so that a client that resumes finds the stream it left.
    frames = events_script(workload, f"{site.seed}/events", int(last_id) if last_id.isdecimal() else 0)
    if not frames:
        return Reply(204, headers=CORS_HEADERS)
    return StreamReply(frames, resolve_server(site.server, wishes.server), _STREAM_HEADERS, _label(request))


def _healthz(_site: Site, request: Request, _query: str) -> Reply:
    return json_reply({"status": "ok", "requests": request.number})


def _label(request: Request) -> int | None:
    label = request.headers.get(STREAM_LABEL, "")
    return int(label) if label.isdecimal() else None


def _stream_seed(site: Site, request: Request) -> str:
    """A labelled stream is the same in every repetition of a seed; others follow the order of requests."""
    label = _label(request)
    return f"{site.seed}/{request.number if label is None else label}"


_Handler = Callable[[Site, Request, str], Reply | StreamReply]
_ROUTES: dict[str, dict[str, _Handler]] = {
    "/v1/chat/completions": {"GET": _chat_get, "POST": _chat_post},
    "/events": {"GET": _events},
    "/healthz": {"GET": _healthz},
}
