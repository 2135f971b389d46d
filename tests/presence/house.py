"""The whole server as `presence.wiring.build` puts it together, around fakes of network and journal.

Bytes in, bytes out, a clock by hand.  The server of these tests is responsible for sip.test and listens at
127.0.0.1, as the one did that the captured clients talked to: port 5160 (udp, tcp, ws) and 5161 (tls).
At its domain live alice, bob, carol and dave, whose password is "secret".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from presence import wiring
from presence.directory import Credentials, Directory, User
from presence.policy.stored import PolicyDocument
from presence.settings import Settings
from sip.message import Request, Response, parse
from sip.transport.flow import Flow
from sip.transport.spec import Destination
from tests.sip.flows import FakeFlow, wire
from tests.sip.house import FakeNetwork
from tests.sip.usage.fakes import WALL, MemoryJournal

DOMAIN = "sip.test"
PASSWORD = "secret"
ALICE = f"sip:alice@{DOMAIN}"
TRUSTED = "192.0.2.7"
LISTENERS = frozenset((host, port) for host in ("127.0.0.1", "localhost") for port in (5160, 5161, 5163))
"""Clients are on the same machine, at other ports."""


class Network(FakeNetwork):
    """As `FakeNetwork`; knows our listeners and remembers which connections we opened ourselves."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, str, int]] = []
        self.ours: set[tuple[str, int | None]] = set(LISTENERS)

    def at(self, host: str, port: int = 5060, transport: str = "UDP") -> FakeFlow:
        flow = super().at(host, port, transport)
        flow._local = ("127.0.0.1", 5161 if transport in ("TLS", "WSS") else 5160)
        return flow

    def connect(self, destination: Destination) -> Deferred[Flow]:
        place = (destination.transport, destination.host, destination.port)
        if place not in self.flows and destination.transport != "UDP":
            self.opened.append(place)
        return super().connect(destination)

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return (host, port) in self.ours


