"""The relay in real namespaces: what it does to packets, what it says of them, and that its record adds up."""

import encodings.idna  # noqa: F401  connecting needs it, and an ordinary user may not be allowed to read our files
import os
import signal
import socket
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest

from lab.link.packet import DOWN, LISTED, LOST, NULL, SENT, UP
from lab.linux.child import Child, Control
from lab.linux.unprivileged import become_ordinary_user
from lab.model.path import PathSpec
from lab.path.base import PathRecord
from lab.path.tun import relay as relay_module
from lab.path.tun.path import TunPath
from lab.path.tun.running import inside, relaying
from tests.path.tun.traffic import DEADLINE_S, PORT, Outcome, exchange, read_all, rows, tun

pytestmark = pytest.mark.needs("tun")

SYN, ACK = 0x02, 0x10
MS = 1_000_000
LETTERS = [bytes([letter]) * 100 for letter in b"abcde"]
"""Five writes of 100 bytes."""


def _write_letters(connection: socket.socket) -> None:
    for letter in LETTERS:
        connection.sendall(letter)


def _letters(spec: dict[str, object], seed: int = 1) -> Outcome:
    return exchange(spec, _write_letters, read_all, seed)


def _adds_up(record: PathRecord) -> None:
    """Every packet of both directions has exactly one row, and the times of a row are in their order."""
    assert len({len(column) for column in record.packets.values()}) == 1
    for direction in (UP, DOWN):
        indices = sorted(row["index"] for row in rows(record, direction=direction))
        assert indices == list(range(1, len(indices) + 1))
    for row in rows(record, verdict=SENT):
        assert row["t_in_ns"] <= row["t_queue_out_ns"] <= row["t_due_ns"] <= row["t_out_ns"]
    assert all(side.drops_before == side.drops_after for side in record.sides)


def test_tcp_crosses_whole_and_the_log_adds_up() -> None:
    body = os.urandom(300_000)
    outcome = exchange({"delay": "2ms"}, lambda connection: connection.sendall(body), read_all)
    assert outcome.client == body
    _adds_up(outcome.record)
    first = {row["seq"]: row["payload_bytes"] for row in rows(outcome.record, direction=DOWN, verdict=SENT)}
    assert sum(first.values()) == len(body)


def test_only_the_conversation_is_in_the_log() -> None:
    record = _letters({"delay": "1ms"}).record
    assert set(record.packets["connection"]) == {1}


def test_the_connection_is_described() -> None:
    record = _letters({"delay": "1ms"}).record
    (connection,) = record.connections
    syn, syn_ack = (next(row for row in rows(record, direction=way) if row["flags"] & SYN) for way in (UP, DOWN))
    assert (connection.client_isn, connection.server_isn) == (syn["seq"], syn_ack["seq"])
    assert (connection.client_address, connection.server_address) == ("198.18.0.2", "198.18.0.1")
    assert connection.server_port == PORT
    assert syn["ack"] == NULL
    assert syn_ack["ack"] == (syn["seq"] + 1) % 2**32


def test_every_write_is_a_segment_at_its_place() -> None:
    record = _letters({"delay": "1ms"}).record
    server_isn = record.connections[0].server_isn
    assert server_isn is not None
    data = [row for row in rows(record, direction=DOWN) if row["payload_bytes"]]
    assert [((row["seq"] - server_isn - 1) % 2**32, row["payload_bytes"]) for row in data] == [
        (100 * place, 100) for place in range(5)
    ]


def test_a_delay_is_there_and_back() -> None:
    def connect(connection: socket.socket) -> tuple[int, bytes]:
        sent_ns = time.monotonic_ns()
        connection.sendall(b"?")
        answer = connection.recv(1)
        return time.monotonic_ns() - sent_ns, answer

    outcome = exchange({"up": {"delay": "15ms"}, "down": {"delay": "25ms"}}, _echo, connect)
    rtt_ns, answer = outcome.client
    assert answer == b"?"
    assert rtt_ns >= 40 * MS
    for direction, delay_ns in ((UP, 15 * MS), (DOWN, 25 * MS)):
        assert {
            row["t_due_ns"] - row["t_in_ns"] for row in rows(outcome.record, direction=direction, verdict=SENT)
        } == {delay_ns}


def _echo(connection: socket.socket) -> None:
    connection.sendall(connection.recv(1))
    connection.recv(1)


def test_a_listed_packet_is_lost_and_only_that() -> None:
    spec: dict[str, object] = {"delay": "1ms", "down": {"loss": {"model": "drop-list", "packets": [2]}}}
    outcome = _letters(spec)
    assert outcome.client == b"".join(LETTERS), "TCP repairs what the path loses"
    data = [row for row in rows(outcome.record, direction=DOWN) if row["payload_bytes"]]
    data.sort(key=lambda row: row["index"])
    assert [place for place, row in enumerate(data, 1) if row["verdict"] == LISTED] == [2]
    assert Counter(outcome.record.packets["verdict"]).keys() <= {SENT, LISTED, 1}
    lost = data[1]
    assert (lost["t_queue_out_ns"], lost["t_due_ns"], lost["t_out_ns"]) == (NULL, NULL, NULL)
    repaired = [row for row in data[2:] if row["seq"] <= lost["seq"] < row["seq"] + row["payload_bytes"]]
    assert repaired, "the same bytes come again"
    _adds_up(outcome.record)


def test_random_losses_are_logged_and_survived() -> None:
    body = bytes(200_000)
    outcome = exchange({"delay": "1ms", "down": {"loss": "5%"}}, lambda connection: connection.sendall(body), read_all)
    assert outcome.client == body
    assert len(rows(outcome.record, direction=DOWN, verdict=LOST)) > 0
    assert len(rows(outcome.record, direction=UP, verdict=LOST)) == 0
    _adds_up(outcome.record)


