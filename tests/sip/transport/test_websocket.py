"""SIP over WebSocket (RFC 7118)."""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import ssl
from twisted.internet.task import Clock

from sip.errors import TransportError
from sip.transport import Destination
from sip.transport.tls import CERTIFICATE_FILE

from .conftest import Maker, Raw, options, until, within

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def upgrade(protocol: str | None = "sip") -> bytes:
    """The opening handshake of RFC 7118 §4.1."""
    lines = [
        "GET / HTTP/1.1",
        "Host: sip-ws.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Origin: http://www.example.com",
        "Sec-WebSocket-Version: 13",
    ]
    if protocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, final: bool = True) -> bytes:
    """A masked frame, as a client sends it (RFC 6455 §5.2)."""
    head = bytes([opcode | (0x80 if final else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def unframe(data: bytes) -> list[tuple[int, bytes]]:
    """The frames of a server: opcode and payload."""
    found = []
    while data:
        length, start = data[1] & 0x7F, 2
        if length == 126:
            length, start = struct.unpack("!H", data[2:4])[0], 4
        found.append((data[0] & 0x0F, data[start : start + length]))
        data = data[start + length :]
    return found


async def opened(peer: Raw) -> None:
    peer.write(upgrade())
    await until(lambda: b"\r\n\r\n" in peer.got)
    assert peer.got.startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-protocol: sip\r\n" in peer.got.lower()
    peer.got = b""


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@ensureDeferred
async def test_messages_travel_between_two_hubs(party: Maker, host: str) -> None:
    server, client = party(), party()
    port = await server.listen(f"ws:{host}:0")
    out = await within(client.hub.connect(Destination("WS", host.strip("[]"), port)))
    out.send(options())
    data, flow = await server.next()
    assert data == options()
    assert (flow.transport, flow.reliable, flow.secure) == ("WS", True, False)
    assert flow.uri("bob") == f"sip:bob@{host}:{port};transport=ws"
    flow.send(options("back"))
    assert await client.next() == (options("back"), out)
    assert await server.hub.connect(Destination("WS", *flow.remote)) is flow


@ensureDeferred
async def test_messages_travel_over_secure_websockets(party: Maker, tmp_path: Path) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen("wss:127.0.0.1:0")
    client = party(tls_ca=tmp_path / CERTIFICATE_FILE)
    out = await within(client.hub.connect(Destination("WSS", "127.0.0.1", port, "localhost")))
    out.send(options())
    data, flow = await server.next()
    assert data == options()
    assert (flow.transport, flow.secure) == ("WSS", True)
    assert flow.uri() == f"sip:127.0.0.1:{port};transport=ws"
    flow.send(options("back"))
    assert (await client.next())[0] == options("back")


@pytest.mark.parametrize("protocol", [None, "chat", "sips, SIP"])
@ensureDeferred
async def test_a_client_without_the_subprotocol_sip_is_refused(
    party: Maker, raw: Any, protocol: str | None
) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    peer.write(upgrade(protocol))
    await until(lambda: peer.lost)
    assert peer.got.startswith(b"HTTP/1.1 400 the WebSocket subprotocol sip is required\r\n")


@ensureDeferred
async def test_a_client_that_offers_more_than_sip_gets_sip(party: Maker, raw: Any) -> None:
    peer = await raw(await party().listen("ws:127.0.0.1:0"))
    peer.write(upgrade("chat, sip"))
    await until(lambda: b"\r\n\r\n" in peer.got)
    assert b"sec-websocket-protocol: sip\r\n" in peer.got.lower()


@ensureDeferred
async def test_plain_http_gets_an_answer_and_no_connection(party: Maker, raw: Any) -> None:
    peer = await raw(await party().listen("ws:127.0.0.1:0"))
    peer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    await until(lambda: peer.lost)
    assert peer.got.startswith(b"HTTP/1.1 426 ")


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@ensureDeferred
async def test_text_and_binary_frames_are_taken(party: Maker, raw: Any, opcode: int) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(opcode, options(body="grüße".encode())))
    assert (await server.next())[0] == options(body="grüße".encode())


@ensureDeferred
async def test_a_message_may_come_in_several_frames_and_without_content_length(
    party: Maker, raw: Any
) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    message = options().replace(b"Content-Length: 0\r\n", b"")
    peer.write(frame(TEXT, message[:100], final=False))
    peer.write(frame(PING, b"between"))
    peer.write(frame(0, message[100:]))
    assert (await server.next())[0] == message
    await until(lambda: peer.got)
    assert unframe(peer.got) == [(PONG, b"between")]


@pytest.mark.parametrize(("body", "opcode"), [("grüße".encode(), TEXT), (b"\xff\xfe", BINARY)])
@ensureDeferred
async def test_what_is_not_utf8_goes_out_in_a_binary_frame(
    party: Maker, raw: Any, body: bytes, opcode: int
) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options()))
    _, flow = await server.next()
    flow.send(options(body=body))
    await until(lambda: peer.got)
    assert unframe(peer.got) == [(opcode, options(body=body))]


@ensureDeferred
async def test_a_ping_of_rfc_5626_is_answered_and_a_pong_ignored(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, b"\r\n\r\n") + frame(TEXT, b"\r\n") + frame(TEXT, b"") + frame(TEXT, options()))
    assert (await server.next())[0] == options()
    await until(lambda: peer.got)
    assert unframe(peer.got) == [(TEXT, b"\r\n")]


