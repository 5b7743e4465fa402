"""httpx's exceptions in the lab's words, translated once: what the kernel or the peer really did is deep in their causes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from lab.clients.visit import authority
from lab.errors import ProtocolError

# httpx has one class for a peer that breaks HTTP and for one that only leaves early; the words are httpcore's and h11's.
_CUT_SHORT = ("Server disconnected", "peer closed connection", "peer unexpectedly closed connection")


def cut_short(error: httpx.TransportError) -> bool:
    """Whether the connection ended before the response did, which is a completion and no error."""
    return str(error).startswith(_CUT_SHORT)


@contextmanager
def translated(address: tuple[str, int]) -> Iterator[None]:
    """Raises OSError or ProtocolError for what httpx raises while it speaks with `address`."""
    try:
        yield
    except httpx.ConnectError as error:
        raise ConnectionError(f"connecting to {authority(address)}: {_reason(error)}") from error
    except httpx.NetworkError as error:
        kind = ConnectionResetError if isinstance(_root(error), ConnectionError) else OSError
        raise kind(f"speaking with {authority(address)}: {_reason(error)}") from error
    except httpx.TransportError as error:  # broken HTTP, and httpx-sse's complaint about the Content-Type
        raise ProtocolError(
            f"reading the response of {authority(address)}: {error}; check that it speaks HTTP/1.1 and sends an event stream"
        ) from error


def _reason(error: Exception) -> str:
    root = _root(error)
    if isinstance(root, OSError) and root.errno:
        return os.strerror(root.errno)
    return str(root) or type(root).__name__


def _root(error: BaseException) -> BaseException:
    """The first cause of all; of several (one for each address that was tried), the first."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif (cause := error.__cause__ or error.__context__) is not None:
            error = cause
        else:
            return error
