"""`lab serve` with real clients: curl, OpenAI's SDK, an EventSource; its signals, its exit codes, its help."""

import json
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from tests.e2e.event_source import EventSource
from tests.e2e.serving import PATIENCE_S, Served, command, served

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    """One server for the tests that only ask."""
    with served("--set", "profile=phrase", "--set", "interval=2ms") as server:
        yield server


def _get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
        return response.status, response.read()


def _client(lab: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{lab.url}/v1", api_key="any", max_retries=0)


MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say something."}]


def test_the_sdk_of_openai_streams_the_text_and_the_usage(lab: Served) -> None:
    with _client(lab) as client:
        stream = client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, stream=True, max_tokens=12, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(texts) == 12
    assert {chunk.model for chunk in chunks} == {"gpt-4o"}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    assert (chunks[-1].choices, usage.completion_tokens) == ([], 12)


def test_the_sdk_of_openai_gets_the_whole_answer_at_once(lab: Served) -> None:
    with _client(lab) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=12)
    text = answer.choices[0].message.content
    assert text is not None
    assert len(text.split()) == 12
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_the_sdk_of_openai_shows_the_reason_of_a_refusal(lab: Served) -> None:
    with _client(lab) as client, pytest.raises(openai.BadRequestError, match="at most 100000 chunks"):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=500_000)


CURL = {
    "a plain stream": (f"{CHAT}?format=plain&chunks=5", 5 + 1),
    "the bytes of a mode without frames": (f"{CHAT}?format=plain&chunks=5&framing=close", 5 + 1),
    "three writes a chunk": (f"{CHAT}?format=plain&chunks=5&writes_per_chunk=3", 5 + 1),
    "events": ("/events?chunks=5", 5),
}


