"""Whole parts of the server to throw bytes at: one server without sockets, one WebSocket without TCP."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sip.framing import StreamFramer
from sip.message import parse
from sip.transport.connection import Connections
from sip.transport.settings import TransportSettings
from sip.transport.websocket import WebSocketListener
from tests.fuzz.corpus import PIDF
from tests.presence.house import ALICE, TRUSTED, House

STRANGER = "198.51.100.9"
MINUTE = 60.0
LARGEST = 2048
"""Bytes of a message on the WebSocket."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: sip.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


def whole(data: bytes) -> House:
    """Give `data` to a server with users who publish and are registered, and let a minute pass.

    Raises whatever is wrong with what the server sends.
    """
    house = House(("alice", "bob", "carol"))
    house.publish(ALICE, PIDF)
    house.register("sip:bob@sip.test", house.network.at(TRUSTED, 5090), f"<sip:bob@{TRUSTED}:5090>")
    for flow in (house.peer, house.network.at(STRANGER), house.network.at(TRUSTED, 5062, "TCP")):
        house.receive(data, flow)
    house.after(MINUTE)
    for flow in house.network.flows.values():
        for sent in flow.sent:
            sound(sent)
    return house


def sound(sent: bytes) -> None:
    """What is sent is one message that anybody can read."""
    parse(sent)
    if StreamFramer(1 << 20, 1 << 20).feed(sent) != [sent]:
        raise AssertionError(f"not one whole message: {sent!r}")


class _Wire(StringTransport):
    """The side of Twisted, which keeps what is written and notes that it is closed."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is no TCP."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nor here."""

    def unregisterProducer(self) -> None:
        """As TCP and TLS have it: harmless when there is none."""
        self.producer = None

    def abortConnection(self) -> None:
        self.disconnecting = True


def framed(data: bytes, pieces: int = 0) -> tuple[list[bytes], bytes]:
    """Give `data` to a WebSocket: after the opening handshake, or in its place if it begins like one.

    Args:
        pieces: bytes at a time; 0: all at once.

    Returns:
        The SIP messages that came out, and what the peer was sent.
    """
    clock = Clock()
    received: list[bytes] = []

    def take(message: bytes, flow: Any) -> None:
        received.append(message)

    def refuse(error: Exception, flow: Any) -> None:
        """The close frame tells the peer."""

    table = Connections(
        clock, clock.seconds, TransportSettings(max_message=LARGEST), take, refuse,
        lambda transport, local, inbound: local, lambda call, flow: call(flow), None,
        lambda host: False, lambda setting, host: None,
    )  # fmt: skip
    protocol: Any = WebSocketListener(clock, table, "WS").buildProtocol(None)
    wire = _Wire()
    protocol.makeConnection(wire)
    if not data.startswith(b"GET "):
        protocol.dataReceived(UPGRADE)
        wire.clear()
    for start in range(0, len(data), pieces or len(data) or 1):
        protocol.dataReceived(data[start : start + (pieces or len(data))])
        clock.advance(0)
        if wire.disconnecting:
            break
    told = wire.value()
    clock.advance(MINUTE)
    protocol.connectionLost(Failure(ConnectionDone()))
    clock.advance(MINUTE)
    if len(table):
        raise AssertionError("the connection is not forgotten")
    if any(len(message) > LARGEST for message in received):
        raise AssertionError("a message is larger than it may be")
    return received, told


def frame(payload: bytes, first: int = 0x81, *, masked: bool = True, length: int | None = None) -> bytes:
    """A frame (RFC 6455 §5.2): `first` is its first byte, `length` what it says of itself."""
    said = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    if said < 126:
        head = bytes([first, mask | said])
    elif said < 65536:
        head = bytes([first, mask | 126]) + said.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + said.to_bytes(8, "big")
    # A mask of zeros lets the payload be read in a corpus.
    return head + (b"\0\0\0\0" if masked else b"") + payload