def test_a_bottleneck_spaces_packets() -> None:
    body = bytes(60_000)
    outcome = exchange({"down": {"rate": "10Mbit/s"}}, lambda connection: connection.sendall(body), read_all)
    assert outcome.client == body
    down = sorted(rows(outcome.record, direction=DOWN, verdict=SENT), key=lambda row: row["index"])
    for before, row in pairwise(down):
        needed_ns = row["bytes"] * 800
        start_ns = max(before["t_queue_out_ns"], row["t_in_ns"])
        assert row["t_queue_out_ns"] == start_ns + needed_ns
    _adds_up(outcome.record)


def test_the_namespaces_are_set_as_asked() -> None:
    record = _letters({"delay": "1ms"}).record
    assert [side.name for side in record.sides] == ["server", "client"]
    for side in record.sides:
        assert (side.device.mtu, side.device.txqueuelen) == (1500, 10_000)
        assert all(asked == got for asked, got in side.settings.values())
        assert side.settings["net.ipv4.tcp_no_metrics_save"] == ("1", "1")


def test_a_packet_on_its_way_at_the_end_is_held() -> None:
    """Once the client hears from the server, the relay has also read what the client sent before."""

    def server(control: Control) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.bind((path.server_address, PORT))
            control.send("bound", {})
            os.read(go_read, 1)
            end.sendto(b"y", ("198.18.0.2", PORT))

    def client(_control: Control) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.settimeout(DEADLINE_S)
            end.bind(("198.18.0.2", PORT))
            end.sendto(b"x", (path.server_address, PORT))
            os.write(go_write, b".")
            return end.recv(1)

    go_read, go_write = os.pipe()
    with relaying(tun({"up": {"delay": "1min"}, "down": {"delay": "1ms"}})) as (path, carrier):
        with inside(path, "server", server) as serving:
            serving.receive(DEADLINE_S)
            with inside(path, "client", client) as talking:
                assert talking.result(DEADLINE_S) == b"y"
        carrier.stop()
        record = carrier.result(DEADLINE_S)
    os.close(go_read)
    os.close(go_write)
    (held,) = rows(record, direction=UP)
    assert (held["verdict"], held["connection"], held["bytes"]) == (1, NULL, 29)
    assert held["t_due_ns"] == held["t_in_ns"] + 60_000 * MS
    assert held["t_out_ns"] == NULL


def test_it_ends_when_its_parent_is_gone() -> None:
    def target(_control: Control) -> PathRecord:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.close()
        control = Mock(spec=Control, fileno=ours.fileno)
        return relay_module.relay(control, PathSpec.model_validate({"delay": "1ms"}), 1)

    child = Child("relay", target)
    record = child.result(DEADLINE_S)
    child.close()
    assert len(record.packets["index"]) == 0


def test_nothing_is_left_after_kill_9() -> None:
    before = socket.if_nameindex()

    def devices(_control: Control) -> list[str]:
        lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
        return [line.split(":")[0].strip() for line in lines]

    with relaying(tun({"delay": "1ms"})) as (path, carrier):
        inodes = {os.fstat(fd).st_ino for fd in path._fds}
        with inside(path, "client", devices) as child:
            assert child.result(DEADLINE_S) == ["lo", "tun0"]
        os.kill(carrier.pid, signal.SIGKILL)
        carrier.close()
        with inside(path, "client", devices) as child:
            assert child.result(DEADLINE_S) == ["lo"], "the device goes with the relay"
        assert _holders(inodes) == {str(os.getpid())}
    assert _holders(inodes) == set()
    assert socket.if_nameindex() == before


def _holders(inodes: set[int]) -> set[str]:
    """The processes that are in one of these namespaces or hold a descriptor of it."""
    names = {f"net:[{inode}]" for inode in inodes}
    links = [*Path("/proc").glob("[0-9]*/ns/net"), *Path("/proc").glob("[0-9]*/fd/*")]
    return {link.parts[2] for link in links if _target(link) in names}


def _target(link: Path) -> str:
    """Where it points, or nowhere when its process or descriptor has gone meanwhile."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


@pytest.mark.needs("rootless")
def test_an_ordinary_user_gets_the_same_path() -> None:
    def target(_control: Control) -> tuple[int, Outcome]:
        become_ordinary_user()
        return os.geteuid(), _letters({"delay": "5ms"})

    child = Child("ordinary user", target)
    try:
        uid, outcome = child.result(DEADLINE_S)
    finally:
        child.close()
    assert uid != 0
    assert outcome.client == b"".join(LETTERS)
    assert outcome.record.user_namespace
    _adds_up(outcome.record)
    assert {row["t_due_ns"] - row["t_in_ns"] for row in rows(outcome.record, verdict=SENT)} == {5 * MS}


def test_the_same_seed_loses_the_same_packets() -> None:
    def lost(seed: int) -> list[int]:
        record = _letters({"down": {"loss": "40%"}}, seed).record
        down = sorted(rows(record, direction=DOWN), key=lambda row: row["index"])
        return [row["index"] for row in down if row["verdict"] == LOST]

    first, again = lost(3), lost(3)
    shared = min(len(first), len(again))
    assert shared > 0
    assert first[:shared] == again[:shared]


def test_what_to_fork_is_not_started_by_choosing_it() -> None:
    path = TunPath(PathSpec.model_validate("lan"), 1)
    assert path.backend == "tun"
    path.close()
    path.close()