@pytest.mark.needs("curl")
@pytest.mark.parametrize("case", CURL)
def test_curl_reads_it(case: str, lab: Served) -> None:
    target, data_lines = CURL[case]
    for version in ("--http1.1", "--http1.0"):
        done = subprocess.run(
            ["curl", "-sSN", version, "--max-time", str(PATIENCE_S), lab.url + target],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert len(re.findall(r"^data: ", done.stdout, re.MULTILINE)) == data_lines


@pytest.mark.needs("curl")
def test_curl_posts_a_body_that_it_asks_leave_for(lab: Served) -> None:
    body = json.dumps({"stream": False, "max_tokens": 3, "messages": ["x" * 100_000]})
    done = subprocess.run(
        ["curl", "-sSi", "-H", "Expect: 100-continue", "--data-binary", "@-", lab.url + CHAT],
        input=body, capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.stdout.startswith("HTTP/1.1 100")
    assert json.loads(done.stdout[done.stdout.rindex("\n{") :])["usage"]["completion_tokens"] == 3


@pytest.mark.needs("curl")
def test_curl_keeps_its_connection(lab: Served) -> None:
    target = f"{lab.url}{CHAT}?format=plain"
    done = subprocess.run(
        ["curl", "-sSv", target, target, f"{lab.url}/healthz"],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert len(re.findall(r"Connected to", done.stderr)) == 1


def test_an_event_source_reads_to_the_end_and_is_told_to_stop(lab: Served) -> None:
    source = EventSource(lab.port, "/events?chunks=5")
    source.run()
    assert [event.id for event in source.events] == ["1", "2", "3", "4", "5"]
    assert source.statuses == [200, 204]
    assert source.rules.reconnection_ms == ServerSpec().retry // 1_000_000


def test_an_event_source_that_loses_its_connection_misses_nothing_and_reads_nothing_twice(lab: Served) -> None:
    whole, broken = EventSource(lab.port, "/events?chunks=9"), EventSource(lab.port, "/events?chunks=9", [2, 0, 3])
    whole.run()
    broken.run()
    assert [event.data for event in broken.events] == [event.data for event in whole.events]
    assert [event.id for event in broken.events] == [str(number) for number in range(1, 10)]
    assert broken.statuses == [200, 200, 200, 200, 204]


@pytest.mark.parametrize("profile", ["phrase", "llm", "ticker", "notifications", "burst"])
def test_every_workload_is_served(profile: str, lab: Served) -> None:
    status, body = _get(f"{lab.url}{CHAT}?profile={profile}&chunks=3&interval=1ms&format=plain")
    assert status == 200
    assert body.count(b"data: ") == 3 + 1


def test_the_server_is_healthy(lab: Served) -> None:
    status, body = _get(f"{lab.url}/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")


def _running_stream(lab: Served, chunks: int) -> socket.socket:
    """A connection on which a stream has begun."""
    sock = socket.create_connection(("127.0.0.1", lab.port), timeout=PATIENCE_S)
    sock.sendall(f"GET {CHAT}?profile=ticker&interval=20ms&chunks={chunks} HTTP/1.1\r\nhost: lab\r\n\r\n".encode())
    assert sock.recv(10) == b"HTTP/1.1 2"
    return sock


def _rest(sock: socket.socket) -> bytes:
    seen = b""
    while data := sock.recv(65_536):
        seen += data
    return seen


def _connect_until_refused(port: int) -> None:
    """The listener closes right after the server has said that it drains."""
    while True:
        socket.create_connection(("127.0.0.1", port)).close()


def test_sigterm_lets_a_running_stream_end_and_refuses_new_connections() -> None:
    with served() as server, _running_stream(server, chunks=25) as running:
        server.process.send_signal(signal.SIGTERM)
        assert "SIGTERM: waiting for running streams" in server.stderr.readline()
        with pytest.raises(ConnectionRefusedError):
            _connect_until_refused(server.port)
        assert b"[DONE]" in _rest(running)
        assert server.wait() == (0, "")


def test_sigterm_ends_an_idle_server_at_once() -> None:
    with served() as server, socket.create_connection(("127.0.0.1", server.port)):
        code, words = server.end(signal.SIGTERM)
        assert code == 0
        assert "Traceback" not in words


# First and second signal → exit code.
SIGNALS = {
    "Ctrl-C does not wait": ([signal.SIGINT], 130),
    "Ctrl-C while it drains": ([signal.SIGTERM, signal.SIGINT], 130),
    "SIGTERM twice": ([signal.SIGTERM, signal.SIGTERM], 0),
}


@pytest.mark.parametrize("case", SIGNALS)
def test_a_signal_cuts_streams_without_a_traceback(case: str) -> None:
    signals, expected = SIGNALS[case]
    with served() as server, _running_stream(server, chunks=100_000) as running:
        words = ""
        for signum in signals[:-1]:
            server.process.send_signal(signum)
            words += server.stderr.readline()
        code, rest = server.end(signals[-1])
        assert code == expected
        assert "Traceback" not in words + rest
        assert b"[DONE]" not in _rest(running)


# `lab serve` with these options → exit code and a part of the message.
REFUSED = {
    "unknown key": (["--set", "speed=5"], 2, "unknown key 'speed'"),
    "bad unit": (["--set", "interval=20"], 2, "20 is no duration"),
    "another table": (["--set", "client.streams=5"], 2, "a server has only the tables workload and server"),
    "no value": (["--set", "interval"], 2, "KEY=VALUE"),
    "not an address of this machine": (["--host", "192.0.2.1"], 2, "use 127.0.0.1, or 0.0.0.0 for all"),
    "no port": (["--port", "70000"], 2, "70000"),
    "congestion control that the kernel has not": (["--set", "congestion=nope"], 2, "refused by the kernel"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_usage_is_one_message_and_the_right_exit_code(case: str) -> None:
    options, code, words = REFUSED[case]
    done = subprocess.run(command("--port", "0", *options), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_names_the_remedy(lab: Served) -> None:
    done = subprocess.run(command("--port", str(lab.port)), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{lab.port}: Address already in use" in done.stderr
    assert "choose another with --port" in done.stderr


def test_the_help_tells_the_truth(lab: Served) -> None:
    text = subprocess.run(command("--help"), capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
    targets = re.findall(r"http://127\.0\.0\.1:8000(/[^']*)'", text)
    assert len(targets) >= 3
    known = set(WorkloadSpec.model_fields) | set(ServerSpec.model_fields)
    for target in targets:
        path, _, query = target.partition("?")
        keys = [pair.split("=")[0] for pair in query.split("&")]
        assert set(keys) <= known
        quick = "&".join(pair for pair in query.split("&") if not pair.startswith("interval="))
        assert _get(f"{lab.url}{path}?{quick}&interval=1ms")[0] == 200
