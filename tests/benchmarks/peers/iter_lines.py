"""A stream read as much people's code reads it: by a library's `iter_lines`, whose buffer waits before anybody sees a line.

`python -m tests.benchmarks.peers.iter_lines requests|locust URL` prints JSON: {"request_ns", "chunks": [[text, when]]}.
Locust patches the standard library when it is imported, which is why nothing else happens in here.
"""

import json
import sys
import time
from collections.abc import Iterator

from lab.model.request import STREAM_LABEL

_HEADERS = {STREAM_LABEL: "1", "accept": "text/event-stream"}


def by_requests(url: str) -> Iterator[str]:
    """With its own default: pieces of 512 bytes."""
    import requests

    with requests.get(url, headers=_HEADERS, stream=True, timeout=60) as response:
        yield from (line.decode() for line in response.iter_lines())


def by_locust(url: str) -> Iterator[str]:
    """FastHttpSession's, which has no size to choose: 1,024 bytes."""
    from locust.contrib.fasthttp import FastHttpUser
    from locust.env import Environment

    class User(FastHttpUser):
        host = url

    yield from User(Environment()).client.iter_lines(url, headers=_HEADERS)


def main() -> None:
    """Read it to the end, then tell."""
    lines = {"requests": by_requests, "locust": by_locust}[sys.argv[1]](sys.argv[2])
    request_ns = time.monotonic_ns()
    chunks = [
        (line.removeprefix("data: "), time.monotonic_ns())
        for line in lines
        if line.startswith("data: ") and line != "data: [DONE]"
    ]
    print(json.dumps({"request_ns": request_ns, "chunks": chunks}))


if __name__ == "__main__":
    main()
