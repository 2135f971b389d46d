"""SIP over TCP: framing, keep-alives, limits, reuse of connections, the end."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock

from sip.errors import MessageTooLarge, TransportError
from sip.framing import FramingError
from sip.transport import Destination, Flow, ListenError, ListenSpec

from .conftest import Maker, options, until, within


@ensureDeferred
async def test_a_message_and_its_answer_share_the_connection(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    out = await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))
    out.send(options())
    data, flow = await server.next()
    assert data == options()
    assert (flow.transport, flow.reliable, flow.secure) == ("TCP", True, False)
    assert flow.local == ("127.0.0.1", port)
    assert flow.remote == out.local
    assert flow.uri("bob") == f"sip:bob@127.0.0.1:{port};transport=tcp"
    flow.send(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    answer, back = await client.next()
    assert answer.startswith(b"SIP/2.0 200 OK")
    assert back is out


@ensureDeferred
async def test_ipv6(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:[::1]:0")
    (await within(client.hub.connect(Destination("TCP", "::1", port)))).send(options())
    _, flow = await server.next()
    assert flow.sent_by == f"[::1]:{port}"


@ensureDeferred
async def test_a_message_in_pieces_is_put_together(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    message = options(body=b"0123456789")
    for start in range(0, len(message), 50):
        peer.write(message[start : start + 50])
        await until(lambda: not peer.transport.dataBuffer)
    assert (await server.next())[0] == message


@ensureDeferred
async def test_several_messages_in_one_segment_come_one_by_one(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options("a") + options("b", b"body") + b"\r\n" + options("c"))
    assert [(await server.next())[0] for _ in range(3)] == [options("a"), options("b", b"body"), options("c")]


@ensureDeferred
async def test_a_ping_is_answered_with_a_pong(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(b"\r\n\r\n" + options() + b"\r\n\r\n")
    await server.next()
    await until(lambda: peer.got == b"\r\n\r\n")


@ensureDeferred
async def test_what_cannot_be_framed_is_handed_up_to_be_answered_and_then_closed(
    party: Maker, raw: Any
) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))

    def answer(partial: Any, error: Any, flow: Flow) -> None:
        server.errors.append((partial, error, flow))
        flow.send(b"SIP/2.0 400 Missing Content-Length header field\r\n\r\n")

    server.hub._receive_error = answer
    peer.write(options("good") + options("bad").replace(b"Content-Length: 0\r\n", b"") + options("never"))
    assert (await server.next())[0] == options("good")
    await until(lambda: peer.lost)
    assert peer.got == b"SIP/2.0 400 Missing Content-Length header field\r\n\r\n"
    [(partial, error, flow)] = server.errors
    assert isinstance(error, FramingError)
    assert partial is not None
    assert partial.uri_text == "sip:bad@example.com"
    assert not flow.alive
    assert not server.messages.pending


@ensureDeferred
async def test_a_message_over_the_limit_is_refused_before_it_is_read(party: Maker, raw: Any) -> None:
    server = party(max_message=1000)
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options().replace(b"Content-Length: 0", b"Content-Length: 100000"))
    await until(lambda: peer.lost)
    [(partial, error, _)] = server.errors
    assert isinstance(error, MessageTooLarge)
    assert partial is not None


@ensureDeferred
async def test_connections_of_peers_carry_what_is_sent_to_their_address(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    out = await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))
    out.send(options())
    _, flow = await server.next()
    again = await server.hub.connect(Destination("TCP", *flow.remote))
    assert again is flow
    assert server.hub.flow(flow.key) is flow


@ensureDeferred
async def test_a_second_connect_uses_the_open_connection_and_the_one_under_way(party: Maker) -> None:
    server, client = party(), party()
    there = Destination("TCP", "127.0.0.1", await server.listen("tcp:127.0.0.1:0"))
    first, second = await within(gatherResults([client.hub.connect(there), client.hub.connect(there)]))
    assert first is second
    assert await client.hub.connect(there) is first
    await until(lambda: len(server.hub.connections) == 1)
    assert len(client.hub.connections) == 1


@ensureDeferred
async def test_a_connection_of_ours_names_our_listener_in_its_via(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    own = await client.listen("tcp:0.0.0.0:0")
    out = await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))
    assert out.local[1] != own
    assert out.sent_by == f"127.0.0.1:{own}"


@ensureDeferred
async def test_a_lost_connection_is_told_once_and_forgotten(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options())
    _, flow = await server.next()
    told: list[Flow] = []
    never: list[Flow] = []
    flow.on_lost(told.append)
    flow.on_lost(never.append)
    flow.forget_lost(never.append)
    peer.transport.loseConnection()
    await until(lambda: told)
    assert told == [flow]
    assert never == []
    assert not flow.alive
    assert server.hub.flow(flow.key) is None
    with pytest.raises(TransportError, match=r"the tcp connection to 127.0.0.1:.* is closed"):
        flow.send(options())
    flow.on_lost(told.append)
    assert told == [flow, flow]


@ensureDeferred
async def test_a_refused_connection_says_so(party: Maker) -> None:
    client = party()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(TransportError) as caught:
            await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))
    assert str(caught.value) == f"cannot connect to tcp 127.0.0.1:{port}: connection refused"


@ensureDeferred
async def test_a_port_in_use_is_told_in_one_line(party: Maker) -> None:
    server, late = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    with pytest.raises(ListenError) as caught:
        await late.hub.listen(ListenSpec("TCP", "127.0.0.1", port))
    assert str(caught.value) == f"cannot listen on tcp 127.0.0.1:{port}: address already in use"


@ensureDeferred
async def test_a_host_without_address_is_told_in_one_line(party: Maker) -> None:
    with pytest.raises(ListenError, match=r"^cannot listen on tcp no\.such\.invalid:5060: unknown host"):
        await party().hub.listen(ListenSpec.parse("tcp:no.such.invalid:5060"))


@ensureDeferred
async def test_connections_beyond_the_limit_are_refused_in_and_out(party: Maker, raw: Any) -> None:
    server = party(max_connections=2)
    port = await server.listen("tcp:127.0.0.1:0")
    first, second = await raw(port), await raw(port)
    await until(lambda: len(server.hub.connections) == 2)
    third = await raw(port)
    await until(lambda: third.lost)
    assert not first.lost
    assert not second.lost
    with pytest.raises(TransportError, match="all 2 connections are in use"):
        await server.hub.connect(Destination("TCP", "127.0.0.1", port))
    first.transport.loseConnection()
    await until(lambda: len(server.hub.connections) == 1)
    fourth = await raw(port)
    fourth.write(options())
    await server.next()


@ensureDeferred
async def test_a_silent_connection_is_closed_after_the_idle_limit_and_a_ping_keeps_it(
    party: Maker, raw: Any
) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, idle_timeout=900.0, unused_timeout=2000.0)
    port = await server.listen("tcp:127.0.0.1:0")
    silent, pinging = await raw(port), await raw(port)
    await until(lambda: len(server.hub.connections) == 2)
    clock.pump([1.0] * 800)
    pinging.write(b"\r\n\r\n")
    await until(lambda: pinging.got)
    clock.pump([1.0] * 101)
    await until(lambda: silent.lost)
    clock.pump([1.0] * 600)
    assert not pinging.lost
    assert len(server.hub.connections) == 1


@ensureDeferred
async def test_an_unfinished_message_has_its_own_limit_however_it_trickles(party: Maker, raw: Any) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, message_timeout=15.0)
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(b"\r\n")  # a lone pong begins no message
    await until(lambda: len(server.hub.connections) == 1)
    clock.pump([1.0] * 30)
    [connection] = server.hub.connections
    assert connection.alive
    for byte in b"OPTIONS si":
        heard = connection.heard_at
        peer.write(bytes([byte]))
        await until(lambda heard=heard: connection.heard_at > heard)
        clock.pump([1.0, 1.0])
    assert connection.alive
    clock.pump([1.0] * 3)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_a_peer_that_does_not_read_is_dropped_above_the_limit(party: Maker, raw: Any) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, send_buffer_limit=100_000, send_stall=1.0)
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options())
    _, flow = await server.next()
    peer.transport.pauseProducing()
    message = options(body=b"x" * 50_000)
    sent = 0
    # What the kernel takes first is none of our memory.
    while flow._stalled_since is None or flow._unsent < 100_000:
        flow.send(message)
        sent += 1
        await until(lambda: True)
        assert sent < 1000
    clock.advance(0.5)
    flow.send(message)
    assert flow.alive
    clock.advance(0.6)
    assert not flow.alive
    with pytest.raises(TransportError, match="is closed"):
        flow.send(message)
    await until(lambda: len(server.hub.connections) == 0)


@ensureDeferred
async def test_a_burst_to_a_peer_that_reads_goes_through(party: Maker) -> None:
    server, client = party(send_buffer_limit=100_000), party()
    port = await server.listen("tcp:127.0.0.1:0")
    (await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))).send(options())
    _, flow = await server.next()
    for number in range(500):
        flow.send(options(str(number), b"x" * 2000))
    for number in range(500):
        assert (await client.next())[0] == options(str(number), b"x" * 2000)


@ensureDeferred
async def test_a_burst_beyond_all_measure_drops_the_connection_at_once(party: Maker, raw: Any) -> None:
    server = party(send_buffer_limit=10_000)
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options())
    _, flow = await server.next()
    message = options(body=b"x" * 1000)
    with pytest.raises(TransportError, match="does not read"):
        for _ in range(65_536 // 1000 + 16 * 10 + 10):
            flow.send(message)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_close_flushes_what_was_sent(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options())
    _, flow = await server.next()
    answer = b"x" * 3_000_000
    flow.send(answer)
    await within(server.hub.close())
    await until(lambda: peer.lost)
    assert peer.got == answer


@ensureDeferred
async def test_close_does_not_wait_for_ever(party: Maker, raw: Any) -> None:
    server = party(close_timeout=0.1)
    port = await server.listen("tcp:127.0.0.1:0")
    peer = await raw(port)
    peer.write(options())
    _, flow = await server.next()
    peer.transport.pauseProducing()
    flow.send(b"x" * 8_000_000)
    await within(server.hub.close(), 2.0)
    assert len(server.hub.connections) == 0
    with pytest.raises(TransportError, match="the transports are closed"):
        await server.hub.connect(Destination("TCP", "127.0.0.1", port))


@ensureDeferred
async def test_after_close_nobody_listens(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    await within(server.hub.close())
    with pytest.raises(TransportError, match="connection refused"):
        await within(client.hub.connect(Destination("TCP", "127.0.0.1", port)))


@ensureDeferred
async def test_a_flow_can_be_closed_by_its_user(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("tcp:127.0.0.1:0"))
    peer.write(options())
    _, flow = await server.next()
    flow.send(b"bye")
    flow.close()
    assert not flow.alive
    await until(lambda: peer.lost)
    assert peer.got == b"bye"
