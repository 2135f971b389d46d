"""A connection as a flow, and the table of all of them: what TCP, TLS and WebSocket have in common.

Limits live here: how many connections, how long one may be silent, how long a handshake or a message may
take, how much may wait for a peer that does not read.  Connections are reused in both directions (RFC 3261
§18, RFC 5923): a message to an address finds the connection that is open to exactly that address, whoever
opened it.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConnector, IReactorTime
from twisted.internet.task import LoopingCall

from sip.buckets import Buckets, network_of
from sip.errors import SipError, TransportError
from sip.transport.flow import Flow, Trace
from sip.transport.settings import TransportSettings
from sip.transport.spec import Address, Destination, host_port, numeric

log = logging.getLogger(__name__)

SWEEP: Final = 1.0
"""Seconds between two looks at all connections: no time limit needs to be finer."""

BURST: Final = 16
"""Times `send_buffer_limit` that may wait while the peer still takes something now and then."""


class Channel(Protocol):
    """What a connection needs of its wire: a stream or a WebSocket."""

    def write_message(self, data: bytes) -> None:
        """Send one whole message."""

    def lose(self) -> None:
        """Let out what waits, say goodbye, close."""

    def abort(self) -> None:
        """Close now."""

    def unfinished(self) -> bool:
        """True while a message has begun and its end has not come."""

    def leaving(self) -> bool:
        """True once the wire itself has begun to close."""


class _NoChannel:
    """What a connection has that is gone: it and its wire must not hold each other in memory."""

    def write_message(self, data: bytes) -> None:
        """Nobody is there."""

    def lose(self) -> None:
        """It is closed."""

    def abort(self) -> None:
        """It is closed."""

    def unfinished(self) -> bool:
        """Nothing comes any more."""
        return False

    def leaving(self) -> bool:
        """It has left."""
        return True


_GONE: Final = _NoChannel()


class Connection(Flow):
    """A flow that lives as long as one TCP connection, with whatever is spoken over it."""

    __slots__ = (
        "_advertised",
        "_begun",
        "_channel",
        "_closing_since",
        "_key",
        "_local",
        "_lost",
        "_message_at",
        "_on_lost",
        "_opened",
        "_since",
        "_stalled_since",
        "_table",
        "_unsent",
        "_used",
        "_vouched",
        "_why",
        "heard_at",
        "inbound",
        "remote",
        "server_name",
        "transport",
    )

    def __init__(
        self,
        table: Connections,
        channel: Channel,
        transport: str,
        local: Address,
        remote: Address,
        outbound: Outbound | None,
    ) -> None:
        now = table.now()
        self._table = table
        self._channel: Channel = channel
        self.transport = transport
        self._local = local
        self.remote = remote
        self.inbound = outbound is None
        self.server_name = outbound.destination.server_name if outbound else None
        self._advertised = table.advertise(transport, local, outbound is None)
        self._key = f"{transport.lower()}|{host_port(*remote)}|{host_port(*local)}|{table.new_serial()}"
        self.heard_at = now
        self._since = now
        self._opened = False
        self._used = False
        self._vouched = False
        self._message_at = now
        self._begun: float | None = None
        self._closing_since: float | None = None
        self._lost = False
        self._stalled_since: float | None = None
        self._unsent = 0
        self._why: str | None = None
        self._on_lost: dict[Callable[[Flow], None], None] = {}

    # -- Flow ---------------------------------------------------------------------------------------------

    @property
    def local(self) -> Address:
        """Our end of the connection."""
        return self._local

    @property
    def advertised(self) -> Address:
        """Our end where the peer opened the connection; for one of ours, the listener of that transport.

        The host is that of the setting, if there is one.
        """
        return self._advertised

    @property
    def alive(self) -> bool:
        """True from the end of the handshakes until the connection closes or begins to."""
        return self._opened and self._closing_since is None and not self._lost and not self._channel.leaving()

    @property
    def key(self) -> str:
        """Names this very connection; no later one, to the same peer or not, has the same key."""
        return self._key

    def send(self, data: bytes) -> None:
        """Send one whole message.

        Raises:
            TransportError: the connection is gone, or the peer stopped reading and is dropped for it.
        """
        if not self.alive:
            raise TransportError(f"the {self.transport.lower()} connection to {self._peer} is closed")
        if self._stalled_since is not None:
            self._unsent += len(data)
            if self._overfull(self._table.now()):
                raise TransportError(f"the peer at {self._peer} does not read: connection dropped")
        if self._table.trace is not None:
            self._table.trace("out", data, self)
        self._channel.write_message(data)

    def close(self) -> None:
        """Let unsent data out for `close_timeout` seconds at most, and close."""
        if self._closing_since is None and not self._lost:
            self._closing_since = self._table.now()
            self._channel.lose()

    def abort(self) -> None:
        """Close now; what waits is lost."""
        if not self._lost:
            if self._closing_since is None:
                self._closing_since = self._table.now()
            self._channel.abort()

    def vouched(self) -> None:
        """Whoever is at the other end has proved who he is: his keep-alives keep the connection."""
        self._vouched = True

    def on_lost(self, callback: Callable[[Flow], None]) -> None:
        """Call `callback(flow)` once when the connection is gone; at once if it is already."""
        if self._lost:
            callback(self)
        else:
            self._on_lost[callback] = None

    def forget_lost(self, callback: Callable[[Flow], None]) -> None:
        """Take back `on_lost(callback)`."""
        self._on_lost.pop(callback, None)

    # -- what the wire tells ------------------------------------------------------------------------------

    def opened(self) -> None:
        """The handshakes are over."""
        self._opened = True
        self.heard_at = self._since = self._message_at = self._table.now()
        self._table.opened(self)

    def heard(self) -> None:
        """Bytes came."""
        self.heard_at = self._table.now()

    def progressed(self) -> None:
        """All bytes at hand are taken: the clock of an unfinished message starts, goes on or stops."""
        if not self._channel.unfinished():
            self._begun = None
        elif self._begun is None:
            self._begun = self.heard_at

    def kept_alive(self) -> None:
        """A keep-alive came: the peer means to use the connection."""
        self._used = True

    def received(self, data: bytes) -> None:
        """One whole message came."""
        self._used = True
        self._message_at = self.heard_at
        self._begun = None
        if self._table.trace is not None:
            self._table.trace("in", data, self)
        self._table.receive(data, self)

    def broken(self, error: SipError) -> None:
        """What came cannot be cut into messages: let it be answered, then close."""
        log.debug("transport.framing-error", extra={"peer": self._peer, "error": str(error)})
        if self.alive:
            self._table.receive_error(error, self)
        self.close()

    def unreadable(self, error: SipError) -> None:
        """What came is no message, which is counted; the wire tells the peer in its own way, and closes."""
        self._table.receive_error(error, self)

    def stalled(self) -> None:
        """The wire's buffer is full."""
        if self._stalled_since is None:
            self._stalled_since = self._table.now()
            self._unsent = 0

    def drained(self) -> None:
        """The wire's buffer is empty again."""
        self._stalled_since = None
        self._unsent = 0

    def gone(self, told: str) -> str:
        """The connection is lost, as the wire tells; returns why, which we may know better."""
        why = self._why or told
        if self._lost:
            return why
        self._lost = True
        log.debug("transport.connection-closed", extra={"flow": self._key, "why": why})
        self._table.gone(self)
        self._channel = _GONE
        callbacks, self._on_lost = self._on_lost, {}
        for callback in callbacks:
            self._table.guard(callback, self)
        return why

    # -- limits -------------------------------------------------------------------------------------------

    @property
    def _peer(self) -> str:
        return host_port(*self.remote)

    def _overfull(self, now: float) -> bool:
        limits = self._table.settings
        if self._stalled_since is None or self._unsent <= limits.send_buffer_limit:
            return False
        if self._unsent <= limits.send_buffer_limit * BURST and now - self._stalled_since < limits.send_stall:
            return False
        self._drop("transport.peer-does-not-read", "the peer does not read", unsent=self._unsent)
        return True

    def _drop(self, event: str, why: str, **fields: object) -> None:
        self._why = why
        level = logging.WARNING if self._table.tells() else logging.DEBUG
        log.log(level, event, extra={"peer": self._peer, "transport": self.transport, **fields})
        self.abort()

    def _late(self, limit: str, why: str) -> None:
        self._why = why
        log.debug("transport.too-late", extra={"peer": self._peer, "transport": self.transport, "why": why})
        self._table.limit_reached(limit, self.remote[0])
        self.abort()

    def sweep(self, now: float) -> None:
        """Close the connection if one of its times is over."""
        limits = self._table.settings
        if self._closing_since is not None:
            if now - self._closing_since >= limits.close_timeout:
                self._channel.abort()
        elif self._channel.leaving():
            self._closing_since = now
        elif not self._opened:
            # Not since something was heard: whoever trickles bytes is heard all the time.
            if now - self._since >= limits.handshake_timeout:
                self._late("handshake_timeout", "no end of the handshake in time")
        elif self._begun is not None and now - self._begun >= limits.message_timeout:
            self._late("message_timeout", "no end of a message in time")
        elif self.inbound and not self._used and now - self._since >= limits.unused_timeout:
            self._late("connection_unused", "no message in time")
        elif self._only_pings(now):
            self._late("connection_unproved", "nothing but keep-alives, of nobody who has proved himself")
        elif now - self.heard_at >= limits.idle_timeout:
            log.debug("transport.idle", extra={"flow": self._key})
            self.close()
        elif self._stalled_since is not None:
            self._overfull(now)

    def _only_pings(self, now: float) -> bool:
        """Whether a stranger has kept the connection for too long without asking for anything."""
        limit = self._table.settings.unproved_timeout
        if not limit or not self.inbound or self._vouched or now - self._message_at < limit:
            return False
        return not self._table.trusts(self.remote[0])


