"""A record that has travelled is the record that was sent."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lab.clients.locust.rows import pack, unpack
from lab.trace.records import ChunkRow, ReadRow, StreamSeen

ns = st.integers(0, 2**62)
seen_streams = st.builds(
    StreamSeen,
    stream=st.integers(1, 9),
    due_ns=ns,
    connect_ns=ns | st.none(),
    status=st.integers(100, 599) | st.none(),
    completion=st.sampled_from(["done", "reset", None]),
    error=st.text() | st.none(),
    reads=st.lists(st.builds(ReadRow, ns | st.none(), ns, st.none(), ns)),
    chunks=st.lists(st.builds(ChunkRow, ns | st.none(), st.text(), ns, ns, ns | st.none())),
)


@given(seen_streams, st.lists(seen_streams, max_size=2))
def test_there_and_back(seen: StreamSeen, returns: list[StreamSeen]) -> None:
    seen.returns = returns
    assert unpack(json.loads(json.dumps(pack(seen)))) == seen
