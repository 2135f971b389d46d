"""SIP over UDP: datagrams, keep-alives, flows and what a full socket does."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from sip.errors import DatagramTooLarge, TransportError
from sip.transport import Destination, ListenSpec, TransportSettings
from sip.transport.spec import host_port
from sip.transport.udp import READ_BATCH, UdpListener

from .conftest import Maker, options, until, within


@ensureDeferred
async def test_a_datagram_arrives_with_the_flow_that_answers_it(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("udp:127.0.0.1:0")
    own = await client.listen("udp:127.0.0.1:0")
    flow = await client.hub.connect(Destination("UDP", "127.0.0.1", port))
    flow.send(options())
    data, back = await server.next()
    assert data == options()
    assert (back.transport, back.reliable, back.secure) == ("UDP", False, False)
    assert back.remote == ("127.0.0.1", own)
    assert back.local == ("127.0.0.1", port)
    assert back.sent_by == f"127.0.0.1:{port}"
    assert back.uri() == f"sip:127.0.0.1:{port}"
    assert back.uri("alice") == f"sip:alice@127.0.0.1:{port}"
    back.send(b"SIP/2.0 200 OK\r\n\r\n")
    data, _ = await client.next()
    assert data == b"SIP/2.0 200 OK\r\n\r\n"


@ensureDeferred
async def test_ipv6_works_and_is_written_in_brackets(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("udp:[::1]:0")
    await client.listen("udp:[::1]:0")
    (await client.hub.connect(Destination("UDP", "::1", port))).send(options())
    _, flow = await server.next()
    assert flow.local == ("::1", port)
    assert flow.uri("bob") == f"sip:bob@[::1]:{port}"
    flow.send(b"SIP/2.0 200 OK\r\n\r\n")
    assert (await client.next())[0] == b"SIP/2.0 200 OK\r\n\r\n"


@ensureDeferred
async def test_ipv4_and_ipv6_wildcards_share_a_port(party: Maker) -> None:
    server = party()
    port = await server.listen("udp:0.0.0.0:0")
    assert await server.listen(f"udp:[::]:{port}") == port


@ensureDeferred
async def test_a_flow_of_a_wildcard_listener_knows_its_concrete_address(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("udp:0.0.0.0:0")
    await client.listen("udp:127.0.0.1:0")
    (await client.hub.connect(Destination("UDP", "127.0.0.1", port))).send(options())
    _, flow = await server.next()
    assert flow.local == ("127.0.0.1", port)
    assert flow.key == f"udp|127.0.0.1:{flow.remote[1]}|0.0.0.0:{port}"


@ensureDeferred
async def test_flows_of_one_peer_are_equal_and_a_key_finds_them_again(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("udp:127.0.0.1:0")
    await client.listen("udp:127.0.0.1:0")
    (await client.hub.connect(Destination("UDP", "127.0.0.1", port))).send(options())
    _, flow = await server.next()
    listener = server.hub._udp[0]
    listener._flows.clear()
    again = server.hub.flow(flow.key)
    assert again is not flow
    assert again == flow
    assert hash(again) == hash(flow)
    assert server.hub.flow(flow.key.replace(f":{port}", ":1")) is None
    assert server.hub.flow("udp|nonsense") is None


@pytest.mark.parametrize("keep_alive", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"jaK"])
@ensureDeferred
async def test_keep_alives_are_dropped_without_an_answer(party: Maker, keep_alive: bytes) -> None:
    server = party()
    port = await server.listen("udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(keep_alive, ("127.0.0.1", port))
        phone.sendto(options(), ("127.0.0.1", port))
        assert (await server.next())[0] == options()
        phone.setblocking(False)
        with pytest.raises(BlockingIOError):
            phone.recv(100)


@ensureDeferred
async def test_more_datagrams_than_one_wake_up_takes_all_arrive_in_order(party: Maker) -> None:
    server = party()
    port = await server.listen("udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        for number in range(3 * READ_BATCH):
            phone.sendto(b"message %d" % number, ("127.0.0.1", port))
        got = [(await server.next())[0] for _ in range(3 * READ_BATCH)]
    assert got == [b"message %d" % number for number in range(3 * READ_BATCH)]


@pytest.mark.parametrize(("host", "most"), [("127.0.0.1", 65507), ("::1", 65527)])
@ensureDeferred
async def test_the_largest_datagram_arrives_and_a_larger_one_is_refused(
    party: Maker, host: str, most: int
) -> None:
    server, client = party(), party()
    port = await server.listen(f"udp:{host_port(host, 0)}")
    await client.listen(f"udp:{host_port(host, 0)}")
    flow = await client.hub.connect(Destination("UDP", host, port))
    with pytest.raises(DatagramTooLarge, match=f"{most + 1} bytes do not fit a datagram"):
        flow.send(b"x" * (most + 1))
    flow.send(b"x" * most)
    assert len((await server.next())[0]) == most


@ensureDeferred
async def test_icmp_errors_trouble_nobody(party: Maker) -> None:
    server = party()
    port = await server.listen("udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nobody = gone.getsockname()[1]
    flow = await server.hub.connect(Destination("UDP", "127.0.0.1", nobody))
    for _ in range(3):
        flow.send(b"is anybody there")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(options(), ("127.0.0.1", port))
        assert (await server.next())[0] == options()


@ensureDeferred
async def test_a_fault_of_the_receiver_costs_one_message(party: Maker) -> None:
    server = party()
    port = await server.listen("udp:127.0.0.1:0")
    good = server.hub.ingress.handle
    calls: list[bytes] = []

    def faulty(data: bytes, flow: Any, now: float) -> None:
        calls.append(data)
        if len(calls) == 1:
            raise KeyError("a bug")
        good(data, flow, now)

    server.hub.ingress.handle = faulty
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(b"first message", ("127.0.0.1", port))
        phone.sendto(b"second message", ("127.0.0.1", port))
        assert (await server.next())[0] == b"second message"


@ensureDeferred
async def test_a_port_in_use_is_told_in_one_line(party: Maker) -> None:
    server, late = party(), party()
    port = await server.listen("udp:127.0.0.1:0")
    caught = await within(late.hub.listen(ListenSpec("UDP", "127.0.0.1", port)).addErrback(lambda f: f.value))
    assert str(caught) == f"cannot listen on udp 127.0.0.1:{port}: address already in use"


@ensureDeferred
async def test_an_address_of_another_family_cannot_be_reached(party: Maker) -> None:
    server = party()
    await server.listen("udp:127.0.0.1:0")
    with pytest.raises(TransportError, match="cannot send udp to ::1: no listener for IPv6"):
        await server.hub.connect(Destination("UDP", "::1", 5060))


@ensureDeferred
async def test_trace_sees_messages_both_ways_and_no_keep_alives(party: Maker) -> None:
    seen: list[tuple[str, bytes]] = []
    server = party(hub_options={"trace": lambda way, data, flow: seen.append((way, data))})
    port = await server.listen("udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(b"\r\n\r\n", ("127.0.0.1", port))
        phone.sendto(options(), ("127.0.0.1", port))
        _, flow = await server.next()
        flow.send(b"SIP/2.0 200 OK\r\n\r\n")
    assert seen == [("in", options()), ("out", b"SIP/2.0 200 OK\r\n\r\n")]


class FullSocket:
    """A socket whose buffer has room only when the test says so."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.room = 0
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, address: object) -> None:
        if self.room == 0:
            raise BlockingIOError(errno.EAGAIN, "full")
        self.room -= 1
        self.sent.append(data)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self.room = 0