class Outbound:
    """One connection of ours on its way: who waits for it, and how it ends."""

    __slots__ = ("_done", "_waiting", "connector", "destination", "over")

    def __init__(self, destination: Destination, done: Callable[[Outbound], None]) -> None:
        self.destination = destination
        self.connector: IConnector | None = None
        """What stops it; None once it has ended, or they would hold each other in memory."""
        self.over = False
        self._waiting: list[Deferred[Flow]] = []
        self._done = done

    def wait(self) -> Deferred[Flow]:
        """A Deferred of its own for each who asks."""
        waiting: Deferred[Flow] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def succeeded(self, connection: Connection) -> None:
        """The connection is open, with all its handshakes."""
        self._end()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(connection)

    def failed(self, why: str) -> None:
        """The connection did not come about; harmless after `succeeded`."""
        self._end()
        waiting, self._waiting = self._waiting, []
        target = self.destination
        where = f"{target.transport.lower()} {host_port(target.host, target.port)}"
        for each in waiting:
            if not each.called:
                each.errback(TransportError(f"cannot connect to {where}: {why}"))

    def _end(self) -> None:
        self.over = True
        self.connector = None
        self._done(self)

    def cancel(self, why: str) -> None:
        """Give up, wherever the connection stands."""
        connector = self.connector
        self.failed(why)
        if connector is not None:
            connector.disconnect()


