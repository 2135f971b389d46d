"""All transports of a server behind one door: listeners, connections of ours, and where things go.

What arrives is handed up as bytes with its flow; what is to be sent finds its flow here.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IReactorFDSet,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory

from sip.errors import SipError, TransportError
from sip.transport.connection import Connections, Outbound
from sip.transport.flow import Flow, Trace
from sip.transport.ingress import Ingress
from sip.transport.resolver import DnsClient, Resolver
from sip.transport.settings import TransportSettings
from sip.transport.spec import (
    TRANSPORTS,
    WILDCARDS,
    Address,
    Destination,
    ListenError,
    ListenSpec,
    family_of,
    host_port,
    numeric,
    split_host_port,
)
from sip.transport.stream import StreamFactory
from sip.transport.udp import CACHED_FLOWS, UdpListener, bind, source_address
from sip.uri import Uri

if TYPE_CHECKING:
    from sip.message import Request
    from sip.transport.tls import ServerTls

    class HubReactor(IReactorTime, IReactorTCP, IReactorFDSet, IReactorSocket):
        """What the transports need of a reactor: any of Twisted's on POSIX has it."""


log = logging.getLogger(__name__)

Receive = Callable[[bytes, Flow, float], None]
ReceiveError = Callable[["Request | None", SipError, Flow], None]

LOCAL_FOR: Final = 60.0
"""Seconds for which the answer to "is this address one of this machine's" is kept."""


