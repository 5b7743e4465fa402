"""What this machine can do, tried out and not inferred: each capability with its reason and remedy; and how exact it is."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.errors import CapabilityError, SocketOptionError
from lab.linux import sockets
from lab.path.probe import Capability, names, probe

if TYPE_CHECKING:  # numpy and pyarrow, which only a calibration needs
    from lab.run.calibration.figures import Calibration

_CONGESTION_CONTROLS = ("cubic", "reno", "bbr")


def examine() -> list[Capability]:
    """Everything that the lab can use. Takes about a quarter of a second."""
    return [*(probe(name) for name in names()), *_congestion_controls()]


def calibrated() -> "Calibration":
    """Measure the floor of this machine and remember it. Takes about 40 s. Raises LabError when that fails."""
    if sys.platform != "linux":
        raise CapabilityError("calibrate this machine", f"this is {sys.platform}, not Linux", "Run it on Linux")
    from lab.run.calibration import memory
    from lab.run.calibration.measure import Extent, calibrate
    from lab.run.progress import watcher

    print("lab: measuring this machine (about 40 s)", file=sys.stderr)
    with watcher() as watching:
        found = calibrate(Extent(), watching)
    memory.remember(found)
    return found


def document(found: list[Capability], calibration: "Calibration | None") -> Any:
    """For `--json`: the capabilities, or an object with both when there is a calibration."""
    capabilities = [asdict(capability) for capability in found]
    if calibration is None:
        return capabilities
    return {"capabilities": capabilities, "calibration": calibration.model_dump(mode="json")}


def lines(found: list[Capability], calibration: "Calibration | None") -> Iterator[str]:
    """The same for people."""
    for capability in found:
        yield f"{'yes' if capability.works else 'NO ':<4}{capability.name:<18}{capability.meaning}"
        if not capability.works:
            yield f"{'':<22}{capability.reason}"
            yield f"{'':<22}{capability.remedy}"
    if calibration is not None:
        from lab.run.calibration.words import told

        yield ""
        yield from told(calibration)


def _congestion_controls() -> Iterator[Capability]:
    for name in _CONGESTION_CONTROLS:
        meaning = f"server.congestion = {name!r}"
        if sys.platform != "linux":
            yield Capability(
                f"congestion:{name}", meaning, False, "only Linux chooses it per socket", "Run it on Linux"
            )
            continue
        with socket.socket() as sock:
            try:
                sockets.set_option(sock, sockets.CONGESTION, name)
            except SocketOptionError as error:
                remedy = f"As root: modprobe tcp_{name}, and add it to net.ipv4.tcp_allowed_congestion_control"
                yield Capability(f"congestion:{name}", meaning, False, str(error), remedy)
            else:
                yield Capability(f"congestion:{name}", meaning, True)
