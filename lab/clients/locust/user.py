"""`SSEUser` and `OpenAIUser`: subclass one in a locustfile and call `self.stream(…)` or `self.chat(…)` in its tasks.

    from locust import constant, task
    from lab.clients.locust.user import OpenAIUser

    class Reader(OpenAIUser):
        wait_time = constant(1)

        @task
        def ask(self):
            self.chat("Tell me a story", model="my-model")

The rule: each chunk is seen when its read returned, and becomes Locust's `TTFC` or `gap` event at once; the response becomes
one `stream` event. Not `FastHttpUser.iter_lines`: its `read(1024)` waits for 1,024 bytes, and a stream becomes lumps.
"""

import functools
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from locust import User

from lab.clients.content import Content
from lab.clients.locust import recorder
from lab.clients.locust.connection import Connection, encode_request, split_url
from lab.clients.locust.streaming import Teller, ending, read_stream
from lab.model.client import ClientSpec
from lab.trace.records import StreamSeen

_REQUEST_TYPE = "SSE"
_PLAIN_READER = ClientSpec()


class SSEUser(User):
    """Reads server-sent events. Every event with data is a chunk, unless the first one is OpenAI's: see `OpenAIUser`."""

    abstract = True

    timeout_s = 60.0
    """A connection on which nothing moves for so long ends as `timeout`."""

    openai: bool | None = None
    """Whether events are OpenAI's frames; None lets the first event tell."""

    def stream(
        self,
        target: str = "",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: object = None,
        name: str = "",
    ) -> StreamSeen:
        """Make one request on a connection of its own and read the response to its end.

        `target`: a path with its query, or a whole URL; "" is the path of the user's host. `body`: bytes, text, or anything
        else as JSON. `name` stands before the names of the events, to tell several kinds of streams apart. What goes wrong
        is the record's completion and a failure in Locust's statistics. Raises UsageError for what is no URL or no HTTP.
        """
        url = target if "//" in target else self.host or ""
        origin, path = split_url(url)
        if "//" not in target:
            path = target or path
        request = encode_request(origin, method, path or "/", headers or {}, body)
        with recorder.recording() as seen:
            teller = Teller(seen, functools.partial(self.fire, name))
            with ending(seen), closing(Connection(origin, _PLAIN_READER, seen, self.timeout_s)) as connection:
                read_stream(connection, request, seen, Content(self.openai), teller)
            teller.tell_end()
        return seen

    def fire(self, name: str, what: str, time_ms: float, size_bytes: int, error: Exception | None) -> None:
        """One of Locust's request events. Override it to name or to tag them otherwise."""
        self.environment.events.request.fire(
            request_type=_REQUEST_TYPE,
            name=f"{name} {what}".strip(),
            response_time=time_ms,
            response_length=size_bytes,
            exception=error,
            context=self.context(),
        )


class OpenAIUser(SSEUser):
    """Asks an OpenAI-compatible endpoint for streamed answers. Chunks are the frames with text in them.

    The key comes from the environment variable `OPENAI_API_KEY`, where it is set.
    """

    abstract = True
    openai = True
    model = "typewriter"

    def chat(
        self,
        messages: str | list[dict[str, Any]],
        *,
        target: str = "/v1/chat/completions",
        name: str = "",
        **options: Any,
    ) -> StreamSeen:
        """Stream the answer to a prompt, or to a conversation in OpenAI's form. `options` go into the request's body."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        key = os.environ.get("OPENAI_API_KEY")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        body = {"model": self.model, "messages": messages, "stream": True, **options}
        return self.stream(target, method="POST", headers=headers, body=body, name=name)
