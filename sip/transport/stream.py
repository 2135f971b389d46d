"""SIP over TCP and TLS (RFC 3261 §18.3, keep-alives of RFC 5626 §4.4.1), in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IAddress, IConnector, IHandshakeListener, IPushProducer
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sip.errors import SipError
from sip.framing import Ping, StreamFramer
from sip.transport.connection import Connection, Connections, Outbound
from sip.transport.spec import TRANSPORTS, Address

if TYPE_CHECKING:
    from twisted.internet.interfaces import IConsumer, ITCPTransport

    class Wire(ITCPTransport, IConsumer):
        """A TCP connection, or TLS on top of one."""


HALF_PING: Final = 3
"""Bytes that may wait between messages without a message having begun: a lone CRLF, perhaps half a ping."""


def end_of(address: IAddress) -> Address:
    """Numeric host and port of one end of a TCP connection."""
    host: str = getattr(address, "host", "")
    port: int = getattr(address, "port", 0)
    return host, port


@implementer(IHandshakeListener, IPushProducer)
class SipStream(Protocol):
    """One TCP or TLS connection: cuts messages out of it and answers pings."""

    transport: Wire

    def __init__(self, table: Connections, name: str, outbound: Outbound | None) -> None:
        self._table = table
        self._name = name
        self._outbound = outbound
        self._framer = StreamFramer(table.settings.max_message)
        self._connection: Connection

    # -- Twisted's side -----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is there; TLS may follow."""
        transport = self.transport
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        self._connection = Connection(
            self._table,
            self,
            self._name,
            end_of(transport.getHost()),
            end_of(transport.getPeer()),
            self._outbound,
        )
        self._table.add(self._connection)
        # As a producer we hear when the wire's buffer fills and empties: a peer that does not read shows.
        transport.registerProducer(self, True)
        if not TRANSPORTS[self._name].secure:
            self._open()

    def handshakeCompleted(self) -> None:
        """TLS is there, the certificate checked."""
        self._open()

    def _open(self) -> None:
        self._connection.opened()
        if self._outbound is not None:
            self._outbound.succeeded(self._connection)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes, with any number of messages in them."""
        connection, framer = self._connection, self._framer
        connection.heard()
        if framer.error is not None:
            return
        try:
            for item in framer.feed(data):
                if isinstance(item, Ping):
                    connection.kept_alive()
                    self.transport.write(item.reply)
                else:
                    connection.received(item)
            if framer.error is not None:
                raise framer.error
        except SipError as error:
            connection.broken(error)
            return
        connection.progressed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        # TLS does not let go of its producer by itself.
        self.transport.unregisterProducer()
        why = self._connection.gone(reason_of(reason))
        if self._outbound is not None:
            self._outbound.failed(why)

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
        """Send one whole message."""
        self.transport.write(data)

    def lose(self) -> None:
        """Let out what waits and close."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close now."""
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    def unfinished(self) -> bool:
        """True while a message has begun and its end has not come."""
        return self._framer.pending > HALF_PING

    def leaving(self) -> bool:
        """True once the transport began to close."""
        return False


def reason_of(failure: Failure) -> str:
    """One line about why a connection failed or went, in lower case, without Twisted's docstrings."""
    from twisted.internet import error

    told = (
        (error.ConnectionRefusedError, "connection refused"),
        (error.NoRouteError, "no route to host"),
        (error.TCPTimedOutError, "no answer"),
        (error.TimeoutError, "no answer in time"),
        (error.UserError, "aborted"),
        (error.ConnectionAborted, "aborted"),
        (error.ConnectionDone, "closed"),
        (error.ConnectionLost, "connection lost"),
    )
    for kind, text in told:
        if failure.check(kind):
            return text
    name = type(failure.value).__name__
    if name == "VerificationError":  # service_identity's
        return "tls: the certificate is for another name"
    arguments = failure.value.args if failure.value is not None else ()
    if arguments and isinstance(arguments[0], list) and arguments[0] and isinstance(arguments[0][-1], tuple):
        # OpenSSL's: [("SSL routines", "", "certificate verify failed")]
        return f"tls: {arguments[0][-1][-1]}"
    return f"{name}: {failure.value}".splitlines()[0]


def let_go(connector: IConnector) -> None:
    """Of a connection that is gone: Twisted's connector and its end of it hold each other in memory."""
    connector.transport = None  # type: ignore[attr-defined] # of Twisted's BaseConnector


class StreamFactory(ClientFactory):
    """Makes the protocol of each TCP or TLS connection, accepted or (with `outbound`) our own."""

    noisy = False

    def __init__(self, table: Connections, name: str, outbound: Outbound | None = None) -> None:
        self._table = table
        self._name = name
        self._outbound = outbound

    def buildProtocol(self, addr: IAddress | None) -> SipStream:
        """A protocol for the connection with `addr`."""
        protocol = SipStream(self._table, self._name, self._outbound)
        protocol.factory = self
        return protocol

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Nobody accepted our connection."""
        if self._outbound is not None:
            self._outbound.failed(reason_of(reason))

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        """A connection of ours is gone."""
        let_go(connector)
