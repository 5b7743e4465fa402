"""The lab's own locustfile: readers that stream from the given URL, one answer after the other, a second apart.

A URL without a path means the lab's own chat route. Locust loads this file by its path; it must not be imported elsewhere.
"""

from locust import constant, task

from lab.clients.locust.connection import split_url
from lab.clients.locust.user import SSEUser
from lab.model.request import RequestSpec

_CHAT_ROUTE = RequestSpec().path


class Reader(SSEUser):
    """Somebody who reads what is typed to them."""

    wait_time = constant(1)

    @task
    def read(self) -> None:
        """One answer."""
        _, path = split_url(self.host or "")
        self.stream(path if path not in ("", "/") else _CHAT_ROUTE)
