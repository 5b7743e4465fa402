"""One bulk flow of cross traffic, as `run.json` has it.

A module of its own, because the process that forks the repetitions must not load what the rest of `run.json` needs.
"""

from pydantic import BaseModel, ConfigDict


class CrossFlow(BaseModel):
    """One bulk flow of cross traffic, `entry` counted from 1 in the scenario's list, as its two ends saw it.

    Times are on the run's monotonic clock; `started_ns` is when it began to connect, `stopped_ns` when its sender was cut.
    `bytes` is what its receiver read, what was on its way then included, and `delivered` how that grew: pairs of an
    instant and the bytes read by then.
    `retransmissions` are segments that its sender sent again.
    """

    model_config = ConfigDict(frozen=True)

    entry: int
    direction: str
    congestion: str
    client_port: int
    server_port: int
    started_ns: int
    stopped_ns: int
    bytes: int
    goodput_bps: float
    retransmissions: int
    delivered: list[tuple[int, int]]
