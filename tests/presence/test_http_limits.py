"""Limits of HTTP: slow clients, too many connections, too large bodies, and what is counted of it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from presence.http import LimitedConnections, RequestLimits, make_site
from presence.observe.metrics import Live, Metrics
from sip.stats import Stats

STRANGER = "198.51.100.9"


def address(host: str, port: int = 40000) -> IAddress:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


class Site:
    """A site and one connection to it, on a clock by hand."""

    def __init__(self, seconds: float = 15.0, body: int = 2000) -> None:
        self.clock = Clock()
        self.reached: list[tuple[str, str]] = []
        site = make_site(
            dict,
            dict,
            Metrics(Stats(), Live()),
            self.clock,  # type: ignore[arg-type]
            limits=RequestLimits(body, seconds),
            limit_reached=lambda limit, host: self.reached.append((limit, host)),
        )
        self.wire = StringTransport(peerAddress=address(STRANGER))
        self.channel: Any = site.buildProtocol(address(STRANGER))
        self.channel.makeConnection(self.wire)

    @property
    def cut_off(self) -> bool:
        return self.wire.disconnecting or self.wire.disconnected

    def write(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def trickle(self, data: bytes) -> None:
        """A byte a second, until it is cut off."""
        for number in range(len(data)):
            if self.cut_off:
                return
            self.write(data[number : number + 1])
            self.clock.advance(1.0)

    def end(self) -> None:
        self.channel.connectionLost(Failure(ConnectionError()))


GET = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"


class TestSlow:
    def test_a_first_line_of_a_byte_a_second_is_cut_off(self) -> None:
        site = Site()
        site.trickle(b"GET /" + b"x" * 100)
        assert site.cut_off
        assert site.clock.seconds() <= 16
        assert site.reached == [("http_request_timeout", STRANGER)]

    def test_header_fields_of_a_byte_a_second_are_cut_off(self) -> None:
        site = Site()
        site.write(GET)
        site.trickle(b"X-Slow: " + b"x" * 100)
        assert site.cut_off
        assert site.clock.seconds() <= 16
        assert site.reached == [("http_request_timeout", STRANGER)]

    def test_a_body_of_a_byte_a_second_is_cut_off(self) -> None:
        site = Site()
        site.write(GET + b"Content-Length: 100\r\n\r\n")
        site.trickle(b"x" * 100)
        assert site.cut_off
        assert site.reached == [("http_request_timeout", STRANGER)]

    def test_the_next_request_on_a_connection_has_as_little_time(self) -> None:
        site = Site()
        site.write(GET + b"\r\n")
        assert b"200 OK" in site.wire.value()
        site.clock.advance(30)
        assert not site.cut_off
        site.trickle(b"GET /" + b"x" * 100)
        assert site.cut_off
        assert site.clock.seconds() <= 46

    def test_who_sends_nothing_is_let_go(self) -> None:
        site = Site()
        site.clock.pump([1.0] * 61)
        assert site.cut_off

    def test_a_request_in_time_leaves_nothing_running(self) -> None:
        site = Site()
        site.write(b"GET /hea")
        site.clock.advance(10)
        site.write(b"lthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in site.wire.value()
        site.end()
        assert [call for call in site.clock.getDelayedCalls() if call.getTime() < 60] == []

    def test_who_hangs_up_in_the_middle_of_a_line_leaves_nothing_running(self) -> None:
        site = Site()
        site.write(b"GET /hea")
        site.end()
        site.clock.advance(100)
        assert site.reached == []


def test_a_body_that_is_too_large_is_counted() -> None:
    site = Site()
    site.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000)
    assert b"413" in site.wire.value().partition(b"\r\n")[0]
    assert site.reached == [("http_max_body", STRANGER)]


class Many:
    """Connections to a factory with limits."""

    def __init__(self, most: int = 100, of_one: int = 2, exempt: str = "") -> None:
        self.reached: list[tuple[str, str]] = []
        self.factory = LimitedConnections(
            Factory.forProtocol(Protocol),
            most,
            of_one,
            lambda host: host == exempt,
            lambda limit, host: self.reached.append((limit, host)),
        )

    def connect(self, host: str) -> Any:
        """The protocol, None if it was hung up on."""
        where = address(host)
        protocol: Any = self.factory.buildProtocol(where)
        if protocol is not None:
            protocol.makeConnection(StringTransport(peerAddress=where))
        return protocol


class TestConnections:
    def test_an_address_may_have_so_many(self) -> None:
        many = Many()
        assert all(many.connect(STRANGER) for _ in range(2))
        assert many.connect(STRANGER) is None
        assert many.connect("203.0.113.5") is not None
        assert many.reached == [("http_max_connections_address", STRANGER)]

    def test_those_that_ended_do_not_count(self) -> None:
        many = Many()
        for _ in range(10):
            many.connect(STRANGER).connectionLost(Failure(ConnectionError()))
        assert many.reached == []

    def test_a_network_of_ipv6_is_one_address(self) -> None:
        many = Many()
        assert [many.connect(f"2001:db8::{number}") is None for number in range(1, 4)] == [False, False, True]

    @pytest.mark.parametrize("how", [{"exempt": STRANGER}, {"of_one": 0}], ids=["exempt", "no limit"])
    def test_some_have_no_limit_but_that_of_all(self, how: dict[str, Any]) -> None:
        many = Many(most=10, **how)
        assert all(many.connect(STRANGER) for _ in range(10))
        assert many.connect(STRANGER) is None
        assert many.reached == [("http_max_connections", STRANGER)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a request"),
        pytest.param(b"GET /healthz HT", id="half a request"),
        pytest.param(b"\0\r\n\r\n", id="no request"),
    ],
)
def test_a_connection_that_is_gone_leaves_nothing_to_the_collector(data: bytes) -> None:
    """It looks at nothing that has lived for long (decision 0017)."""
    site = Site()
    site.write(data)
    gone = weakref.ref(site.channel)
    gc.collect()
    gc.disable()
    try:
        site.end()
        site.clock.advance(60)
        del site.channel
        assert gone() is None
    finally:
        gc.enable()
