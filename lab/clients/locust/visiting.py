"""The locustfile of a repetition: Locust's users make the requests of a visit, each when it is due, and the record is kept.

The rule: nothing is due before every user has spawned, and what Locust needs until then is set-up. It finds the visit and
the place of its record in the file descriptors that `child.py` names. Locust loads this file by its path.
"""

import functools
import os
import pickle
import socket
import sys
import time
from contextlib import closing
from typing import Any

import gevent
from gevent.event import Event
from locust import events, task
from locust.env import Environment
from locust.exception import StopUser

from lab.clients.answers import gave_up
from lab.clients.content import Content
from lab.clients.locust.child import RECORD_FD, VISIT_FD, VisitRecord
from lab.clients.locust.connection import Connection, Origin, encode_request
from lab.clients.locust.streaming import Teller, ending, read_stream
from lab.clients.locust.user import SSEUser
from lab.clients.reader import ResponseWatcher
from lab.clients.schedule import due_offsets_ns
from lab.clients.visit import Visit
from lab.errors import ProtocolError
from lab.linux.realtime import END_PRIORITY, take_realtime_priority
from lab.model.client import ClientSpec
from lab.model.request import STREAM_LABEL
from lab.trace.records import StreamSeen
from lab.wire.event_source import EventSource

_REHEARSED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + 4 * b"data: word\n\n"


class _Plan:
    """The visit, shared by all users."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.origin = Origin("http", *visit.address)
        self.begin, self.over = Event(), Event()
        self.start_ns = 0
        self.seen: list[StreamSeen] = []
        self.sockets: dict[str, tuple[object, object]] = {}
        self._connections = 0
        self._dues = enumerate(due_offsets_ns(visit.spec, visit.seed), start=1)
        self._left = visit.spec.request_count

    def take(self) -> StreamSeen | None:
        """The next request that nobody has taken, when it is due."""
        number, offset_ns = next(self._dues, (0, 0))
        if not number:
            return None
        now_ns = time.monotonic_ns()
        due_ns = now_ns if offset_ns is None else self.start_ns + offset_ns
        gevent.sleep(max(0, due_ns - now_ns) / 1e9)
        seen = self.new_request(number, due_ns)
        self.seen.append(seen)
        return seen

    def new_request(self, stream: int, due_ns: int) -> StreamSeen:
        """The record of a request on a connection of its own."""
        self._connections += 1
        return StreamSeen(stream=stream, due_ns=due_ns, connection=self._connections)

    def done(self) -> None:
        """One request is over."""
        self._left -= 1
        if not self._left:
            self.over.set()

    def request(self, headers: dict[str, str]) -> bytes:
        spec = self.visit.request
        return encode_request(self.origin, spec.method, spec.path, {**spec.headers, **headers}, spec.body or None)


with os.fdopen(int(os.environ[VISIT_FD]), "rb") as _file:
    _plan = _Plan(pickle.load(_file))


class Visitor(SSEUser):
    """One of the streams that are open at once."""

    @task
    def work(self) -> None:
        """One request after the other, until none is left."""
        _plan.begin.wait()
        while (seen := _plan.take()) is not None:
            teller = Teller(seen, functools.partial(self.fire, ""))
            if _plan.visit.spec.reconnect:
                _come_back(seen, teller)
            else:
                with ending(seen):
                    _attempt(seen, teller, None)
            teller.tell_end()
            _plan.done()
        raise StopUser


def _come_back(seen: StreamSeen, teller: Teller) -> None:
    """Every request of one stream, as an EventSource makes them."""
    source, request = EventSource(), seen
    with ending(seen):
        while True:
            with ending(request):
                _attempt(request, teller, source)
            completion, error = request.completion, request.error
            wait_ms = source.ended()
            if wait_ms is None:
                break
            seen.completion, seen.error = None, error  # to be told if the time is up before it gets any further
            gevent.sleep(wait_ms / 1000)
            request = _plan.new_request(seen.stream, time.monotonic_ns())
            seen.returns.append(request)
            teller.comes_back()
        seen.completion, seen.error = completion, error


def _attempt(seen: StreamSeen, teller: Teller, source: EventSource | None) -> None:
    """One connection, `reuse` requests on it, of which the last is the measured one."""
    visit = _plan.visit
    content = functools.partial(Content.planned, visit.workload, chunks_known=visit.own_server)
    with closing(Connection(_plan.origin, visit.spec, seen, visit.timeout_s)) as connection:
        _plan.sockets = connection.settings
        for seen.request in range(1, visit.spec.reuse):
            unmeasured = StreamSeen(seen.stream, seen.due_ns)
            watcher = ResponseWatcher(unmeasured, content(), time.monotonic_ns)
            for _ in connection.exchange(_plan.request({}), unmeasured, watcher):
                pass
            if not watcher.complete:
                raise ProtocolError(
                    f"request {seen.request} of {visit.spec.reuse} on a connection: the server closed it: "
                    "use client.reuse = 1, or a server that keeps connections alive"
                )
            seen.connection_offset += sum(read.size_bytes for read in unmeasured.reads)
            gevent.sleep(visit.spec.think / 1e9)
        seen.request = visit.spec.reuse
        fields = {STREAM_LABEL: str(seen.stream), **(source.request_fields() if source else {})}
        read_stream(connection, _plan.request(fields), seen, content(), teller, source)


def _rehearse() -> None:
    """Stream once on this process's own loopback, because first calls are slow and TTFC is what people come for."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as peer:
                peer.recv(4096)
                peer.sendall(_REHEARSED)

        answering = gevent.spawn(answer)
        seen = StreamSeen(stream=1, due_ns=0)
        origin = Origin("http", *server.getsockname())
        with closing(Connection(origin, ClientSpec(), seen, 2.0)) as connection:
            teller = Teller(seen, lambda *_event: None)
            read_stream(connection, _plan.request({}), seen, Content(), teller)
        answering.join()


@events.init.add_listener
def _prepare(environment: Environment, **_unused: Any) -> None:
    _rehearse()
    environment.process_exit_code = 0  # a failed stream is a result
    environment.events.spawning_complete.add_listener(lambda **_: gevent.spawn(_conduct, environment))


def _conduct(environment: Environment) -> None:
    """All users are there: let them begin, wait for them, keep the record, end Locust.

    While it streams it runs before ordinary processes where that is allowed, as every client of a repetition does.
    """
    if sys.platform == "linux":
        take_realtime_priority(END_PRIORITY)
    _plan.start_ns = time.monotonic_ns()
    _plan.begin.set()
    _plan.over.wait(_plan.visit.timeout_s)
    now_ns = time.monotonic_ns()
    for seen in _plan.seen:
        if seen.completion is None:
            seen.completion, seen.end_ns = "timeout", now_ns
            seen.error = seen.error or gave_up(_plan.visit.timeout_s)
    record = VisitRecord(sorted(_plan.seen, key=lambda seen: seen.stream), _plan.sockets, _plan.start_ns)
    with os.fdopen(int(os.environ[RECORD_FD]), "wb") as file:
        pickle.dump(record, file, protocol=pickle.HIGHEST_PROTOCOL)
    assert environment.runner is not None
    environment.runner.quit()
