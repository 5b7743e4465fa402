"""Answers that are complete and yet no stream of letters: what each of them means, in one sentence. Pure.

The rule: a status, a page or an empty stream is named for what it is, with the beginning of what it said and what to do.
"""

from lab.clients.answers import beginning
from lab.clients.probe.record import ProbeRecord

_REMEDIES = {
    400: "the request is not as this endpoint wants it: see --method, --header and --body",
    401: "give a key with --api-key-env NAME, or a field with --header",
    403: "this key or this address may not ask: give another with --api-key-env NAME, or a field with --header",
    404: "check the path",
    405: "use another --method",
    406: "use another --header 'Accept: …'",
    415: "use another --header 'Content-Type: …'",
    422: "the request is not as this endpoint wants it: see --body",
    429: "too many requests or no quota left: wait and try again",
}


def why_no_stream(record: ProbeRecord) -> str | None:
    """Why this response cannot be measured, or None if it can."""
    status = record.seen.status
    if status is None or record.letters:
        return None
    fields = dict(record.headers)
    if 300 <= status < 400 and "location" in fields:
        there = fields["location"]
        return f"answered with status {status} and points to {there}: redirects are not followed, probe that address"
    if not 200 <= status < 300:
        remedy = _REMEDIES.get(
            status, "this is the server's fault, or that of a proxy before it" if status >= 500 else ""
        )
        return f"answered with status {status}{beginning(record.body)}" + (f" ({remedy})" if remedy else "")
    if not record.streaming:
        kind = fields.get("content-type", "no content type")
        return f"answered with {kind} and not with text/event-stream{beginning(record.body)}"
    if record.events:
        return f"the event stream ended after {record.events} events, none of which had text{beginning(record.body)}"
    return f"the event stream ended without an event{beginning(record.body)}"
