"""The browser as a program: where it is, what it is started with, and what to do where it is missing.

The rule: the system's own Chromium, a profile that nobody has used, and no request that the page did not make.
"""

import importlib.util
import shutil

from lab.errors import CapabilityError

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

_FLAGS = (
    "--no-sandbox",  # root and user namespaces have no other way, and the only page it opens is the lab's own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def require() -> str:
    """The path of the browser. Raises CapabilityError if it, or the library that drives it, is not installed."""
    what = "open the page in a browser"
    if importlib.util.find_spec("playwright") is None:
        raise CapabilityError(
            what, "the Python package playwright is not installed", "pip install 'typewriter-lab[browser]'"
        )
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise CapabilityError(what, f"none of {', '.join(_NAMES)} is installed", "Debian: apt-get install chromium")
    return found


def flags(origin: str) -> list[str]:
    """For a browser that is to open the page of `origin` (scheme, host and port).

    A page is isolated, and its clock exact to 5 µs, only where it is trusted as if it came by TLS or from localhost; the
    lab's own namespaces have neither.
    """
    return [*_FLAGS, f"--unsafely-treat-insecure-origin-as-secure={origin}"]
