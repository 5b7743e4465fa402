"""A request's wishes: query parameters and an OpenAI body, laid over the server's own settings.

The keys are those of `[workload]` and `[server]`; values are written as in a scenario. Everything else is refused by name.
"""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab.errors import ScenarioError
from lab.model.problems import Model, build
from lab.model.request import STREAM_LABEL
from lab.model.server import FOREIGN_KEYS, ServerSpec
from lab.model.values import parse_value
from lab.model.workload import WorkloadSpec
from lab.server import limits
from lab.server.replies import BadRequest

# A capture is a file of this machine: only who starts the server may name one.
_WORKLOAD_KEYS = frozenset(WorkloadSpec.model_fields) - {"capture"}
# Header fields speak to proxies and browsers in the name of this server: they are not for whoever asks it. A segment's size
# is settled in the handshake, before anybody can ask.
_SERVER_KEYS = frozenset(ServerSpec.model_fields) - FOREIGN_KEYS - {"headers", "mss"}
# A model may be called "4", or "true"; a label is read like the header that it stands for.
_TEXT_KEYS = ("model", STREAM_LABEL)
# What the profile fills in must be filled in again when the query names another profile.
_PROFILE_KEYS = ("chunks", "interval", "size")


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The parts of an OpenAI chat request that this server honours; the others are accepted and ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field("", max_length=256)
    messages: list[Any] = Field(default_factory=list)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)

    @property
    def token_limit(self) -> int | None:
        """OpenAI renamed the field; both are in use."""
        return self.max_completion_tokens or self.max_tokens


def parse_chat_body(body: bytes) -> ChatRequest:
    """The JSON body of a POST; an empty one asks for the defaults. Raises BadRequest."""
    if not body:
        return ChatRequest(stream=True)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    return read_chat(document, "the body")


def read_chat(document: Any, where: str) -> ChatRequest:
    """A chat request from its JSON. Raises BadRequest."""
    try:
        return ChatRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(f"{'.'.join((where, *map(str, first['loc'])))}: {first['msg']}") from error


class Wishes(BaseModel):
    """A query string, sorted by what it is about."""

    model_config = ConfigDict(frozen=True)

    workload: dict[str, Any]
    server: dict[str, Any]
    chat: dict[str, Any]


def parse_query(query: str, chat_keys: Iterable[str] = ()) -> Wishes:
    """Sort the parameters; `chat_keys` are those that the route takes beside settings. Raises BadRequest."""
    wishes: dict[str, dict[str, Any]] = {"workload": {}, "server": {}, "chat": {}}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=100)
    except ValueError as error:
        raise BadRequest(f"the query string cannot be read: {error}") from error
    for key, text in pairs:
        first, dot, rest = key.partition(".")
        table = "chat" if key in chat_keys else "workload" if first in _WORKLOAD_KEYS else "server"
        if table == "server" and key not in _SERVER_KEYS:
            allowed = ", ".join(sorted(_WORKLOAD_KEYS | _SERVER_KEYS | set(chat_keys)))
            raise BadRequest(f"unknown parameter {key!r}: this route knows {allowed}")
        target = wishes[table].setdefault(first, {}) if dot else wishes[table]
        name = rest if dot else key
        if not isinstance(target, dict) or name in target:
            raise BadRequest(f"parameter {key!r} comes after another value for {first!r}: only one can hold")
        target[name] = text if key in _TEXT_KEYS else _value(key, text)
    return Wishes(workload=wishes["workload"], server=wishes["server"], chat=wishes["chat"])


def _value(key: str, text: str) -> Any:
    try:
        return parse_value(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a thousand brackets
        raise BadRequest(f"parameter {key!r} cannot be read: {error}") from error


def resolve_workload(default: WorkloadSpec, wishes: dict[str, Any]) -> WorkloadSpec:
    """The default with the wishes over it, bounded in size. Raises BadRequest."""
    if not wishes:
        return default
    base = default.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"capture"})
    base |= {"capture": default.capture} if default.capture else {}  # as it is: it may be long, and was checked
    if wishes.get("profile", default.profile) != default.profile:
        base = {key: value for key, value in base.items() if key not in _PROFILE_KEYS}
    spec = _resolve(WorkloadSpec, base, wishes)
    if spec.chunks > limits.CHUNKS_PER_RESPONSE or text_bytes(spec) > limits.RESPONSE_TEXT_BYTES:
        raise BadRequest(
            f"{spec.chunks} chunks and {text_bytes(spec)} bytes of text are more than one response may hold: "
            f"at most {limits.CHUNKS_PER_RESPONSE} chunks and {limits.RESPONSE_TEXT_BYTES} bytes"
        )
    return spec


def text_bytes(spec: WorkloadSpec) -> int:
    """The text of all chunks together, at most; words of natural length count as nothing, for the chunks bound them."""
    return (spec.first_size or 0) + spec.chunks * (spec.size or 0)


def resolve_server(default: ServerSpec, wishes: dict[str, Any]) -> ServerSpec:
    """The default with the wishes over it. Raises BadRequest."""
    return _resolve(ServerSpec, default.model_dump(mode="json", exclude_none=True), wishes) if wishes else default


def _resolve(model: type[Model], base: dict[str, Any], wishes: dict[str, Any]) -> Model:
    try:
        return build(model, base | wishes, "query")
    except ScenarioError as error:
        raise BadRequest(str(error)) from error