@ensureDeferred
async def test_a_message_over_the_limit_closes_with_1009(party: Maker, raw: Any) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, max_message=1000)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options(body=b"x" * 2000)))
    await until(lambda: peer.got)
    [(opcode, payload)] = unframe(peer.got)
    assert opcode == CLOSE
    assert struct.unpack("!H", payload[:2]) == (1009,)
    clock.pump([1.0] * 3)
    await until(lambda: peer.lost)


@pytest.mark.parametrize(
    ("said", "reason", "limit"),
    [
        (frame(0x3, b""), "400 WebSocket: data frame using reserved opcode 3", ""),
        (b"\x81\x01x", "400 WebSocket: unmasked client-to-server frame", ""),
        (frame(TEXT, b"\xff\xff"), "400 WebSocket: encountered invalid UTF-8", ""),
        (frame(TEXT, bytes(1001)), "513 Message Too Large", "max_message"),
    ],
)
@ensureDeferred
async def test_a_broken_frame_is_told_of_once_as_a_message_that_cannot_be_read(
    party: Maker,
    raw: Any,
    caplog: pytest.LogCaptureFixture,
    said: bytes,
    reason: str,
    limit: str,
) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, max_message=1000)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(said + said)
    await until(lambda: peer.got)
    clock.pump([1.0] * 3)
    await until(lambda: peer.lost)
    await until(lambda: server.errors)
    [(partial, error, flow)] = server.errors
    assert (partial, error.limit) == (None, limit)
    assert str(error).startswith(reason)
    assert flow.transport == "WS"
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


@ensureDeferred
async def test_a_handshake_that_fails_is_told_of_in_the_same_way(
    party: Maker, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    peer.write(b"BREW /" + b"x" * 1000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: peer.lost)
    [(partial, error, _)] = server.errors
    assert partial is None
    assert error.reason.startswith("WebSocket handshake: ")
    assert len(error.reason) <= 120
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


@ensureDeferred
async def test_a_message_too_large_to_send_is_an_error_of_the_sender(party: Maker, raw: Any) -> None:
    server = party(max_message=1000)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options()))
    _, flow = await server.next()
    with pytest.raises(TransportError, match="too large for a websocket"):
        flow.send(options(body=b"x" * 2000))
    assert flow.alive


@pytest.mark.parametrize("greeting", [b"", b"GET / HTTP/1.1\r\n"])
@ensureDeferred
async def test_a_handshake_that_never_ends_has_a_limit(party: Maker, raw: Any, greeting: bytes) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, handshake_timeout=10.0)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    peer.write(greeting)
    await until(lambda: len(server.hub.connections) == 1)
    clock.pump([1.0] * 11)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_an_unfinished_message_has_a_limit(party: Maker, raw: Any) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, message_timeout=15.0)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options()) + frame(TEXT, b"OPTIONS sip:", final=False))
    await server.next()
    [connection] = server.hub.connections
    await until(lambda: connection._begun is not None)
    clock.pump([1.0] * 14)
    assert len(server.hub.connections) == 1
    clock.pump([1.0] * 2)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_a_websocket_ping_keeps_a_connection_from_the_idle_limit(party: Maker, raw: Any) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, idle_timeout=100.0, unused_timeout=1000.0)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    clock.pump([1.0] * 90)
    peer.write(frame(PING, b""))
    await until(lambda: peer.got)
    clock.pump([1.0] * 90)
    assert not peer.lost
    peer.got = b""
    clock.pump([1.0] * 10)
    await until(lambda: peer.got)
    assert [opcode for opcode, _ in unframe(peer.got)] == [CLOSE]
    clock.pump([1.0] * 2)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_close_sends_what_waits_and_a_goodbye(party: Maker, raw: Any) -> None:
    server = party(close_timeout=0.1)
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options()))
    _, flow = await server.next()
    flow.send(options("last"))
    await within(server.hub.close())
    await until(lambda: peer.lost)
    (_, last), (opcode, payload) = unframe(peer.got)
    assert last == options("last")
    assert (opcode, struct.unpack("!H", payload[:2])) == (CLOSE, (1001,))


@ensureDeferred
async def test_a_lost_websocket_is_told(party: Maker, raw: Any) -> None:
    server = party()
    peer = await raw(await server.listen("ws:127.0.0.1:0"))
    await opened(peer)
    peer.write(frame(TEXT, options()))
    _, flow = await server.next()
    lost: list[object] = []
    flow.on_lost(lost.append)
    peer.transport.abortConnection()
    await until(lambda: lost)
    assert lost == [flow]
    with pytest.raises(TransportError):
        flow.send(options())


@ensureDeferred
async def test_a_server_that_is_no_websocket_fails_the_connect(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:127.0.0.1:0")
    with pytest.raises(TransportError, match="cannot connect to ws"):
        await within(client.hub.connect(Destination("WS", "127.0.0.1", port)))


@ensureDeferred
async def test_a_browser_reaches_wss_with_tls_1_3(party: Maker, raw: Any, tmp_path: Path) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen("wss:127.0.0.1:0")
    trusted = ssl.Certificate.loadPEM((tmp_path / CERTIFICATE_FILE).read_bytes())
    peer = await raw(port, tls=ssl.optionsForClientTLS("localhost", trustRoot=trusted))
    await opened(peer)
    peer.write(frame(TEXT, options()))
    assert (await server.next())[0] == options()
