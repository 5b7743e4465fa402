"""Which backend applies a path: the one the scenario names, or the best that works here.

The rule: what cannot be applied is never applied in part. It raises CapabilityError, and the cell is skipped by name.
"""

from typing import NamedTuple

from lab.errors import CapabilityError
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import PathSpec
from lab.path.base import Path
from lab.path.loopback import LoopbackPath
from lab.path.probe import probe


class Choice(NamedTuple):
    """A path that this machine can apply, not started yet, and in a few words why this backend."""

    path: Path
    reason: str


def choose(spec: PathSpec, seed: int, host: HostSpec = AS_IT_IS) -> Choice:
    """Resolve `spec.backend`; `seed` decides losses and jitter, `host` what its ends are set to.

    Raises CapabilityError if nothing here can apply it.
    """
    if spec.backend == "loopback":
        return Choice(LoopbackPath(), "the scenario names it")
    if spec.backend == "auto" and not spec.emulates:
        return Choice(LoopbackPath(), "nothing is asked of the network")
    _require_tun(spec)
    from lab.path.tun.path import TunPath  # here, because pyroute2 exists only on Linux

    reason = "the scenario names it" if spec.backend == "tun" else "the best that works here"
    return Choice(TunPath(spec, seed, host), reason)


def _require_tun(spec: PathSpec) -> None:
    tun = probe("tun")
    if not tun.works:
        what = f"apply the path (backend {spec.backend!r}: {tun.meaning})"
        raise CapabilityError(what, tun.reason, tun.remedy)