class TransportHub:
    """Listeners and connections of one server.

    Args:
        reactor: Twisted's.
        receive: gets each message (bytes, without keep-alives) and its flow.
        settings: limits, certificates.
        receive_error: gets what a broken stream message leaves: the request as far as it could be read (or
            None), the error, the flow; it may answer, the connection is closed afterwards.
        trace: sees all messages in and out.
        clock: drives idle and other limits; None: the reactor, with monotonic time.
        dns: asked for NAPTR, SRV and addresses; None: the system's name servers.
        chance: a random integer from 0 to its argument, for SRV weights.
        hosts_file: names that need no DNS.
        exempt: whether a host is one of those without limits of addresses.
        limit_reached: hears of each limit that is reached (the name of its setting), and by which host.
    """

    def __init__(
        self,
        reactor: HubReactor,
        receive: Receive,
        settings: TransportSettings,
        receive_error: ReceiveError | None = None,
        *,
        trace: Trace | None = None,
        clock: IReactorTime | None = None,
        dns: DnsClient | None = None,
        chance: Callable[[int], int] | None = None,
        hosts_file: str = "/etc/hosts",
        exempt: Callable[[str], bool] = lambda host: False,
        limit_reached: Callable[[str, str], None] = lambda limit, host: None,
    ) -> None:
        self.settings = settings
        self._reactor = reactor
        self._clock: IReactorTime = reactor if clock is None else clock
        self._now: Callable[[], float] = time.monotonic if clock is None else clock.seconds
        self.ingress = Ingress(reactor, self._now, receive)
        self._deliver = self.ingress.deliver
        self._receive_error = receive_error
        self._trace = trace
        self._udp: list[UdpListener] = []
        self._listening: list[tuple[ListenSpec, Address]] = []
        self._stream_ports: list[IListeningPort] = []
        self._certificates: list[ServerTls] = []
        self._connecting: dict[Destination, Outbound] = {}
        self._host_names = {"localhost", socket.gethostname().lower()}
        self._own_addresses: dict[str, tuple[float, bool]] = {}
        self._closed = False
        self.connections = Connections(
            self._clock,
            self._now,
            settings,
            self._deliver,
            self._deliver_error,
            self._advertise,
            self._guard,
            trace,
            exempt,
            limit_reached,
        )
        self._resolver = Resolver(self._clock, settings, self._usable, dns, chance, hosts_file)

    # -- listening ----------------------------------------------------------------------------------------

    def listen(self, spec: ListenSpec) -> Deferred[str]:
        """Open a listener; fires with the line to print, fails with ListenError."""
        try:
            bound = self._listen_udp(spec) if spec.transport == "UDP" else self._listen_stream(spec)
        except ListenError as error:
            return fail(error)
        self._listening.append((spec, bound))
        log.info("transport.listening", extra={"transport": spec.transport, "address": host_port(*bound)})
        return succeed(f"listening {spec.transport.lower()} {host_port(*bound)}")

    def _listen_udp(self, spec: ListenSpec) -> Address:
        listener = UdpListener(self._reactor, spec, self._deliver, self.settings, self._trace)
        self._udp.append(listener)
        return listener.bound

    def _listen_stream(self, spec: ListenSpec) -> Address:
        factory = self._server_factory(spec)
        sock = bind(spec, socket.SOCK_STREAM)
        try:
            bound: Address = sock.getsockname()[:2]
            # The reactor takes a duplicate of the descriptor.
            port = self._reactor.adoptStreamPort(sock.fileno(), sock.family, _Gate(self.connections, factory))
        finally:
            sock.close()
        self._stream_ports.append(port)
        return bound

    def _server_factory(self, spec: ListenSpec) -> ServerFactory[Any]:
        name = spec.transport
        factory: Any
        if name in ("WS", "WSS"):
            from sip.transport.websocket import WebSocketListener

            factory = WebSocketListener(self._reactor, self.connections, name)
        else:
            factory = StreamFactory(self.connections, name)
        if TRANSPORTS[name].secure:
            from twisted.protocols.tls import TLSMemoryBIOFactory

            from sip.transport.tls import server_tls

            tls = server_tls(self.settings, f"{name.lower()} {host_port(spec.host, spec.port)}")
            self._certificates.append(tls)
            factory = TLSMemoryBIOFactory(tls, False, factory, self._reactor)
        return factory  # type: ignore[no-any-return] # of three libraries

    @property
    def ports(self) -> list[tuple[ListenSpec, int]]:
        """What was asked for and the port that it got, one entry a listener."""
        return [(spec, bound[1]) for spec, bound in self._listening]

    def reload_certificates(self) -> list[bool]:
        """Look now whether certificates have changed; for each listener whether its files are in use."""
        return [certificate.reload() for certificate in self._certificates]

    @property
    def datagrams_dropped(self) -> int:
        """Datagrams that found the send queue of their listener full, since the start."""
        return sum(listener.dropped for listener in self._udp)

    # -- what arrives -------------------------------------------------------------------------------------

    def _deliver_error(self, error: SipError, flow: Flow) -> None:
        if self._receive_error is None:
            return
        try:
            self._receive_error(getattr(error, "partial", None), error, flow)
        except Exception:
            log.exception("transport.receiver-failed", extra={"peer": host_port(*flow.remote)})

    def _guard(self, callback: Callable[[Flow], None], flow: Flow) -> None:
        try:
            callback(flow)
        except Exception:
            log.exception("transport.receiver-failed", extra={"peer": host_port(*flow.remote)})

    # -- where things go ----------------------------------------------------------------------------------

    def together(self, work: Callable[[], None]) -> None:
        """Do `work`, which sends many messages one after the other: to give them out together is cheaper."""
        listeners = [*self._udp]
        for listener in listeners:
            listener.outgoing.begin()
        try:
            work()
        finally:
            for listener in listeners:
                listener.outgoing.end()

    def resolve(self, uri: Uri, hint: str | None = None) -> Deferred[list[Destination]]:
        """Where to send a request for `uri`, in the order to try (RFC 3263 §4).

        `hint` is a transport for URIs that name none.  Fires at once for numeric hosts.  Fails with
        TransportError and a one line reason when there is nothing to try.
        """
        return self._resolver.resolve(uri, hint)

    def _usable(self, transport: str, family: str) -> bool:
        if transport != "UDP":
            return True
        wanted = socket.AF_INET6 if family == "6" else socket.AF_INET
        return any(listener.family == wanted for listener in self._udp)

    def connect(self, destination: Destination) -> Deferred[Flow]:
        """The flow to `destination`: a UDP listener's, an open connection, or a new one.

        Fails with TransportError and a one line reason.
        """
        if self._closed:
            return fail(TransportError("the transports are closed"))
        if destination.transport == "UDP":
            try:
                listener = self._udp_towards(destination.host)
                return succeed(listener.flow_to(destination.host, destination.port))
            except TransportError as error:
                return fail(error)
        connection = self.connections.to(destination)
        if connection is not None:
            return succeed(connection)
        outbound = self._connecting.get(destination)
        if outbound is not None:
            return outbound.wait()
        if self.connections.full:
            return fail(TransportError(f"all {self.settings.max_connections} connections are in use"))
        outbound = self._connecting[destination] = Outbound(destination, self._connected)
        waiting = outbound.wait()
        self._dial(outbound)
        return waiting

    def _connected(self, outbound: Outbound) -> None:
        if self._connecting.get(outbound.destination) is outbound:
            del self._connecting[outbound.destination]

    def _dial(self, outbound: Outbound) -> None:
        target = outbound.destination
        factory: Any
        if target.transport in ("WS", "WSS"):
            from sip.transport.websocket import WebSocketConnector

            factory = WebSocketConnector(self._reactor, self.connections, outbound)
        else:
            factory = StreamFactory(self.connections, target.transport, outbound)
        if TRANSPORTS[target.transport].secure:
            from twisted.protocols.tls import TLSMemoryBIOFactory

            from sip.transport.tls import client_tls

            try:
                tls = client_tls(target.server_name or target.host, self.settings)
            except ValueError as error:
                outbound.failed(str(error))
                return
            factory = TLSMemoryBIOFactory(tls, True, factory, self._reactor)
        # Twisted counts whole seconds here and takes fractions all the same.
        limit: Any = self.settings.connect_timeout
        connector = self._reactor.connectTCP(target.host, target.port, factory, limit)
        if not outbound.over:
            outbound.connector = connector

    def _udp_towards(self, host: str) -> UdpListener:
        family = family_of(host)
        fitting = [listener for listener in self._udp if listener.family == family]
        if not fitting:
            version = "IPv6" if family == socket.AF_INET6 else "IPv4"
            raise TransportError(f"cannot send udp to {host}: no listener for {version}")
        if len(fitting) > 1:
            source = source_address(host)
            for good in ({source}, WILDCARDS):
                for listener in fitting:
                    if listener.bound[0] in good:
                        return listener
        return fitting[0]

    def _advertise(self, transport: str, local: Address, inbound: bool) -> Address:
        """Where the peer of a connection can open one to us (RFC 3261 §18.1.1)."""
        host, port = local if inbound else self._listener_for(transport, local)
        return self.settings.advertise or host, port

    def _listener_for(self, transport: str, local: Address) -> Address:
        of_transport = [bound for spec, bound in self._listening if spec.transport == transport]
        family = family_of(local[0])
        for host, port in of_transport:
            if host == local[0] or (host in WILDCARDS and family_of(host) == family):
                return local[0], port
        for host, port in of_transport:
            if host not in WILDCARDS:
                return host, port
        return local

    def flow(self, key: str) -> Flow | None:
        """The flow of a `Flow.key`: a UDP one while its listener exists, a connection while it is open."""
        transport, _, rest = key.partition("|")
        if transport != "udp":
            return self.connections.by_key(key)
        peer, _, own = rest.partition("|")
        try:
            remote, bound = split_host_port(peer), split_host_port(own)
            for listener in self._udp:
                if listener.bound == bound:
                    return listener.flow_to(*remote)
        except (ValueError, TransportError) as error:
            log.debug("transport.flow-key", extra={"key": key, "error": str(error)})
        return None

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        """Whether host and port are one of our listeners.

        No port means the default one of the transport, as in a URI; no transport means any.  A wildcard
        listener is reached by every address of this machine, by `localhost` and by the machine's name.
        """
        wanted = transport.upper() if transport is not None else None
        name = numeric(host) or host.rstrip(".").lower()
        advertised = self.settings.advertise
        ours = advertised is not None and name == (numeric(advertised) or advertised.lower())
        for spec, (bound_host, bound_port) in self._listening:
            kind = TRANSPORTS[spec.transport]
            # In a URI, ws stands for both WebSocket transports.
            if wanted not in (None, spec.transport) and (wanted or "").lower() != kind.uri_parameter:
                continue
            if (kind.default_port if port is None else port) != bound_port:
                continue
            if ours:
                return True
            if name in (bound_host, spec.host.lower()) and bound_host not in WILDCARDS:
                return True
            if bound_host in WILDCARDS and self._is_own(name, bound_host):
                return True
            if name == "localhost" and bound_host in ("127.0.0.1", "::1"):
                return True
        return False

    def _is_own(self, name: str, wildcard: str) -> bool:
        if numeric(name) is None:
            return name in self._host_names
        if family_of(name) != family_of(wildcard) or name in WILDCARDS:
            return False
        now = self._now()
        known = self._own_addresses.get(name)
        if known is not None and now - known[0] < LOCAL_FOR:
            return known[1]
        if len(self._own_addresses) >= CACHED_FLOWS:
            self._own_addresses.clear()
        # An address that can be bound is one of this machine's: no list of interfaces is as portable.
        with socket.socket(family_of(name), socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((name, 0))
                own = True
            except OSError:
                own = False
        self._own_addresses[name] = now, own
        return own

    # -- the end ------------------------------------------------------------------------------------------

    def close(self) -> Deferred[None]:
        """Accept and read no more, let unsent data out for `close_timeout` seconds, close everything."""
        self._closed = True
        for outbound in list(self._connecting.values()):
            outbound.cancel("the server stops")
        waits: list[Deferred[Any]] = []
        for port in self._stream_ports:
            stopped = port.stopListening()
            if stopped is not None:
                waits.append(stopped)
        self._stream_ports.clear()
        self._listening.clear()
        self.ingress.close()
        for connection in self.connections:
            connection.close()
        waits.append(self.connections.when_empty())
        waits += [self._drained(listener) for listener in self._udp]
        done = DeferredList(waits)
        late = None if done.called else self._clock.callLater(self.settings.close_timeout, self._abort)

        def over(_: object) -> None:
            if late is not None and late.active():
                late.cancel()
            self._abort()

        return done.addCallback(over)

    def _drained(self, listener: UdpListener) -> Deferred[None]:
        drained: Deferred[None] = Deferred()

        def empty() -> None:
            if not drained.called:
                drained.callback(None)

        listener.close(empty)
        return drained

    def _abort(self) -> None:
        for listener in self._udp:
            listener.abort()
        for connection in self.connections:
            connection.abort()


class _Gate(ServerFactory[Any]):
    """Refuses connections beyond the limit before anything is spent on them."""

    noisy = False

    def __init__(self, table: Connections, behind: ServerFactory[Any]) -> None:
        self._table = table
        self._behind = behind

    def doStart(self) -> None:
        """The listener opens."""
        self._behind.doStart()

    def doStop(self) -> None:
        """The listener closes."""
        self._behind.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """The protocol for a peer, None to hang up on it."""
        if not self._table.lets_in(getattr(addr, "host", "")):
            return None
        return self._behind.buildProtocol(addr)


__all__ = [
    "Destination",
    "ListenError",
    "ListenSpec",
    "TransportHub",
    "TransportSettings",
]
