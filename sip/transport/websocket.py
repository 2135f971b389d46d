"""SIP over WebSocket (RFC 7118), in and out, on autobahn's protocols; WSS is the same over TLS.

Each WebSocket message is one SIP message; text frames where the message is UTF-8, binary ones otherwise
(§4.2).  The subprotocol `sip` is required on both sides (§4.1).  Time limits are those of all connections,
so autobahn's own timers are off.  What peers do wrong is counted and logged like any message that cannot be
read, not as autobahn would: two warnings a connection.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from autobahn.exception import Disconnected, PayloadExceededError
from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.types import ConnectionDeny
from twisted.internet.interfaces import IConnector, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sip.errors import BadRequest, MessageTooLarge, SipError, TransportError
from sip.transport.connection import Connection, Connections, Outbound
from sip.transport.spec import host_port
from sip.transport.stream import end_of, let_go, reason_of

if TYPE_CHECKING:
    from autobahn.websocket.types import ConnectionRequest, ConnectionResponse

log = logging.getLogger(__name__)

SUBPROTOCOL: Final = "sip"
PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"
GOING_AWAY: Final = 1001
"""RFC 6455 §7.4.1."""
TOO_LARGE: Final = 1009
"""RFC 6455 §7.4.1: a message over the limit."""
REASON: Final = 120
"""Characters of a reason that go to the log: some repeat what the peer sent."""


class _Told:
    """autobahn's logger: all that it has to tell is about peers, and for who looks for a fault."""

    def debug(self, text: str = "", **fields: object) -> None:
        """Every step; nobody needs them."""

    trace = debug

    def info(self, text: str = "", **fields: object) -> None:
        """Something went wrong, on the other side."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("websocket.told", extra={"text": text.format(**fields) if fields else text})

    warn = error = failure = info


@implementer(IPushProducer)
class _SipWebSocket:
    """What the two sides have in common; mixed into autobahn's protocols."""

    factory: Any
    transport: Any
    state: int
    data: bytes
    failedByMe: bool
    localCloseCode: int | None
    localCloseReason: bytes | None
    is_closed: Any
    log = _Told()

    def __init__(self) -> None:
        super().__init__()
        self._connection: Connection
        self._in_message = False

    # -- Twisted's and autobahn's side --------------------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is there; TLS and the WebSocket handshake follow."""
        table: Connections = self.factory.table
        self.transport.setTcpKeepAlive(True)
        self._connection = Connection(
            table,
            self,
            self.factory.name,
            end_of(self.transport.getHost()),
            end_of(self.transport.getPeer()),
            self.factory.outbound,
        )
        table.add(self._connection)
        self.transport.registerProducer(self, True)
        super().connectionMade()  # type: ignore[misc] # the mixin's other half

    def onOpen(self) -> None:
        """The handshakes are over."""
        self._connection.opened()
        if self.factory.outbound is not None:
            self.factory.outbound.succeeded(self._connection)

    def dataReceived(self, data: bytes) -> None:
        """Any bytes, pings too, count as a sign of life."""
        self._connection.heard()
        super().dataReceived(data)  # type: ignore[misc] # the mixin's other half
        self._connection.progressed()

    def onMessageBegin(self, isBinary: bool) -> None:
        """The first frame of a message has begun."""
        self._in_message = True
        super().onMessageBegin(isBinary)  # type: ignore[misc] # the mixin's other half

    def onPing(self, payload: bytes) -> None:
        """A keep-alive of the protocol itself (RFC 6455 §5.5.2), which is answered."""
        self._connection.kept_alive()
        super().onPing(payload)  # type: ignore[misc] # the mixin's other half

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """One message: SIP, or a keep-alive (RFC 7118 §6)."""
        self._in_message = False
        if payload == PING:
            self._connection.kept_alive()
            self.write_message(PONG)
            return
        message = payload.lstrip(b"\r\n")
        if message:
            self._connection.received(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        super().connectionLost(reason)  # type: ignore[misc] # the mixin's other half
        # autobahn's Deferred, which has this protocol as its result.
        self.is_closed = None
        self.transport.unregisterProducer()
        if self.failedByMe:
            self._connection.unreadable(_fault(self.localCloseCode, self.localCloseReason))
        why = self._connection.gone(getattr(self, "wasNotCleanReason", None) or reason_of(reason))
        if self.factory.outbound is not None:
            self.factory.outbound.failed(why)

    def pauseProducing(self) -> None:
        """The wire's buffer is full."""
        self._connection.stalled()

    def resumeProducing(self) -> None:
        """The wire's buffer is empty."""
        self._connection.drained()

    def stopProducing(self) -> None:
        """The connection is going; `connectionLost` says the rest."""

    # -- Channel ------------------------------------------------------------------------------------------

    def write_message(self, data: bytes) -> None:
        """Send one whole message.

        Raises:
            TransportError: the WebSocket is closed, or the message is larger than `max_message`.
        """
        try:
            self.sendMessage(data, isBinary=not _is_text(data))  # type: ignore[attr-defined] # autobahn's
        except Disconnected as error:
            raise TransportError("the websocket is closed") from error
        except PayloadExceededError as error:
            raise TransportError(f"message of {len(data)} bytes is too large for a websocket") from error

    def lose(self) -> None:
        """Say goodbye (RFC 6455 §7.1.2); the table aborts when the peer does not answer in time."""
        self.transport.unregisterProducer()
        if self.state == WebSocketServerProtocol.STATE_OPEN:
            # Not sendClose, which knows no 1001.
            self.sendCloseFrame(code=GOING_AWAY, reasonUtf8=b"going away")  # type: ignore[attr-defined] # autobahn's
        elif self.state != WebSocketServerProtocol.STATE_CLOSING:
            self.transport.loseConnection()

    def abort(self) -> None:
        """Close now."""
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    def unfinished(self) -> bool:
        """True while a message, or a frame, has begun and its end has not come."""
        # autobahn knows no current frame before the handshake is over.
        return self._in_message or bool(self.data) or getattr(self, "current_frame", None) is not None

    def leaving(self) -> bool:
        """True once either side began the closing handshake."""
        return self.state in (WebSocketServerProtocol.STATE_CLOSING, WebSocketServerProtocol.STATE_CLOSED)


class SipWebSocketServer(_SipWebSocket, WebSocketServerProtocol):  # type: ignore[misc] # half typed
    """The WebSocket of a client that came to us."""

    def onConnect(self, request: ConnectionRequest) -> str:
        """Take the subprotocol `sip`, refuse whoever does not offer it."""
        if SUBPROTOCOL not in request.protocols:
            reason = "the WebSocket subprotocol sip is required"
            raise ConnectionDeny(ConnectionDeny.BAD_REQUEST, reason)  # type: ignore[no-untyped-call] # autobahn
        return SUBPROTOCOL

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        """Whoever came is no client of ours."""
        self._connection.unreadable(BadRequest(f"WebSocket handshake: {reason}"[:REASON]))
        super().failHandshake(reason, code, responseHeaders)


class SipWebSocketClient(_SipWebSocket, WebSocketClientProtocol):  # type: ignore[misc] # half typed
    """A WebSocket of ours to another server."""

    def onConnect(self, response: ConnectionResponse) -> None:
        """Give up on a server that speaks something else."""
        if response.protocol != SUBPROTOCOL:
            self.factory.outbound.failed("the server does not speak the WebSocket subprotocol sip")
            self._connection.abort()


class WebSocketListener(WebSocketServerFactory):
    """Makes the protocol of each accepted WebSocket connection."""

    noisy = False
    protocol = SipWebSocketServer
    outbound = None

    def __init__(self, reactor: Any, table: Connections, name: str) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call] # autobahn
        self.table = table
        self.name = name
        limit = table.settings.max_message
        self.setProtocolOptions(  # type: ignore[no-untyped-call] # autobahn
            webStatus=False,
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            maxFramePayloadSize=limit,
            maxMessagePayloadSize=limit,
            allowNullOrigin=True,
        )


