"""Whether httpx and httpx-sse are here. Apart from the client, because that one imports them."""

import importlib.util

from lab.errors import CapabilityError


def require() -> None:
    """Raises CapabilityError where one of them is not installed."""
    for name in ("httpx", "httpx_sse"):
        if importlib.util.find_spec(name) is None:
            raise CapabilityError(
                "read streams with httpx",
                f"the Python package {name} is not installed",
                "pip install 'typewriter-lab[httpx]'",
            )
