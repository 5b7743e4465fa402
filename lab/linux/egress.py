"""The way out of a network namespace over one device: a queue before it that the stack can see, and what a route tells TCP.

The rule: whatever is set is read back, and a refusal of the kernel is a CapabilityError. The device must be up.
"""

import socket
from collections.abc import Mapping

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from lab.errors import CapabilityError

# linux/rtnetlink.h: a metric that is locked here is one that no connection may override; TCP obeys `rto_min` only so
# (net/ipv4/tcp_output.c, tcp_rto_min).
_RTAX_RTO_MIN = 13
_METRICS = {"initcwnd": "RTAX_INITCWND", "rto_min": "RTAX_RTO_MIN"}
_SCOPE_LINK = 253
_HANDLE = "1:"


def tell_tcp(name: str, peer: str, metrics: Mapping[str, int]) -> dict[str, int]:
    """A route of its own to the IPv4 address `peer` over the device `name`; returns its metrics as read back.

    `initcwnd` counts segments, `rto_min` ms. Raises CapabilityError.
    """
    index = socket.if_nametoindex(name)
    asked = {**metrics, **({"lock": 1 << _RTAX_RTO_MIN} if "rto_min" in metrics else {})}
    try:
        with IPRoute() as route:
            route.route("add", dst=f"{peer}/32", oif=index, scope=_SCOPE_LINK, metrics=asked)
            found = next(each for each in route.get_routes(family=socket.AF_INET) if each.get_attr("RTA_DST") == peer)
    except NetlinkError as error:
        said = ", ".join(f"{key} {value}" for key, value in metrics.items())
        raise CapabilityError(
            f"set {said} on a route over {name}", str(error), "It needs CAP_NET_ADMIN in the network namespace"
        ) from error
    kept = found.get_attr("RTA_METRICS")
    return {key: kept.get_attr(_METRICS[key]) for key in metrics}


def shape(name: str, rate_bps: int, burst_bytes: int, limit_bytes: int) -> dict[str, int]:
    """A token bucket (tc-tbf(8)) before the device `name`; returns its rate, bit/s, and limit, bytes, as read back.

    `burst_bytes` must be the MTU at least, or the largest packets never leave. Raises CapabilityError.
    """
    index = socket.if_nametoindex(name)
    try:
        with IPRoute() as route:
            route.tc("add", "tbf", index, handle=_HANDLE, rate=rate_bps // 8, burst=burst_bytes, limit=limit_bytes)
            options = route.get_qdiscs(index)[0].get_attr("TCA_OPTIONS").get_attr("TCA_TBF_PARMS")
    except NetlinkError as error:
        raise CapabilityError(
            f"put a token bucket of {rate_bps} bit/s before {name}",
            str(error),
            "The kernel needs the module sch_tbf (as root: modprobe sch_tbf); host.autocork left out needs no queue",
        ) from error
    return {"rate_bps": 8 * options["rate"], "limit_bytes": options["limit"]}


def shaped_drops(name: str) -> int:
    """Packets that the queue before the device `name` has dropped."""
    with IPRoute() as route:
        found = route.get_qdiscs(socket.if_nametoindex(name))[0]
    return int(found.get_attr("TCA_STATS2").get_attr("TCA_STATS_QUEUE")["drops"])
