"""Hubs on loopback, what they received, and raw peers to torment them with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from sip.errors import SipError
from sip.message import Request
from sip.transport import Flow, ListenSpec, TransportHub, TransportSettings

LIMIT = 5.0


def within(deferred: Deferred[Any], seconds: float = LIMIT) -> Deferred[Any]:
    """`deferred`, failing when it takes too long."""
    return deferred.addTimeout(seconds, reactor)


async def until(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    """Give the reactor turns until `condition` holds."""
    end = reactor.seconds() + seconds
    while not condition():
        assert reactor.seconds() < end, f"not within {seconds} s"
        await deferLater(reactor, 0.002)


def options(user: str = "bob", body: bytes = b"") -> bytes:
    """A request as bytes."""
    return (
        f"OPTIONS sip:{user}@example.com SIP/2.0\r\n"
        "Via: SIP/2.0/TCP 127.0.0.1:5099;branch=z9hG4bK77\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:alice@example.com>;tag=1\r\n"
        f"To: <sip:{user}@example.com>\r\n"
        "Call-ID: c1@example.com\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@dataclass
class Party:
    """A hub and what reached it."""

    hub: TransportHub
    messages: DeferredQueue = field(default_factory=DeferredQueue)
    errors: list[tuple[Request | None, SipError, Flow]] = field(default_factory=list)
    traced: list[tuple[str, bytes]] = field(default_factory=list)

    def next(self) -> Deferred[tuple[bytes, Flow]]:
        """The next message received, with its flow."""
        return within(self.messages.get())

    async def listen(self, spec: str) -> int:
        """Open a listener; the port it got."""
        line = await within(self.hub.listen(ListenSpec.parse(spec)))
        return int(line.rpartition(":")[2])


class Raw(Protocol):
    """A peer that does what the test says, byte by byte."""

    def __init__(self) -> None:
        self.got = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True

    def write(self, data: bytes) -> None:
        self.transport.write(data)


Maker = Callable[..., Party]


@pytest_twisted.async_yield_fixture
async def party() -> AsyncIterator[Maker]:
    """Makes hubs, and closes them in the end."""
    made: list[Party] = []

    def make(*, hub_options: dict[str, Any] | None = None, **settings: Any) -> Party:
        settings.setdefault("close_timeout", 0.3)
        mine: Party

        def receive(data: bytes, flow: Flow, now: float) -> None:
            mine.messages.put((data, flow))

        def receive_error(partial: Request | None, error: SipError, flow: Flow) -> None:
            mine.errors.append((partial, error, flow))

        mine = Party(
            TransportHub(
                reactor, receive, TransportSettings(**settings), receive_error, **(hub_options or {})
            )
        )
        made.append(mine)
        return mine

    yield make
    for each in made:
        each.hub._clock = reactor
        await within(each.hub.close())


@pytest_twisted.async_yield_fixture
async def raw() -> AsyncIterator[Callable[..., Any]]:
    """Connects raw peers to a port of 127.0.0.1, and hangs up in the end."""
    made: list[Raw] = []

    async def connect(port: int, tls: Any = None, host: str = "127.0.0.1") -> Raw:
        endpoint: Any = HostnameEndpoint(reactor, host, port)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        peer = await within(connectProtocol(endpoint, Raw()))
        made.append(peer)
        return peer

    yield connect
    for peer in made:
        if not peer.lost:
            peer.transport.abortConnection()
    for peer in made:
        await until(lambda peer=peer: peer.lost)


@pytest.fixture(autouse=True)
def clean_reactor() -> AsyncIterator[None]:
    """Nothing of a test outlives it: no timer is left behind."""
    before = set(map(id, reactor.getDelayedCalls()))
    yield
    left = [call for call in reactor.getDelayedCalls() if id(call) not in before and call.active()]
    assert not left, f"left behind: {left}"
