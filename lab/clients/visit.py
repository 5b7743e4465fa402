"""What one client process is to do, whatever kind of client it is."""

from dataclasses import dataclass

from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.workload import WorkloadSpec


@dataclass(frozen=True)
class Visit:
    """All requests of one repetition. Streams that are not over after `timeout_s` end as `timeout`."""

    address: tuple[str, int]
    spec: ClientSpec
    workload: WorkloadSpec
    request: RequestSpec
    seed: str
    timeout_s: float
    own_server: bool = True  # the lab's, which says just what the workload planned
    delack_max_ns: int | None = None  # for clients with sockets of their own

    @property
    def url(self) -> str:
        """Of the stream, for clients that take one."""
        return f"http://{authority(self.address)}{self.request.path}"


def authority(address: tuple[str, int]) -> str:
    """`host:port` as a URL and a Host header write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
