"""SIP over UDP (RFC 3261 §18): one socket per listener, read by a descriptor of our own on the reactor.

`listenUDP` costs about a tenth more per message: here one wake-up takes several datagrams.  A socket that
is full never troubles a sender: datagrams wait in a bounded queue until the socket is writable again, and
beyond that are dropped and counted, which to SIP is a lost datagram like any other.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from sip.errors import TransportError
from sip.kept import make_room
from sip.transport.datagrams import datagrams
from sip.transport.flow import Flow, Trace
from sip.transport.outgoing import Outgoing
from sip.transport.spec import WILDCARDS, Address, ListenError, ListenSpec, family_of, host_port, numeric

if TYPE_CHECKING:
    from sip.transport.settings import TransportSettings

log = logging.getLogger(__name__)

AT_ONCE: Final = 64
"""Datagrams that are taken from the system at a time."""

READ_BATCH: Final = 1024
"""Datagrams taken in one wake-up.  Handling them takes a slice of time at most (`sip.transport.ingress`),
and the rest waits there instead of in the socket, which loses what it has no room for."""

CACHED_FLOWS: Final = 65_536
"""Peers whose flow object (and our address towards them) is kept ready."""

LONGEST_KEEP_ALIVE: Final = 4
"""CR LF CR LF, a lone CR LF, nothing at all, a few zero bytes, `jaK`: datagrams of clients that only keep a
translator's mapping open.  They are never answered, and no SIP message is so short."""


class UdpFlow(Flow):
    """The path between one UDP listener and one peer."""

    __slots__ = ("_advertised", "_hash", "_key", "_listener", "_outgoing", "_place", "_sent_by", "remote")

    transport = "UDP"
    # Plain attributes, for they are asked for several times with every message.
    reliable = False
    """Datagrams may be lost."""
    secure = False
    """Everybody can read them."""

    def __init__(self, listener: UdpListener, remote: Address, place: Hashable) -> None:
        self._listener = listener
        self._outgoing = listener.outgoing
        self.remote = remote
        self._place = place
        self._hash = hash((id(listener), remote))
        # Asked for with every message.
        self._key: str | None = None
        self._advertised: Address | None = None
        self._sent_by: str | None = None

    @property
    def local(self) -> Address:
        """The listener's address; for a wildcard one, the address that the system sends from to this peer."""
        return self._listener.local_for(self.remote)

    @property
    def advertised(self) -> Address:
        """Where the peer reaches us: the setting's host if there is one."""
        if self._advertised is None:
            host = self._listener.advertise
            self._advertised = self.local if host is None else (host, self._listener.bound[1])
        return self._advertised

    @property
    def sent_by(self) -> str:
        """`host:port` for a Via of ours (RFC 3261 §18.1.1), IPv6 in brackets."""
        if self._sent_by is None:
            self._sent_by = super().sent_by
        return self._sent_by

    @property
    def alive(self) -> bool:
        """True while the listener is open."""
        return self._outgoing.open

    @property
    def key(self) -> str:
        """`udp|peer|listener`: valid over restarts while that listener is configured."""
        if self._key is None:
            self._key = f"udp|{host_port(*self.remote)}|{host_port(*self._listener.bound)}"
        return self._key

    def send(self, data: bytes) -> None:
        """Send `data` as one datagram.

        Raises:
            DatagramTooLarge: no datagram holds it.
            TransportError: the listener is closed.
        """
        self._outgoing.send(data, self._place, self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, UdpFlow) and self._listener is other._listener and self.remote == other.remote
        )

    def __hash__(self) -> int:
        return self._hash


