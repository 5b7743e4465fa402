"""Settings of the hosts at both ends of an emulated path: what an operator would write with sysctl, `ip route` and `tc`.

The rule: they belong to the path's own namespaces and are never written to the user's, so a cell without such a path that
asks for one is refused. Says nothing about how: `lab.path` applies them.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from lab.model.base import Spec
from lab.model.units import NS_PER_MS, PositiveDuration, format_duration

# Every IPv4 host must accept 576 bytes (RFC 791 §3.1); Ethernet carries 1500.
_SMALLEST_MTU, LARGEST_MTU = 576, 1500
# net/ipv4/tcp.c: TCP_DELACK_MAX_US takes at most TCP_DELACK_MAX, a fifth of a second.
_LONGEST_DELACK_NS = 200 * NS_PER_MS


def _whole_ms(value_ns: int) -> int:
    """A route's `rto_min` counts milliseconds (ip-route(8))."""
    if value_ns % NS_PER_MS:
        raise ValueError(f"{format_duration(value_ns)}: a route counts whole milliseconds")
    return value_ns


def _short_delack(value_ns: int) -> int:
    if value_ns > _LONGEST_DELACK_NS:
        raise ValueError(
            f"{format_duration(value_ns)}: the kernel delays an ACK by {format_duration(_LONGEST_DELACK_NS)} at most"
        )
    return value_ns


class HostSpec(Spec):
    """Of both namespaces; route metrics are those of the server's way to the client, `delack_max` is of the client."""

    slow_start_after_idle: bool = Field(True, description="net.ipv4.tcp_slow_start_after_idle (RFC 2861)")
    autocork: bool | None = Field(
        None,
        description="net.ipv4.tcp_autocorking; unset: on, and no queue that it could see; written: with the down rate's "
        "queue in the server's kernel",
    )
    initial_window: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="the server's first congestion window, segments (above 44 the reader's first 64 KiB hold); unset: 10",
    )
    rto_min: Annotated[PositiveDuration, AfterValidator(_whole_ms)] | None = Field(
        None, description="the server's smallest retransmission timeout; unset: 200ms"
    )
    delack_max: Annotated[PositiveDuration, AfterValidator(_short_delack)] | None = Field(
        None, description="TCP_DELACK_MAX_US of the raw client: how long it holds an ACK at most; unset: 200ms"
    )
    mtu: int = Field(LARGEST_MTU, ge=_SMALLEST_MTU, le=LARGEST_MTU, description="MTU of both ends' devices")

    def asked(self) -> list[str]:
        """The keys that are not as the lab's namespaces have them anyway."""
        return [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]


AS_IT_IS = HostSpec()
"""Nothing is asked."""