class WebSocketConnector(WebSocketClientFactory):
    """Makes the protocol of a WebSocket connection of ours."""

    noisy = False
    protocol = SipWebSocketClient

    def __init__(self, reactor: Any, table: Connections, outbound: Outbound) -> None:
        target = outbound.destination
        scheme = target.transport.lower()
        host = target.server_name or target.host
        url = f"{scheme}://{host_port(host, target.port)}/"
        super().__init__(url, protocols=[SUBPROTOCOL], reactor=reactor)  # type: ignore[no-untyped-call] # autobahn
        self.table = table
        self.name = target.transport
        self.outbound = outbound
        limit = table.settings.max_message
        self.setProtocolOptions(  # type: ignore[no-untyped-call] # autobahn
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            maxFramePayloadSize=limit,
            maxMessagePayloadSize=limit,
        )

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Nobody accepted our connection."""
        self.outbound.failed(reason_of(reason))

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        """A connection of ours is gone."""
        let_go(connector)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fault(code: int | None, reason: bytes | None) -> SipError:
    """Why we had to end a WebSocket, as a fault of the stack."""
    if code == TOO_LARGE:
        return MessageTooLarge(limit="max_message")
    return BadRequest(f"WebSocket: {(reason or b'').decode('utf-8', 'replace')}"[:REASON])