class House:
    """A whole server: `settings` as of `presence.settings.Settings`, `users` at its first domain."""

    def __init__(self, users: Sequence[str] = ("alice", "bob", "carol", "dave"), **settings: Any) -> None:
        self._users = users
        self.network = Network()
        self.journal = MemoryJournal()
        self.settings = Settings(
            **{"domain": (DOMAIN,), "trust": (f"{TRUSTED}/32",), "data": Path("unused"), **settings}
        )
        numbers = itertools.count(1)
        self._tokens = lambda: f"token{next(numbers)}"
        self._calls = itertools.count(1)
        self.parts = self._build(0.0)
        self.peer = self.network.at(TRUSTED)
        """A trusted peer on UDP."""

    def _build(self, now: float) -> wiring.House:
        directory = Directory(self.settings.domain)
        domain = self.settings.domain[0]
        directory.load(
            User(aor, name.capitalize(), WALL, Credentials.of(aor, PASSWORD))
            for name in self._users
            for aor in [f"sip:{name}@{domain}"]
        )
        return wiring.build(
            self.settings,
            self.network,
            self.journal,
            directory,
            secret=b"s" * 32,
            now=now,
            wall=self.wall,
            token=self._tokens,
        )

    def wall(self) -> float:
        return WALL + self.parts.timers.now if hasattr(self, "parts") else WALL

    # -- what happens -------------------------------------------------------------------------------------

    def receive(self, data: str | bytes, flow: FakeFlow | None = None, body: bytes = b"") -> None:
        """A message comes in; what the journal has to do is done."""
        raw = wire(data, body) if isinstance(data, str) else data
        self.parts.core.receive(raw, flow or self.peer)
        self.settle()

    def settle(self) -> None:
        """The reactor's next turn: writes are durable, and what was put off happens."""
        self.journal.settle()
        self.parts.timers.advance(self.parts.timers.now)
        self.journal.settle()

    def after(self, seconds: float) -> None:
        """Time goes by."""
        self.parts.timers.advance(self.parts.timers.now + seconds)
        self.settle()

    def restart(self, policies: Iterable[PolicyDocument] = ()) -> None:
        """The process ends without a word and another one goes on with what the journal and the rules are."""
        self.settle()
        now = self.parts.timers.now
        self.parts = self._build(now)
        self.parts.restore(self.journal.load, now=now, wall=self.wall(), policies=policies)
        self.settle()

    def answers(self, data: str | bytes, flow: FakeFlow | None = None, body: bytes = b"") -> list[Response]:
        """Put a request in; all answers that it gets at once on the way it came."""
        flow = flow or self.peer
        before = len(flow.sent)
        self.receive(data, flow, body)
        return [message for message in flow.messages[before:] if isinstance(message, Response)]

    def ask(self, data: str | bytes, flow: FakeFlow | None = None, body: bytes = b"") -> Response:
        """Put a request in that gets its one and final answer at once."""
        (answer,) = self.answers(data, flow, body)
        return answer

    def respond(self, request: Request, status: int = 200, flow: FakeFlow | None = None) -> None:
        """The peer answers a request of ours."""
        self.receive(Response.answering(request, status, to_tag="theirs").render(), flow)

    # -- what a trusted peer does for his users -----------------------------------------------------------

    def publish(self, aor: str, body: bytes) -> str:
        """A publication of `aor`; its entity-tag."""
        call = next(self._calls)
        answer = self.ask(
            f"""
            PUBLISH {aor} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKpublish{call}
            Max-Forwards: 70
            From: <{aor}>;tag=1
            To: <{aor}>
            Call-ID: publish{call}@{TRUSTED}
            CSeq: 1 PUBLISH
            Event: presence
            Expires: 600
            Content-Type: application/pidf+xml
            """,
            body=body,
        )
        assert answer.status == 200, answer.start_line
        return answer.get("SIP-ETag") or ""

    def modify(self, etag: str, content_type: str, body: bytes, status: int = 200, expires: int = 600) -> str:
        """What alice publishes instead of `etag` ("" for the first time); the new entity-tag."""
        call = next(self._calls)
        condition = f"SIP-If-Match: {etag}" if etag else "X-Initial: yes"
        answer = self.ask(
            f"""
            PUBLISH {ALICE} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmodify{call}
            Max-Forwards: 70
            From: <{ALICE}>;tag=1
            To: <{ALICE}>
            Call-ID: modify{call}@{TRUSTED}
            CSeq: 1 PUBLISH
            Event: presence
            Expires: {expires}
            {f"Content-Type: {content_type}" if content_type else "X-Body: none"}
            {condition}
            """,
            body=body,
        )
        assert answer.status == status, answer.start_line
        return answer.get("SIP-ETag") or ""

    def register(self, aor: str, flow: FakeFlow, contact: str, expires: int = 600) -> Response:
        """A registration of `aor` over `flow`, which has to be trusted."""
        call = next(self._calls)
        host, port = flow.remote
        return self.ask(
            f"""
            REGISTER sip:{aor.partition("@")[2]} SIP/2.0
            Via: SIP/2.0/{flow.transport} {host}:{port};branch=z9hG4bKregister{call}
            Max-Forwards: 70
            From: <{aor}>;tag=1
            To: <{aor}>
            Call-ID: register{call}@{TRUSTED}
            CSeq: 1 REGISTER
            Contact: {contact}
            Expires: {expires}
            """,
            flow,
        )

    def message(self, aor: str, sender: str, body: bytes = b"hello", *headers: str) -> list[Response]:
        """A text of `sender` for `aor`; the answers that it gets at once."""
        call = next(self._calls)
        more = "\n".join(["Content-Type: text/plain", *headers])
        return self.answers(
            f"""
            MESSAGE {aor} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmessage{call}
            Max-Forwards: 70
            From: <{sender}>;tag=1
            To: <{aor}>
            Call-ID: message{call}@{TRUSTED}
            CSeq: 1 MESSAGE
            {more}
            """,
            body=body,
        )

    def document(self, aor: str, watcher: str = f"sip:carol@{DOMAIN}") -> bytes:
        """What is shown of `aor`: fetched, with Expires: 0 (RFC 6665 §4.4.3)."""
        call = next(self._calls)
        flow = self.network.at(TRUSTED, 5070)
        answer = self.ask(
            f"""
            SUBSCRIBE {aor} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:5070;branch=z9hG4bKfetch{call}
            Max-Forwards: 70
            From: <{watcher}>;tag=1
            To: <{aor}>
            Call-ID: fetch{call}@{TRUSTED}
            CSeq: 1 SUBSCRIBE
            Contact: <sip:carol@{TRUSTED}:5070>
            Event: presence
            Expires: 0
            """,
            flow,
        )
        assert answer.status == 200, answer.start_line
        notify = requests(flow, "NOTIFY")[-1]
        self.respond(notify, flow=flow)
        return notify.body


def requests(flow: FakeFlow, method: str) -> Sequence[Request]:
    """The requests of a method that we sent on a flow, retransmissions left out."""
    found: dict[tuple[str, int, str], Request] = {}
    for data in flow.sent:
        message = parse(data)
        if isinstance(message, Request) and message.method == method:
            found.setdefault((message.call_id, message.cseq.number, message.via.branch or ""), message)
    return list(found.values())