@implementer(IReadDescriptor, IWriteDescriptor)
class UdpListener:
    """One bound UDP socket.

    Args:
        reactor: watches the socket.
        spec: where to listen; the port may be 0.
        receive: gets every datagram that is no keep-alive.
        settings: buffer sizes.
        trace: gets whole messages with their direction, or None.

    Raises:
        ListenError: the address cannot be had.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        spec: ListenSpec,
        receive: Callable[[bytes, Flow], None],
        settings: TransportSettings,
        trace: Trace | None = None,
    ) -> None:
        self._reactor = reactor
        self._receive = receive
        self._trace = trace
        self.advertise = settings.advertise
        self._socket = bind_datagram(spec, settings.receive_buffer)
        self.bound: Address = self._socket.getsockname()[:2]
        self.family = self._socket.family
        self._wildcard = self.bound[0] in WILDCARDS
        self._locals: dict[str, Address] = {}
        self._datagrams = datagrams(self._socket)
        self.outgoing = Outgoing(
            self._datagrams, self.family, self.bound, settings.datagram_queue, self._wait_for_room, trace
        )
        self._flows: dict[Hashable, UdpFlow] = {}
        self._drained: Callable[[], None] | None = None
        reactor.addReader(self)

    # -- flows --------------------------------------------------------------------------------------------

    def flow_to(self, host: str, port: int) -> UdpFlow:
        """The flow to a peer by its numeric address.

        Raises:
            TransportError: the address is not numeric, or not of this listener's family.
        """
        if numeric(host) is None or family_of(host) != self.family:
            raise TransportError(f"cannot reach {host_port(host, port)} from udp {host_port(*self.bound)}")
        if self.family == socket.AF_INET:
            return self._flow(self._datagrams.place((host, port)))
        found = socket.getaddrinfo(host, port, self.family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
        return self._flow(self._datagrams.place(found[0][4]))

    def _flow(self, place: Hashable) -> UdpFlow:
        flow = self._flows.get(place)
        if flow is None:
            make_room(self._flows, CACHED_FLOWS)
            host, port = self._datagrams.address(place)[:2]
            flow = self._flows[place] = UdpFlow(self, (host, port), place)
        return flow

    def local_for(self, remote: Address) -> Address:
        """Our concrete address towards `remote`."""
        if not self._wildcard:
            return self.bound
        found = self._locals.get(remote[0])
        if found is None:
            make_room(self._locals, CACHED_FLOWS)
            found = self._locals[remote[0]] = (source_address(remote[0]), self.bound[1])
        return found

    @property
    def open(self) -> bool:
        """False once the socket is closed."""
        return self.outgoing.open

    @property
    def dropped(self) -> int:
        """Datagrams for which the socket had no room."""
        return self.outgoing.dropped

    def _wait_for_room(self) -> None:
        self._reactor.addWriter(self)

    # -- the reactor's side -------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The socket, -1 once closed."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """How Twisted names us in its log."""
        return "udp"

    def doRead(self) -> None:
        """Take what has arrived, some datagrams at a time."""
        take, receive, flows, trace = self._datagrams.receive, self._receive, self._flows, self._trace
        outgoing = self.outgoing
        for _ in range(0, READ_BATCH, AT_ONCE):
            try:
                found = take(AT_ONCE)
            except OSError as error:
                log.debug("transport.icmp", extra={"listener": self.bound, "error": error.strerror})
                continue
            several = len(found) > 1
            if several:
                outgoing.begin()
            try:
                for data, place in found:
                    if len(data) <= LONGEST_KEEP_ALIVE:
                        continue
                    flow = flows.get(place) or self._flow(place)
                    if trace is not None:
                        trace("in", data, flow)
                    receive(data, flow)
                    if not outgoing.open:
                        return
            finally:
                if several:
                    outgoing.end()
            if len(found) < AT_ONCE:
                return

    def doWrite(self) -> None:
        """Send what waited, as far as the socket takes it."""
        if not self.outgoing.drain():
            return
        self._reactor.removeWriter(self)
        if self._drained is not None:
            self._drained()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, or gives the descriptor up."""
        self.abort()

    # -- the end ------------------------------------------------------------------------------------------

    def close(self, drained: Callable[[], None]) -> None:
        """Read no more; call `drained` when nothing waits to be sent (the caller then aborts)."""
        self._reactor.removeReader(self)
        self._drained = drained
        self.outgoing.flush()
        if not self.outgoing.waiting:
            drained()

    def abort(self) -> None:
        """Close the socket now."""
        if self.outgoing.open:
            self.outgoing.close()
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._socket.close()
            self._flows.clear()


def bind_datagram(spec: ListenSpec, receive_buffer: int) -> socket.socket:
    """A bound, non-blocking UDP socket for `spec`; raises ListenError."""
    sock = bind(spec, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    except OSError as error:
        log.debug("transport.receive-buffer", extra={"asked": receive_buffer, "error": error.strerror})
    return sock


def bind(spec: ListenSpec, kind: socket.SocketKind) -> socket.socket:
    """A bound, non-blocking socket of `kind` for `spec`.

    IPv6 sockets take IPv6 only, so that 0.0.0.0 and [::] can share a port.

    Raises:
        ListenError: the host has no address, or the address cannot be had.
    """
    where = f"{spec.transport.lower()} {host_port(spec.host, spec.port)}"
    try:
        found = socket.getaddrinfo(spec.host, spec.port, 0, kind, 0, socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen on {where}: unknown host ({error.strerror})") from error
    family, _, _, _, address = found[0]
    try:
        sock = socket.socket(family, kind)
    except OSError as error:
        raise ListenError(f"cannot listen on {where}: {_told(error)}") from error
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # A restart need not wait until the last connections of the old process are forgotten.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(cast(Any, address))
        if kind == socket.SOCK_STREAM:
            sock.listen(1024)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {where}: {_told(error)}") from error
    return sock


def source_address(host: str) -> str:
    """Our own address on the way to `host` (numeric), asked of the system without sending anything."""
    family = family_of(host)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError as error:
            log.debug("transport.no-route", extra={"peer": host, "error": error.strerror})
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return cast(str, probe.getsockname()[0])


def _told(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
