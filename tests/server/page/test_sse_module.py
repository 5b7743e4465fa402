"""The page's decoder under Node, on the same table as the lab's own: what the standard says, however the bytes are cut."""

import base64
import json
import subprocess
from importlib.resources import files
from typing import Any

import pytest

from tests.wire.sse_cases import CASES, Case

# For each stream: whole, byte by byte, and cut in two at every place. Answers what came out of each distinct outcome.
_PROGRAM = """
const {EventStreamDecoder} = await import(`data:text/javascript;base64,${process.argv[1]}`);
const input = [];
for await (const piece of process.stdin) input.push(piece);
const outcome = (pieces) => {
  const decoder = new EventStreamDecoder();
  const events = pieces.flatMap((piece) => decoder.push(piece));
  const pending = decoder.end();
  return JSON.stringify({events, lastEventId: decoder.lastEventId, retryMs: decoder.retryMs, pending});
};
const all = JSON.parse(Buffer.concat(input)).map((encoded) => {
  const bytes = new Uint8Array(Buffer.from(encoded, "base64"));
  const cuts = Array.from({length: bytes.length + 1}, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  return [...new Set([[bytes], single, ...cuts].map(outcome))].map((text) => JSON.parse(text));
});
process.stdout.write(JSON.stringify(all));
"""


def _decode(streams: list[bytes]) -> list[list[dict[str, Any]]]:
    """Of each stream the outcomes, which should be one."""
    module = base64.b64encode((files("lab.server.page") / "sse.js").read_bytes()).decode()
    given = json.dumps([base64.b64encode(stream).decode() for stream in streams])
    command = ["node", "--input-type=module", "--eval", _PROGRAM, module]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    outcomes: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return outcomes


def _expected(case: Case) -> dict[str, Any]:
    events = [
        {"event": event, "data": data, "id": id_, "retry": retry} for event, data, id_, retry, _end in case.events
    ]
    # Of a stream that is a byte order mark and nothing else the platform's decoder leaves nothing.
    pending = case.pending and case.name != "BOM alone"
    return {"events": events, "lastEventId": case.last_event_id, "retryMs": case.retry_ms, "pending": pending}


# JavaScript's numbers end before such a retry does, so it is ignored there.
FOR_BOTH = [case for case in CASES if case.retry_ms is None or case.retry_ms < 2**53]


@pytest.mark.needs("node")
def test_the_whole_table_at_every_split() -> None:
    outcomes = _decode([case.stream for case in FOR_BOTH])
    wrong = {case.name: found for case, found in zip(FOR_BOTH, outcomes, strict=True) if found != [_expected(case)]}
    assert wrong == {}
    assert len(FOR_BOTH) > 100


MANY_BYTES = "data: Ω→🦉é\r\n\r\ndata: 二\n\n".encode()


@pytest.mark.needs("node")
def test_characters_of_several_bytes_survive_every_split() -> None:
    ((outcome,),) = _decode([MANY_BYTES])
    assert [event["data"] for event in outcome["events"]] == ["Ω→🦉é", "二"]
    assert outcome["pending"] is False


@pytest.mark.needs("node")
def test_a_stream_that_ends_inside_a_character_ends_inside_an_event() -> None:
    ((outcome,),) = _decode(["data: a\n\né".encode()[:-1]])
    assert [event["data"] for event in outcome["events"]] == ["a"]
    assert outcome["pending"] is True
