"""`lab probe` as a person meets it: what is typed, told and recorded, and every stranger in a clear line."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.signature import VERDICTS
from lab.errors import StorageError, UsageError
from lab.model.plan import plan_chunks
from lab.model.workload import WorkloadSpec
from lab.probe import Wishes, probe
from lab.trace.captures import read_capture
from lab.wire.openai import DONE
from tests.clients.probe.stranger import (
    HEAD,
    KEEP,
    Script,
    Stranger,
    holding,
    loopback_pem,
    resetting,
    saying,
    stranger,
)
from tests.clients.responses import OPENAI, PLAIN, TEXTS, chunked, sized, until_close
from tests.processes import until

KEYS = [
    *(
        "url",
        "status",
        "connect_ms",
        "ttfb_ms",
        "ttfc_ms",
        "gap_ms",
        "chunks",
        "reads",
        "chunks_per_read",
        "completion",
    ),
    *("headers", "verdict", "evidence"),
]
Captured = pytest.CaptureFixture[str]


def document(capsys: Captured, wishes: Wishes) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON document and what stood on stderr."""
    code = probe(wishes)
    out, err = capsys.readouterr()
    return code, json.loads(out), err


# ---- What is told


def test_the_text_is_typed_and_the_figures_follow(capsys: Captured) -> None:
    with stranger(saying(chunked(OPENAI))) as server:
        assert probe(Wishes(server.url)) == 0
    typed, *rows = capsys.readouterr().out.splitlines()
    assert typed == "".join(TEXTS)
    told = {row[:20].strip(): row[20:] for row in rows}
    assert rows[0] == f"GET {server.url}"
    assert told["status"] == "200, an event stream of OpenAI chunks"
    assert "connect" in told["times"]
    assert told["times"].count("ms") + told["times"].count("µs") == 3
    assert told["chunks"].startswith("4 in ")
    assert told["end"] == "done: finish reason stop, [DONE], clean end"
    assert told["Cache-Control"].startswith("–  (send no-cache")
    assert told["verdict"].startswith("undecided: ")


def test_the_document_has_its_keys_in_their_order(capsys: Captured) -> None:
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        code, told, err = document(capsys, Wishes(server.url, as_json=True))
    assert (code, err) == (0, "")
    assert list(told) == KEYS
    assert list(told["gap_ms"]) == ["p50", "p95", "p99", "max"]
    assert (told["url"], told["status"], told["chunks"], told["completion"]) == (server.url, 200, 4, "done")
    assert told["verdict"] in VERDICTS
    assert told["evidence"]
    assert told["headers"][0] == {"name": "Content-Type", "value": "text/event-stream", "advice": None}
    assert {row["name"]: bool(row["advice"]) for row in told["headers"]}["X-Accel-Buffering"]


