"""The SIP stack put together around fakes of network and journal: bytes in, bytes out, a clock by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed

from sip.auth.authenticator import Authenticator, DigestSettings
from sip.core import CoreSettings, SipCore
from sip.errors import Forbidden, TransportError
from sip.identity import TrustedPeers
from sip.limits import Gate, GateSettings
from sip.message import Request, Response, parse
from sip.sender import RequestSender, SenderSettings
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import TransactionLayer
from sip.transport.flow import Flow
from sip.transport.spec import TRANSPORTS, Destination
from sip.uri import Uri
from sip.usage.location import Location
from sip.usage.notifier import (
    Authorization,
    Body,
    DocumentView,
    NotifierSettings,
    NotifierUsage,
    SubscriptionView,
    View,
)
from sip.usage.onward import OnwardToUsers, flow_for
from sip.usage.proxy import Proxy, ProxySettings
from sip.usage.registrar import Registrar, RegistrarSettings
from tests.sip.flows import FakeFlow, wire
from tests.sip.usage.fakes import WALL, Directory, MemoryJournal

TRUSTED = "192.0.2.7"


class FakeNetwork:
    """Every address can be reached, but for those in `unreachable`; each place has one flow."""

    def __init__(self) -> None:
        self.flows: dict[tuple[str, str, int], FakeFlow] = {}
        self.unreachable: set[str] = set()
        self.names: dict[str, list[Destination]] = {}
        self.elsewhere: list[tuple[str, str, int, bytes]] = []

    def at(self, host: str, port: int = 5060, transport: str = "UDP") -> FakeFlow:
        return self.flows.setdefault((transport, host, port), FakeFlow(transport, host, port))

    def resolve(self, uri: Uri) -> Deferred[list[Destination]]:
        if uri.host in self.names:
            return succeed(self.names[uri.host])
        if uri.host.endswith(".invalid"):
            return fail(TransportError(f"no address for {uri.host}"))
        transport = (uri.params.get("transport") or "udp").upper()
        if transport not in TRANSPORTS:
            return fail(TransportError(f"unknown transport {transport}"))
        return succeed([Destination(transport, uri.host, uri.port or 5060)])

    def connect(self, destination: Destination) -> Deferred[Flow]:
        if destination.host in self.unreachable:
            return fail(TransportError(f"cannot connect to {destination.host}"))
        return succeed(self.at(destination.host, destination.port, destination.transport))

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return host == "192.0.2.1"

    def udp_flow(self, through: Flow, host: str, port: int) -> Flow:
        return self.at(host, port)

    def answer_elsewhere(self, transport: str, host: str, port: int, data: bytes) -> None:
        self.elsewhere.append((transport, host, port, data))

    def flow(self, key: str) -> Flow | None:
        transport, _, rest = key.partition("|")
        host, _, port = rest.partition("|")[0].rpartition(":")
        return self.at(host, int(port)) if transport == "udp" else None


class Weather:
    """An event package: everybody's state is one line of text."""

    name = "presence"
    content_types = ("application/pidf+xml", "text/plain")

    def __init__(self) -> None:
        self.state = "sunny"
        self.policy: dict[str, str] = {}

    def authorize(self, watcher: str, aor: str) -> Authorization:
        verdict = self.policy.get(watcher, "active")
        if verdict == "blocked":
            raise Forbidden("Not for you")
        return "pending" if verdict == "pending" else "active"

    def open(self, subscription: SubscriptionView) -> View:
        return DocumentView(self, subscription)

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body | None:
        return Body(subscription.content_type, self.state.encode())

    def neutral(self, subscription: SubscriptionView) -> Body | None:
        return None


class House:
    """A server without transports and without a disk."""

    def __init__(
        self,
        *,
        notifier: NotifierSettings | None = None,
        sender: SenderSettings | None = None,
        gate: GateSettings | None = None,
    ) -> None:
        self.network = FakeNetwork()
        self.journal = MemoryJournal()
        self.directory = Directory()
        self.timers = TimerWheel()
        self.stats = Stats()
        self.package = Weather()
        self.location = Location()
        numbers = itertools.count(1)
        self.token = lambda: f"token{next(numbers)}"
        self.core = SipCore(
            CoreSettings(domains=("example.com",)),
            directory=self.directory,
            trusted=TrustedPeers([TRUSTED]),
            doorkeeper=Authenticator(self.directory, b"s" * 32, DigestSettings()),
            timers=self.timers,
            stats=self.stats,
            token=self.token,
            dialog_key=b"key",
            gate=None if gate is None else Gate(gate, self.stats),
        )
        self.layer = TransactionLayer(self.core, self.timers, self.stats)
        self.sender = RequestSender(self.layer, self.network, self.timers, self.token, sender)
        self.registrar = Registrar(
            self.location, self.directory, self.journal, self.timers, RegistrarSettings(), self.wall
        )
        self.notifier = NotifierUsage(
            [self.package],
            self.directory,
            self.journal,
            self.sender,
            self.timers,
            self.stats,
            self.token,
            self.wall,
            notifier,
            trusts=TrustedPeers([TRUSTED]).contains,
        )
        proxy = Proxy(
            self.sender,
            self.timers,
            ProxySettings(loop_key=b"key"),
            is_local=lambda uri: self.directory.is_local_domain(uri.host),
            flow_for=lambda uri: flow_for(self.location, uri),
        )
        self.core.layer = self.layer
        self.core.network = self.network
        self.core.onward = OnwardToUsers(self.location, proxy)
        self.core.services = {"REGISTER": self.registrar, "SUBSCRIBE": self.notifier}
        self.core.allow_events = self.notifier.allow_events
        self.peer = self.network.at(TRUSTED)
        """A trusted peer on UDP."""
        self.stranger = self.network.at("198.51.100.9")
        """Somebody who has to prove himself."""

    def wall(self) -> float:
        return WALL + self.timers.now

    def receive(self, text: str | bytes, flow: FakeFlow | None = None, body: bytes = b"") -> None:
        """A message comes in; what the journal has to do is done."""
        data = wire(text, body) if isinstance(text, str) else text
        self.core.receive(data, flow or self.peer)
        self.journal.settle()

    def ask(self, text: str, flow: FakeFlow | None = None, body: bytes = b"") -> Response:
        """Send a request and return the first answer to it."""
        flow = flow or self.peer
        before = len(flow.sent)
        self.receive(text, flow, body)
        for message in flow.messages[before:]:
            if isinstance(message, Response):
                return message
        raise AssertionError(f"no answer to {text}")

    def answer(self, request: Request, status: int = 200, flow: FakeFlow | None = None) -> None:
        """The peer answers a request of ours."""
        self.receive(Response.answering(request, status, to_tag="theirs").render(), flow)

    def after(self, seconds: float) -> None:
        """Time goes by."""
        self.timers.advance(self.timers.now + seconds)
        self.journal.settle()

    def notifies(self, flow: FakeFlow | None = None) -> Sequence[Request]:
        """The NOTIFYs sent to a peer, without retransmissions."""
        found: dict[tuple[str, int], Request] = {}
        for data in (flow or self.peer).sent:
            message = parse(data)
            if isinstance(message, Request) and message.method == "NOTIFY":
                found.setdefault((message.call_id, message.cseq.number), message)
        return list(found.values())
