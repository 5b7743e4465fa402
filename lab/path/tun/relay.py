"""The relay process: makes both ends of the path, hands them to its parent, carries packets, returns the record.

The rule of the order: real-time priority and locked memory first, because a user namespace grants neither; then the user
namespace, if this is an ordinary user; then the two network namespaces, which belong to it.
"""

import gc
import time

from lab.link.link import Link
from lab.link.observer import Observer
from lab.link.packet import DIRECTIONS, DOWN, UP
from lab.linux import namespaces, realtime
from lab.linux.child import die_with_parent
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import LinkSpec, PathSpec
from lab.path.base import Control, PathRecord
from lab.path.tun.log import PacketLog
from lab.path.tun.loop import Crossing, run
from lab.path.tun.sides import Side, open_side


def relay(control: Control, spec: PathSpec, seed: int, host: HostSpec = AS_IT_IS) -> PathRecord:
    """Be the path until `control` says stop. Sends "ready" with the descriptors of the namespaces as `TunPath` takes them.

    Raises CapabilityError for what this machine refuses, MeasurementError when the log is full or a device fails.
    """
    realtime_priority, memory_locked = realtime.take_realtime_priority(realtime.RELAY_PRIORITY), realtime.lock_memory()
    user_fds = own_user_namespace()
    server, client = open_side("server", host, spec.down), open_side("client", host)
    payload = {"realtime_priority": realtime_priority, "memory_locked": memory_locked, "user_namespace": bool(user_fds)}
    observer, log = Observer(), PacketLog()
    crossings = (
        _crossing(UP, client, server, spec.up, seed, log),
        _crossing(DOWN, server, client, spec.down, seed, log),
    )
    gc.collect()
    gc.freeze()
    gc.disable()
    control.send("ready", payload, [server.namespace_fd, client.namespace_fd, *user_fds])
    run(crossings, observer, log, control.fileno())
    return _record(crossings, observer, log, (server, client), payload)


def own_user_namespace() -> list[int]:
    """An ordinary user needs one to own network namespaces; returns its descriptor, or nothing where it is not needed."""
    if namespaces.may_create_network_namespaces():
        return []
    fd = namespaces.new_user_namespace()
    die_with_parent()  # the kernel forgets this wish when credentials change
    return [fd]


def _crossing(direction: int, source: Side, target: Side, spec: LinkSpec, seed: int, log: PacketLog) -> Crossing:
    link = Link(spec, f"{seed}/{DIRECTIONS[direction]}", log.dropped)
    return Crossing(direction, source.device_fd, target.device_fd, link)


def _record(
    crossings: tuple[Crossing, Crossing],
    observer: Observer,
    log: PacketLog,
    sides: tuple[Side, Side],
    payload: dict[str, bool],
) -> PathRecord:
    now_ns = time.monotonic_ns()
    for crossing in crossings:
        for packet in crossing.link.held(now_ns):
            log.add(packet)
    records = (sides[0].record(), sides[1].record())
    return PathRecord(log.columns(), tuple(observer.connections), records, **payload)
