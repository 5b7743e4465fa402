"""One connection and the responses on it, over a plain blocking socket: what a Locust user streams through.

The rule: one `recv` returns what is there, is stamped the moment it returns, and is decoded only then. Must not import
Locust or gevent: in Locust's process `socket` is gevent's already, and in a test it is the system's own.
"""

import json
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import h11

from lab.clients.options import receiver_options
from lab.clients.reader import ResponseWatcher
from lab.errors import ProtocolError, UsageError
from lab.linux import sockets
from lab.model.client import ClientSpec
from lab.trace.records import Completion, StreamSeen

_PORTS = {"http": 80, "https": 443}
# RFC 3986 sections 2.2 and 2.3, and "%" for what is quoted already.
_URL_SAFE = "%/:?#[]@!$&'()*+,;=-._~"


class Origin(NamedTuple):
    """Where a request goes to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the Host header wants it: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def split_url(url: str) -> tuple[Origin, str]:
    """Origin and request target of an http or https URL; the target is "" where the URL has none. Raises UsageError."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    try:
        origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
    except ValueError as error:
        raise UsageError(f"cannot stream from {url!r}: {error}: give host:port or an http(s) URL") from error
    if origin.scheme not in _PORTS or not origin.host:
        raise UsageError(f"cannot stream from {url!r}: give host:port or an http(s) URL")
    query = f"?{parts.query}" if parts.query else ""
    return origin, quote(parts.path + query, safe=_URL_SAFE)


def encode_request(origin: Origin, method: str, target: str, headers: Mapping[str, str], body: object) -> bytes:
    """The request's bytes; `body` is bytes, text, or anything else as JSON. Raises UsageError for what HTTP cannot carry."""
    lines = {"host": origin.authority, "accept": "text/event-stream"}
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    if body is not None and not isinstance(body, bytes | str):
        content = json.dumps(body).encode()
        lines["content-type"] = "application/json"
    if body is not None:
        lines["content-length"] = str(len(content))
    lines |= {name.lower(): value for name, value in headers.items()}
    try:
        head = h11.Connection(h11.CLIENT).send(h11.Request(method=method, target=target, headers=list(lines.items())))
    except h11.LocalProtocolError as error:
        raise UsageError(f"cannot ask {origin.authority} for {target!r}: {error}") from error
    assert head is not None
    return head + content


class Connection:
    """A TCP connection, with TLS for https. `settings`: its socket options by name, as asked and as got."""

    def __init__(self, origin: Origin, spec: ClientSpec, seen: StreamSeen, timeout_s: float) -> None:
        """Connect, and stamp that in `seen`. Raises OSError, TimeoutError where nothing moves for `timeout_s`."""
        self._spec = spec
        self.settings: dict[str, tuple[object, object]] = {}
        addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        seen.connect_ns = time.monotonic_ns()
        self._sock = self._first_of(addresses, origin, timeout_s)
        if origin.scheme == "https":
            self._sock = _tls().wrap_socket(self._sock, server_hostname=origin.host)
        seen.connected_ns = time.monotonic_ns()
        seen.client_port, seen.server_port = self._sock.getsockname()[1], self._sock.getpeername()[1]

    def exchange(self, request: bytes, seen: StreamSeen, watcher: ResponseWatcher) -> Iterator[None]:
        """One request and its response; stops for the caller after each read. Raises OSError and ProtocolError."""
        seen.request_ns = time.monotonic_ns()
        self._sock.sendall(request)
        while not watcher.over:
            if self._spec.read_delay:
                time.sleep(self._spec.read_delay / 1e9)  # gevent's by now: only this user pauses
            if self._spec.quickack != "default":  # the kernel changes it back as it sees fit, so before every read
                sockets.set_option(self._sock, sockets.QUICKACK, int(self._spec.quickack == "on"))
            data = self._sock.recv(self._spec.read_size)
            read_ns = time.monotonic_ns()
            if not data:
                return
            watcher.read(data, read_ns, None)
            yield

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def _first_of(self, addresses: Sequence[tuple[Any, ...]], origin: Origin, timeout_s: float) -> socket.socket:
        """Connected to the first address that takes it, as `socket.create_connection` does, but set up before."""
        reason = "it has no address"
        for family, kind, protocol, _, address in addresses:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(timeout_s)
            try:
                settings = sockets.apply(sock, receiver_options(self._spec))
                settings.setdefault(
                    sockets.RCVBUF.name, sockets.Setting(None, sockets.get_option(sock, sockets.RCVBUF))
                )
                sock.connect(address)
            except TimeoutError:
                sock.close()
                raise
            except OSError as error:
                sock.close()
                reason = os.strerror(error.errno) if error.errno else str(error)
            else:
                self.settings = {name: (setting.asked, setting.got) for name, setting in settings.items()}
                return sock
        raise ConnectionError(f"connecting to {origin.host}:{origin.port}: {reason}")


@cache
def _tls() -> ssl.SSLContext:
    """One for the whole process: loading the certificates takes longer than a handshake."""
    return ssl.create_default_context()


def completion_of(error: OSError | ProtocolError) -> Completion:
    """How a stream ended that ended in an exception."""
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    return "timeout" if isinstance(error, TimeoutError) else "error"