class WatchingReactor:
    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addReader(self, reader: object) -> None: ...
    def removeReader(self, reader: object) -> None: ...
    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)


@pytest.fixture
def full() -> tuple[UdpListener, FullSocket, WatchingReactor]:
    watching: Any = WatchingReactor()
    listener = UdpListener(
        watching,
        ListenSpec("UDP", "127.0.0.1", 0),
        lambda data, flow: None,
        TransportSettings(datagram_queue=3),
    )
    listener._socket.close()
    sock: Any = FullSocket()
    listener._socket = sock
    listener.outgoing._send = sock.sendto
    return listener, sock, watching


def test_a_full_socket_keeps_a_bounded_queue_and_counts_what_it_drops(
    full: tuple[UdpListener, FullSocket, WatchingReactor],
) -> None:
    listener, sock, watching = full
    flow = listener.flow_to("127.0.0.1", 5060)
    for number in range(5):
        flow.send(b"%d" % number)
    assert listener.dropped == 2
    assert watching.writers == {listener}
    sock.room = 2
    listener.doWrite()
    assert sock.sent == [b"0", b"1"]
    assert watching.writers == {listener}
    sock.room = 5
    flow.send(b"5")
    listener.doWrite()
    assert sock.sent == [b"0", b"1", b"2", b"5"]
    assert watching.writers == set()


def test_what_no_datagram_holds_does_not_wait_for_room(
    full: tuple[UdpListener, FullSocket, WatchingReactor],
) -> None:
    listener, _, _ = full
    flow = listener.flow_to("127.0.0.1", 5060)
    flow.send(b"first")
    with pytest.raises(DatagramTooLarge):
        flow.send(b"x" * 65508)
    assert listener.outgoing.waiting == 1


def test_a_closed_listener_refuses_to_send(full: tuple[UdpListener, FullSocket, WatchingReactor]) -> None:
    listener, _, _ = full
    flow = listener.flow_to("127.0.0.1", 5060)
    assert flow.alive
    listener.abort()
    assert not flow.alive
    with pytest.raises(TransportError, match="the udp listener is closed"):
        flow.send(b"late")


@ensureDeferred
async def test_close_lets_waiting_datagrams_out(party: Maker) -> None:
    server = party()
    await server.listen("udp:127.0.0.1:0")
    listener = server.hub._udp[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        listener.outgoing._keep(b"goodbye", listener._datagrams.place(phone.getsockname()))
        await within(server.hub.close())
        assert phone.recv(100) == b"goodbye"
    assert listener not in reactor.getReaders()
    await until(lambda: not listener.open)