class Connections:
    """All connections of a hub.

    Args:
        clock: drives the sweep.
        now: monotonic seconds.
        settings: the limits.
        receive: gets each message and its flow.
        receive_error: gets the fault of bytes that are no message.
        advertise: for a transport, our end, and whether the peer opened the connection: where peers reach us.
        guard: calls foreign code so that its faults do not reach the reactor.
        trace: gets whole messages with their direction, or None.
        exempt: whether a host is one of those without limits of addresses.
        limit_reached: hears of each limit that is reached (the name of its setting), and by which host.
    """

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        settings: TransportSettings,
        receive: Callable[[bytes, Flow], None],
        receive_error: Callable[[SipError, Flow], None],
        advertise: Callable[[str, Address, bool], Address],
        guard: Callable[[Callable[[Flow], None], Flow], None],
        trace: Trace | None,
        exempt: Callable[[str], bool],
        limit_reached: Callable[[str, str], None],
    ) -> None:
        self.now = now
        self.limit_reached = limit_reached
        self._exempt = exempt
        self.settings = settings
        self.receive = receive
        self.receive_error = receive_error
        self.advertise = advertise
        self.guard = guard
        self.trace = trace
        self._all: dict[Connection, None] = {}
        self._by_key: dict[str, Connection] = {}
        self._by_peer: dict[tuple[str, Address], Connection] = {}
        self._by_network: Counter[str] = Counter()
        """How many connections an address has opened."""
        rate = settings.connections_rate
        self._opening = Buckets(rate, max(1.0, rate * settings.connections_burst)) if rate else None
        self._lines = Buckets(rate=10, burst=100)
        """Lines of the log about what any peer may do."""
        self._serial = 0
        self._token = secrets.token_hex(4)
        self._empty: list[Deferred[None]] = []
        self._sweeper = LoopingCall(self._sweep)
        self._sweeper.clock = clock

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    @property
    def full(self) -> bool:
        """True when no further connection may be opened."""
        return len(self._all) >= self.settings.max_connections

    def lets_in(self, host: str) -> bool:
        """Whether `host` may open a connection now; to be asked once for each."""
        if self.full:
            limit = "max_connections"
        elif self.trusts(host):
            return True
        else:
            network = network_of(host)
            most = self.settings.max_connections_address
            if most and self._by_network[network] >= most:
                limit = "max_connections_address"
            elif self._opening is not None and not self._opening.take(network, self.now()):
                limit = "address_connections"
            else:
                return True
        self.limit_reached(limit, host)
        return False

    def trusts(self, host: str) -> bool:
        """Whether `host` is one of those without limits of addresses."""
        return self._exempt(host)

    def tells(self) -> bool:
        """Whether one more line about a peer fits the log; to be asked once for each."""
        return self._lines.take("peers", self.now())

    def new_serial(self) -> str:
        """A mark that no other connection has, of this process or another."""
        self._serial += 1
        return f"{self._token}.{self._serial}"

    def add(self, connection: Connection) -> None:
        """A wire is there; its handshakes may still be under way."""
        self._all[connection] = None
        if connection.inbound:
            self._by_network[network_of(connection.remote[0])] += 1
        if not self._sweeper.running:
            self._sweeper.start(SWEEP, now=False).addErrback(
                lambda failure: log.critical("transport.sweep-failed", exc_info=failure.value)
            )

    def opened(self, connection: Connection) -> None:
        """`connection` can be sent on, and found."""
        log.debug("transport.connection-opened", extra={"flow": connection.key})
        self._by_key[connection.key] = connection
        self._by_peer[connection.transport, connection.remote] = connection

    def gone(self, connection: Connection) -> None:
        """`connection` is lost."""
        self._all.pop(connection, None)
        if connection.inbound:
            network = network_of(connection.remote[0])
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]
        self._by_key.pop(connection.key, None)
        peer = connection.transport, connection.remote
        if self._by_peer.get(peer) is connection:
            del self._by_peer[peer]
        if not self._all:
            if self._sweeper.running:
                self._sweeper.stop()
            empty, self._empty = self._empty, []
            for each in empty:
                each.callback(None)

    def by_key(self, key: str) -> Connection | None:
        """The connection of that key while it is open."""
        connection = self._by_key.get(key)
        return connection if connection is not None and connection.alive else None

    def to(self, destination: Destination) -> Connection | None:
        """The open connection to exactly this address, if it may carry messages for this destination.

        Over TLS a peer that came to us has proved nothing: a connection of his serves a destination by
        address, never one by name, whose certificate is to be checked (RFC 5923 §8).
        """
        connection = self._by_peer.get((destination.transport, (destination.host, destination.port)))
        if connection is None or not connection.alive:
            return None
        name = destination.server_name
        if name is None or not connection.secure or not self.settings.tls_verify:
            return connection
        if connection.inbound:
            return connection if numeric(name) else None
        return connection if connection.server_name == name else None

    def when_empty(self) -> Deferred[None]:
        """Fires when the last connection is gone."""
        empty: Deferred[None] = Deferred()
        if self._all:
            self._empty.append(empty)
        else:
            empty.callback(None)
        return empty

    def _sweep(self) -> None:
        now = self.now()
        for connection in list(self._all):
            try:
                connection.sweep(now)
            except Exception:
                # One broken wire must not end the limits of all others.
                log.exception("transport.sweep-failed", extra={"flow": connection.key})
