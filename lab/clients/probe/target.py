"""Where a probe goes and what it asks: the URL taken apart, the request as bytes, and the rule for API keys. Pure.

The rule: nothing that is sent can be smuggled in by a line end or a control character, and a key is never sent where it was
not meant to go: not in clear text beyond this machine, and not to a host for which nobody named it.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from lab.errors import UsageError

DEFAULT_KEY = "OPENAI_API_KEY"
DEFAULT_KEY_HOST = "api.openai.com"

_PORTS = {"http": 80, "https": 443}
# RFC 9110 section 5.6.2: the characters of a method and of a field's name.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The connection is the probe's to manage, and lengths are counted, not believed.
_OWN_FIELDS = ("connection", "content-length", "transfer-encoding", "upgrade", "expect", "te")
_OWN_METHODS = ("CONNECT", "TRACE")
# RFC 3986 section 3.3 and 3.4: what may stand in path and query as it is; "%" too, for escapes that are there already.
_SAFE = "/?:@!$&'()*+,;=-._~%"


@dataclass(frozen=True)
class Target:
    """An endpoint. `path` is the request's target: path and query, escaped."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """`host` or `host:port`, as in the URL and the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def shareable_url(self) -> str:
        """Without the query, in which some services put their keys."""
        return self.url.partition("?")[0]

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, so that nobody else reads along."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_url(text: str) -> Target:
    """Raises UsageError for what is no http or https address."""
    try:
        if re.search(r"[\x00-\x20\x7f]", text):
            raise ValueError("it has a space or a control character in it")
        parts = urlsplit(text)
        if parts.scheme not in _PORTS:
            raise ValueError("it must begin with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("it has a name or password in it, which would be shown: use --header 'Authorization: …'")
        if not parts.hostname:
            raise ValueError("it names no host")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError as error:  # also of `port` and of IDNA
        raise UsageError(
            f"cannot probe {_shown(text)!r}: {error}; as in http://127.0.0.1:8000/v1/chat/completions"
        ) from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, quote(path, safe=_SAFE))


def _shown(text: str) -> str:
    """Without the password that it may hold."""
    return re.sub(r"//[^/@]*@", "//…@", text)


@dataclass(frozen=True)
class Ask:
    """A request. Field names are lower case and come once; `body` None sends none."""

    method: str
    target: Target
    fields: Mapping[str, str]
    body: bytes | None = None

    def encode(self) -> bytes:
        """As HTTP/1.1 (RFC 9112 section 2 and 6.2). A POST without a body says that it has none."""
        fields = {"host": self.target.authority, **self.fields}
        if self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            fields["content-length"] = str(len(self.body or b""))
        lines = [f"{self.method} {self.target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + (self.body or b"")


def make_ask(target: Target, method: str | None, fields: Iterable[str], body: bytes | None, key: str | None) -> Ask:
    """Fill in what was not said: POST with a body, GET without one. `fields` are "Name: value". Raises UsageError."""
    method = method or ("GET" if body is None else "POST")
    if not _TOKEN.fullmatch(method) or method.upper() in _OWN_METHODS:
        raise UsageError(f"--method {method!r} is no method that can be probed: GET, POST, …")
    said = dict(map(_field, fields))
    content = {"content-type": "application/json"} if body is not None else {}
    bearer = {"authorization": f"Bearer {key}"} if key is not None else {}
    defaults = {"accept": "text/event-stream", "accept-encoding": "identity", "user-agent": "typewriter-lab"}
    return Ask(method, target, {**defaults, **content, **bearer, **said}, body)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    if not colon or not _TOKEN.fullmatch(name):
        raise UsageError(f"--header {name!r} is no header: write 'Name: value'")
    if name in _OWN_FIELDS:
        raise UsageError(f"--header {name}: the probe sets it itself: leave it out")
    if _FORBIDDEN_IN_VALUES.search(value) or not value.isascii():
        raise UsageError(f"--header {name}: its value has a control or non-ASCII character in it")
    return name, value


def find_key(target: Target, variable: str | None, environment: Mapping[str, str]) -> str | None:
    """The API key for this target, or None. Raises UsageError where a key that was asked for cannot be sent.

    With `variable` the key is in that one, and is sent over https or to this machine only. Without, OPENAI_API_KEY is sent,
    if it is set, to api.openai.com over https only: nobody meant it for another host.
    """
    if variable is None:
        meant = target.tls and target.host == DEFAULT_KEY_HOST
        return environment.get(DEFAULT_KEY) or None if meant else None
    key = environment.get(variable, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {variable}: this environment variable is not set: export it first")
    if not (target.tls or target.is_loopback):
        raise UsageError(f"--api-key-env {variable}: {target.host} is not this machine: a key goes over https only")
    if _FORBIDDEN_IN_VALUES.search(key) or not key.isascii():
        raise UsageError(f"--api-key-env {variable}: the key has a control or non-ASCII character in it")
    return key
