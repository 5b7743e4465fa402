"""Reading headers: fields, connections, initial numbers, window scaling, and packets that are something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.link.observer import Connection, Observer
from lab.link.packet import DOWN, NULL, UP, Packet
from tests.link.packets import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, Endpoint, ipv4, tcp, window_scale


def _handshake(
    observer: Observer, offered: bytes = b"", accepted: bytes = b"", client: Endpoint = CLIENT, isn: int = 100
) -> tuple[Packet, Packet]:
    syn = tcp(client, SERVER, SYN, seq=isn, options=offered)
    syn_ack = tcp(SERVER, client, SYN | ACK, seq=900, ack=isn + 1, options=accepted)
    return observer.observe(UP, syn, 1), observer.observe(DOWN, syn_ack, 2)


def test_fields_of_a_data_segment() -> None:
    observer = Observer()
    _handshake(observer)
    data = tcp(SERVER, CLIENT, PSH | ACK, seq=901, ack=101, window=512, payload=b"abc", options=bytes(12))
    seen = observer.observe(DOWN, data, 7)
    assert (seen.direction, seen.index, seen.connection) == (DOWN, 2, 1)
    assert (seen.seq, seen.ack, seen.flags, seen.window_bytes) == (901, 101, PSH | ACK, 512)
    assert (seen.payload_bytes, seen.size_bytes, seen.t_in_ns, seen.data) == (3, len(data), 7, data)


def test_a_connection_is_named_by_its_syn() -> None:
    observer = Observer()
    _handshake(observer)
    assert observer.connections == [Connection(1, *CLIENT, *SERVER, client_isn=100, server_isn=900)]


def test_a_segment_without_ack_acknowledges_nothing() -> None:
    syn, syn_ack = _handshake(Observer())
    assert (syn.ack, syn_ack.ack) == (NULL, 101)


WINDOWS = {
    "both offer": (window_scale(7), window_scale(5), 1000 << 7, 1000 << 5),
    "only the client": (window_scale(7), b"", 1000, 1000),
    "only the server": (b"", window_scale(5), 1000, 1000),
    "neither": (b"", b"", 1000, 1000),
    "more than 14 counts as 14": (window_scale(200), window_scale(0), 1000 << 14, 1000),
    "after other options": (bytes((2, 4, 5, 180)) + window_scale(7), window_scale(5), 1000 << 7, 1000 << 5),
    "behind the end of the list": (bytes((0, 3, 3, 7)), window_scale(5), 1000, 1000),
    "a length of zero ends the reading": (bytes((8, 0)) + bytes((1, 1)) + window_scale(7), window_scale(5), 1000, 1000),
    "a length beyond the end": (bytes((1, 1, 3, 3)), window_scale(5), 1000, 1000),
}


@pytest.mark.parametrize(("offered", "accepted", "client_window", "server_window"), WINDOWS.values(), ids=WINDOWS)
def test_windows_are_scaled_when_both_sides_offered_it(
    offered: bytes, accepted: bytes, client_window: int, server_window: int
) -> None:
    observer = Observer()
    syn, syn_ack = _handshake(observer, offered, accepted)
    assert (syn.window_bytes, syn_ack.window_bytes) == (1000, 1000), "the windows of a handshake are never scaled"
    assert observer.observe(UP, tcp(CLIENT, SERVER), 3).window_bytes == client_window
    assert observer.observe(DOWN, tcp(SERVER, CLIENT), 4).window_bytes == server_window


def test_a_repeated_handshake_is_the_same_connection() -> None:
    observer = Observer()
    numbers = [each.connection for _ in range(2) for each in _handshake(observer)]
    assert numbers == [1, 1, 1, 1]


def test_the_same_ports_with_a_new_number_are_a_new_connection() -> None:
    observer = Observer()
    _handshake(observer, isn=100)
    _handshake(observer, isn=5000)
    assert [(each.number, each.client_isn) for each in observer.connections] == [(1, 100), (2, 5000)]
    assert observer.observe(DOWN, tcp(SERVER, CLIENT, FIN | ACK), 9).connection == 2


def test_connections_are_told_apart_by_port() -> None:
    observer = Observer()
    ports = [("198.18.0.2", port) for port in (40000, 40001)]
    for client in ports:
        _handshake(observer, client=client)
    assert [observer.observe(UP, tcp(client, SERVER), 9).connection for client in reversed(ports)] == [2, 1]


def test_a_segment_of_no_known_connection_has_none() -> None:
    seen = Observer().observe(UP, tcp(flags=RST, seq=5), 1)
    assert (seen.connection, seen.seq, seen.flags) == (NULL, 5, RST)


def test_each_direction_counts_all_its_packets_from_one() -> None:
    observer = Observer()
    directions = (UP, DOWN, UP, UP, DOWN)
    assert [observer.observe(each, tcp(), 1).index for each in directions] == [1, 1, 2, 3, 2]


OTHERS = {
    "UDP": ipv4(bytes(20), "198.18.0.1", "198.18.0.2", protocol=17),
    "ICMP": ipv4(bytes(64), "198.18.0.1", "198.18.0.2", protocol=1),
    "first fragment": ipv4(bytes(64), "198.18.0.1", "198.18.0.2", fragment=0x2000),
    "later fragment": ipv4(bytes(64), "198.18.0.1", "198.18.0.2", fragment=0x0010),
    "IPv6": bytes((0x60,)) + bytes(60),
    "shorter than two headers": bytes((0x45,)) + bytes(20),
    "length that is not the packet's": tcp() + b"trailer",
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_what_is_not_plain_tcp_is_counted_without_a_connection(data: bytes) -> None:
    seen = Observer().observe(UP, data, 1)
    assert (seen.index, seen.size_bytes, seen.data) == (1, len(data), data)
    assert {seen.connection, seen.seq, seen.ack, seen.flags, seen.window_bytes, seen.payload_bytes} == {NULL}


@given(data=st.one_of(st.binary(max_size=120), st.binary(max_size=60).map(lambda tail: tcp(flags=SYN)[:33] + tail)))
def test_no_packet_breaks_it(data: bytes) -> None:
    seen = Observer().observe(UP, data, 1)
    assert seen.size_bytes == len(data)