def test_what_was_not_measured_is_null(capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    code, told, err = document(capsys, Wishes(url, as_json=True))
    assert code == 3
    assert [told[key] for key in KEYS[1:5]] == [None] * 4
    assert set(told["gap_ms"].values()) == {None}
    assert (told["completion"], told["chunks"], told["chunks_per_read"], told["headers"]) == ("error", 0, None, [])
    assert "Connection refused" in err
    assert probe(Wishes(url)) == 3
    assert "times               connect – · TLS –" in capsys.readouterr().out


# ---- Strangers

HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n<p>Hello</p>"
LARGE = b"data: " + b"x" * (2 * 1024 * 1024) + b"\n\n"
STRANGERS: dict[str, tuple[Script, int, str, str | None, str]] = {
    "401 with a body": (
        saying(b"HTTP/1.1 401 No\r\ncontent-length: 6\r\n\r\nno key"),
        *(3, "closed", "undecided", "answered with status 401: no key (give a key with --api-key-env NAME"),
    ),
    "429 with a body": (
        saying(b"HTTP/1.1 429 No\r\ncontent-length: 4\r\n\r\nslow"),
        *(3, "closed", "undecided", "answered with status 429: slow (too many requests"),
    ),
    "500 with a body": (
        saying(b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops"),
        *(3, "closed", "undecided", "answered with status 500: oops (this is the server's fault"),
    ),
    "a redirect": (
        saying(b"HTTP/1.1 308 There\r\nlocation: https://there.example/\r\ncontent-length: 0\r\n\r\n"),
        *(3, "closed", "undecided", "points to https://there.example/: redirects are not followed"),
    ),
    "HTML": (
        saying(HTML),
        3,
        "closed",
        "undecided",
        "answered with text/html and not with text/event-stream: <p>Hello",
    ),
    "HTML with escapes": (
        saying(HTML.replace(b"Hello", b"\x1b[2J!")),
        *(3, "closed", "undecided", "<p>␛[2J!</p>"),
    ),
    "an empty stream": (saying(sized([])), 3, "closed", "undecided", "the event stream ended without an event"),
    "no HTTP": (saying(b"SSH-2.0\r\n\r\n"), 3, "error", "undecided", "check that the port speaks HTTP/1.1"),
    "cut off in a character": (
        saying(until_close([*PLAIN, b"data: \xe2\x98"])),
        *(3, "truncated", None, "the stream ended inside a UTF-8 character"),
    ),
    "cut off in JSON": (
        saying(until_close([*OPENAI[:4], OPENAI[4][:-20]])),
        *(3, "truncated", None, "inside an event, inside its JSON"),
    ),
    "cut off in the transfer-coding": (
        saying(chunked(PLAIN, end=False)),
        3,
        "truncated",
        None,
        "its last frame is missing",
    ),
    "an error in mid-stream": (
        saying(chunked([*OPENAI[:4], b'data: {"error": {"message": "GPU on fire"}}\n\n'])),
        *(3, "error", None, "the stream has an error in it: GPU on fire"),
    ),
    "reset": (saying(chunked(PLAIN, end=False), then=resetting), 3, "reset", None, "was reset"),
    "a compressed stream": (
        saying(HEAD + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"".join([*PLAIN, DONE]))),
        *(0, "done", None, ""),
    ),
    "an event of 2 MiB": (saying(until_close([LARGE, DONE])), 0, "done", "undecided", ""),
    "lines without blank lines": (
        saying(until_close([b"".join(event[:-1] for event in OPENAI), b"\n"])),
        *(0, "closed", "unterminated", ""),
    ),
    "letters and no sign of the end": (saying(chunked(PLAIN)), 0, "closed", None, ""),
}


@pytest.mark.parametrize(("script", "code", "completion", "verdict", "line"), STRANGERS.values(), ids=STRANGERS)
def test_each_stranger_is_told_in_a_clear_line(
    capsys: Captured, script: Script, code: int, completion: str, verdict: str | None, line: str
) -> None:
    with stranger(script) as server:
        given, told, err = document(capsys, Wishes(server.url, as_json=True))
        assert (given, told["completion"]) == (code, completion), err
        assert verdict is None or told["verdict"] == verdict, told
        assert line in err
        assert err.count("\n") == (code != 0), err
        assert code == 0 or err.startswith(f"lab: GET {server.url}: ")
        assert probe(Wishes(server.url)) == code
    assert "\x1b" not in "".join(capsys.readouterr())


SILENT: dict[str, tuple[Script, str]] = {
    "never answers": (saying(then=holding), "waiting for the response"),
    "never starts": (saying(HEAD + b"\r\n", then=holding), "reading the response"),
    "stalls": (saying(until_close(PLAIN), then=holding), "reading the response"),
}


@pytest.mark.parametrize(("script", "stage"), SILENT.values(), ids=SILENT)
def test_silence_is_a_stall(capsys: Captured, script: Script, stage: str) -> None:
    with stranger(script) as server:
        code, told, err = document(capsys, Wishes(server.url, timeout_s=0.8, as_json=True))
    assert (code, told["completion"], told["verdict"]) == (3, "timeout", "stalled")
    assert f"gave up after 0.8 s, at {stage}" in err


def test_tls_that_fails_and_tls_that_works(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    with stranger(saying(chunked([*PLAIN, DONE])), tls=True) as server:
        code, told, err = document(capsys, Wishes(server.url, as_json=True))
        assert (code, told["completion"], told["status"]) == (3, "error", None)
        assert "self-signed certificate" in err
        monkeypatch.setenv("SSL_CERT_FILE", str(loopback_pem()))
        assert probe(Wishes(server.url)) == 0
    out = capsys.readouterr().out
    assert "TLS –" not in out


# ---- The request


def test_method_headers_and_body(capsys: Captured, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"stream": true}')
    with stranger(saying(chunked(PLAIN))) as server:
        probe(Wishes(server.url, fields=("X-Test: a",), body=f"@{file}"))
        probe(Wishes(server.url, method="PUT", body='{"ö": 1}'))
    first, second = server.requests
    assert first.startswith(b"POST ")
    assert b"\r\nx-test: a\r\n" in first
    assert first.endswith(b'\r\n\r\n{"stream": true}')
    assert second.startswith(b"PUT ")
    assert second.endswith('{"ö": 1}'.encode())


def test_a_key_is_sent_and_never_shown(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_KEY", "sk-secret")
    echo = b"HTTP/1.1 401 No\r\ncontent-length: 27\r\n\r\nwrong key: Bearer sk-secret"
    with stranger(saying(echo)) as server:
        probe(Wishes(server.url, key_variable="LLM_KEY", repeat=2))
        probe(Wishes(server.url + "?k=sk-secret", key_variable="LLM_KEY", as_json=True))
    assert all(b"authorization: Bearer sk-secret\r\n" in request for request in server.requests)
    out, err = capsys.readouterr()
    assert "sk-secret" not in out + err
    assert "wrong key: Bearer [key]" in err


def test_openais_key_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with stranger(saying(chunked(PLAIN))) as server:
        probe(Wishes(server.url))
    assert b"sk-secret" not in server.requests[0]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no URL": ({"url": "nonsense"}, "must begin with http://"),
    "a header that is none": ({"fields": ("nonsense",)}, "'Name: value'"),
    "a method that is none": ({"method": "G E T"}, "--method"),
    "a key that is not set": ({"key_variable": "LAB_NOWHERE"}, "not set"),
    "a body that is not there": ({"body": "@/nowhere/x.json"}, "No such file"),
    "a body of no name": ({"body": "@\0"}, "--body"),
}


@pytest.mark.parametrize(("wishes", "fragment"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_refused_before_anything_is_asked(wishes: dict[str, Any], fragment: str) -> None:
    with pytest.raises(UsageError) as caught:
        probe(Wishes(**{"url": "http://127.0.0.1:1/", **wishes}))
    assert fragment in str(caught.value)


# ---- Again and again


def test_repetitions_are_told_together_and_one_by_one(capsys: Captured) -> None:
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        code, told, _ = document(capsys, Wishes(server.url, repeat=3, as_json=True))
    assert (code, len(server.requests), told["chunks"]) == (0, 3, 12)
    assert list(told) == [*KEYS, "repetitions"]
    assert [each["chunks"] for each in told["repetitions"]] == [4, 4, 4]


def test_one_repetition_that_fails_fails_all(capsys: Captured) -> None:
    responses = [chunked([*PLAIN, DONE]), chunked(PLAIN, end=False)]

    def script(connection: socket.socket, _server: Stranger) -> None:
        connection.sendall(responses.pop(0))

    with stranger(script) as server:
        code, told, err = document(capsys, Wishes(server.url, repeat=2, as_json=True))
    assert (code, told["completion"]) == (3, "truncated")
    assert err.count("\n") == 1


def test_only_the_first_is_typed(capsys: Captured) -> None:
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        probe(Wishes(server.url, repeat=2, toggle=True))
    assert capsys.readouterr().out.count("Wait for") == 1


def test_toggle_says_what_matters(capsys: Captured) -> None:
    """A server that answers GET with 405, and compresses what may be."""

    def script(connection: socket.socket, server: Stranger) -> bool:
        request = server.requests[-1]
        if request.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n")
        elif b"accept-encoding: gzip" in request:
            body = gzip.compress(b"".join(PLAIN))[:-9]
            head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(body) + 9)
            connection.sendall(head + body)
            connection.shutdown(socket.SHUT_WR)
        else:
            connection.sendall(chunked([*PLAIN, DONE]))
        return KEEP

    wishes = Wishes("", body="{}", toggle=True, as_json=True)
    with stranger(script) as server:
        code, told, _ = document(capsys, Wishes(server.url, body=wishes.body, toggle=True, as_json=True))
        assert probe(Wishes(server.url, body=wishes.body, toggle=True)) == 0
    assert code == 0
    toggles = {each["change"].split()[0]: each for each in told["toggles"]}
    assert {name: each["matters"] for name, each in toggles.items()} == {
        "accept-encoding:": True,
        "GET": True,
        "a": False,
        "accept:": False,
    }
    assert "status 200 → 405" in toggles["GET"]["differences"]
    assert "ending done → truncated" in toggles["accept-encoding:"]["differences"]
    rows = capsys.readouterr().out.splitlines()
    assert sum(row.startswith("MATTERS ") for row in rows) == 2
    assert sum(row.startswith("same ") and row.endswith("makes no difference") for row in rows) == 2


# ---- Recording


def test_a_recording_is_a_capture_that_a_replay_plays(capsys: Captured, tmp_path: Path) -> None:
    file = tmp_path / "new" / "capture.json"
    with stranger(saying(chunked([OPENAI[0], b": hi\n\n", *OPENAI[1:]]))) as server:
        assert probe(Wishes(f"{server.url}?key=secret", record=file)) == 0
    capture = read_capture(file)
    assert (capture.url, capture.completion) == (server.url, "done")
    assert "secret" not in file.read_text()
    assert [chunk.text for chunk in capture.chunks] == TEXTS
    assert capture.chunks[0].at_ns > 0
    plan = plan_chunks(WorkloadSpec.model_validate({"profile": "replay", "capture": capture}), "1")
    assert [(chunk.due_offset_ns, chunk.text) for chunk in plan] == [(c.at_ns, c.text) for c in capture.chunks]
    assert f"recorded 4 chunks in {file}" in capsys.readouterr().err


def test_where_nothing_came_nothing_is_recorded(capsys: Captured, tmp_path: Path) -> None:
    file = tmp_path / "capture.json"
    with stranger(saying(HTML)) as server:
        assert probe(Wishes(server.url, record=file)) == 3
    assert not file.exists()
    assert "nothing came that could be recorded" in capsys.readouterr().err


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with stranger(saying(chunked(PLAIN))) as server, pytest.raises(StorageError):
        probe(Wishes(server.url, record=tmp_path / "file" / "below.json"))


# ---- The command

LAB = [sys.executable, "-m", "lab", "probe"]
PATIENCE_S = 30


def _lab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*LAB, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=PATIENCE_S
    )


def test_the_options_reach_the_request() -> None:
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        done = _lab(
            *(server.url, "--method", "PATCH", "--header", "X-A: 1", "--header", "X-B: 2", "--body", "hello"),
            *("--api-key-env", "LLM_KEY", "--timeout", "20s", "--repeat", "2", "--json"),
            LLM_KEY="sk-secret",
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["repetitions"]) == 2
    assert server.requests[0].startswith(b"PATCH /stream ")
    for field in (b"x-a: 1", b"x-b: 2", b"authorization: Bearer sk-secret"):
        assert field + b"\r\n" in server.requests[0]
    assert server.requests[0].endswith(b"\r\n\r\nhello")


USAGE = {
    "no URL": ([], "Missing argument 'URL'"),
    "a URL that is none": (["localhost:8000"], "must begin with http://"),
    "a time without its unit": (["http://127.0.0.1:1/", "--timeout", "60"], "'60' is no duration"),
    "no time": (["http://127.0.0.1:1/", "--timeout", "0ms"], "above zero"),
    "no repetition": (["http://127.0.0.1:1/", "--repeat", "0"], "--repeat"),
}


@pytest.mark.parametrize(("arguments", "fragment"), USAGE.values(), ids=USAGE)
def test_wrong_usage_exits_2(arguments: list[str], fragment: str) -> None:
    done = _lab(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_that_knows_ascii_only() -> None:
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        done = _lab(server.url, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wait for \\u2615.")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_ctrl_c_prints_what_there_is(as_json: bool) -> None:
    """Sent when all letters were read."""

    def script(connection: socket.socket, server: Stranger) -> None:
        connection.sendall(until_close(PLAIN))
        server.hold()

    with stranger(script) as server:
        command = [*LAB, server.url, *(["--json"] if as_json else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if as_json:
                _wait_until_read(process.pid, server)
            else:
                assert process.stdout.read(4) == "Wait"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "lab: interrupted" in err
    assert "Traceback" not in err
    if as_json:
        told = json.loads(out)
        assert (told["completion"], told["chunks"]) == ("stopped", 4)
    else:
        assert "stopped: no finish reason" in out


def _wait_until_read(pid: int, server: Stranger) -> None:
    """Until nothing is left in either socket (/proc/net/tcp's queues), and the probe then sleeps."""

    def idle() -> bool:
        if not server.requests:
            return False
        port = f":{server.port:04X} "
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines() if port in row]
        queues = [row[4] for row in rows if row[3] == "01"]
        taken = len(queues) == 2 and set(queues) == {"00000000:00000000"}
        return taken and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    until("the probe to have read everything", idle)
