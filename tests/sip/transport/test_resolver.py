"""Where a request goes: RFC 3263 §4 as a table of URIs, records and the destinations to try in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSQueryTimeoutError

from sip.errors import TransportError
from sip.transport import Destination, TransportSettings
from sip.transport.resolver import Resolver, Srv, by_weight
from sip.uri import Uri, parse_uri

Zone = dict[tuple[str, str], list[Any]]


def naptr(order: int, preference: int, service: str, target: str, flags: str = "s") -> dns.Record_NAPTR:
    return dns.Record_NAPTR(order, preference, flags.encode(), service.encode(), b"", target.encode())


def srv(priority: int, weight: int, port: int, target: str) -> dns.Record_SRV:
    return dns.Record_SRV(priority, weight, port, target.encode())


EXAMPLE: Zone = {
    # The records of RFC 3263 §4.1, with addresses.
    ("NAPTR", "example.com"): [
        naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
        naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
        naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"),
        naptr(10, 50, "E2U+email", "example.com"),
    ],
    ("SRV", "_sips._tcp.example.com"): [srv(0, 1, 5061, "server1.example.com")],
    ("SRV", "_sip._tcp.example.com"): [
        srv(1, 0, 5070, "server2.example.com"),
        srv(0, 1, 5060, "server1.example.com"),
    ],
    ("SRV", "_sip._udp.example.com"): [srv(0, 1, 5060, "server1.example.com")],
    ("A", "example.com"): ["192.0.2.80"],
    ("A", "server1.example.com"): ["192.0.2.1", "192.0.2.11"],
    ("AAAA", "server1.example.com"): ["2001:db8::1"],
    ("A", "server2.example.com"): ["192.0.2.2"],
    # No NAPTR.
    ("SRV", "_sip._tcp.srv.example"): [srv(0, 0, 5080, "server2.example.com")],
    ("SRV", "_sip._udp.srv.example"): [srv(0, 0, 5081, "server2.example.com")],
    ("SRV", "_sips._tcp.srv.example"): [srv(0, 0, 5082, "server2.example.com")],
    # Addresses only.
    ("A", "plain.example"): ["192.0.2.3", "192.0.2.4"],
    ("AAAA", "plain.example"): ["2001:db8::3"],
    # Two services of one order; WebSocket.
    ("NAPTR", "two.example"): [
        naptr(10, 20, "SIP+D2T", "_sip._tcp.example.com"),
        naptr(10, 10, "SIP+D2U", "_sip._udp.example.com"),
    ],
    ("NAPTR", "ws.example"): [naptr(10, 10, "SIPS+D2W", "_sips._ws.ws.example")],
    ("SRV", "_sips._ws.ws.example"): [srv(0, 0, 443, "server2.example.com")],
    # NAPTR without the SRV records that it names.
    ("NAPTR", "lost.example"): [naptr(10, 10, "SIP+D2T", "_sip._tcp.lost.example")],
    ("A", "lost.example"): ["192.0.2.5"],
    # "Not here" by RFC 2782.
    ("SRV", "_sip._udp.never.example"): [srv(0, 0, 0, ".")],
    ("A", "never.example"): ["192.0.2.6"],
}


class FakeDns:
    """Answers from a zone; counts what it was asked."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []

    def _answer(self, kind: str, name: str) -> Deferred[Any]:
        self.asked.append((kind, name))
        records = self.zone.get((kind, name))
        if records is None:
            return fail(DNSNameError(name))
        payloads = [
            dns.Record_A(each) if kind == "A" else dns.Record_AAAA(each) if kind == "AAAA" else each
            for each in records
        ]
        headers = [dns.RRHeader(name.encode(), payload.TYPE, payload=payload) for payload in payloads]
        # Real answers carry other records too.
        headers.insert(0, dns.RRHeader(name.encode(), dns.CNAME, payload=dns.Record_CNAME(b"alias.example")))
        return succeed((headers, [], []))

    def lookupNamingAuthorityPointer(self, name: str, timeout: object) -> Deferred[Any]:
        return self._answer("NAPTR", name)

    def lookupService(self, name: str, timeout: object) -> Deferred[Any]:
        return self._answer("SRV", name)

    def lookupAddress(self, name: str, timeout: object) -> Deferred[Any]:
        return self._answer("A", name)

    def lookupIPV6Address(self, name: str, timeout: object) -> Deferred[Any]:
        return self._answer("AAAA", name)


def resolver(
    zone: Zone = EXAMPLE, usable: Callable[[str, str], bool] | None = None, **more: Any
) -> tuple[Resolver, FakeDns]:
    fake = FakeDns(zone)
    can = usable if usable is not None else (lambda transport, family: (transport, family) != ("UDP", "6"))
    made = Resolver(
        more.pop("clock", Clock()),
        TransportSettings(),
        can,
        more.pop("client", fake),
        chance=lambda largest: 0,
        **more,
    )
    return made, fake


def sip(text: str) -> Uri:
    uri = parse_uri(text)
    assert isinstance(uri, Uri)
    return uri


def result(deferred: Deferred[list[Destination]]) -> list[str]:
    """The destinations as `transport host:port [server name]`."""
    found: list[Any] = []
    deferred.addBoth(found.append)
    assert found, "not resolved at once"
    if not isinstance(found[0], list):
        found[0].raiseException()
    return [
        f"{each.transport} {each.host} {each.port}" + (f" as {each.server_name}" if each.server_name else "")
        for each in found[0]
    ]


NUMERIC = [
    # §4.1, §4.2: numeric targets need no DNS; UDP for sip, TLS for sips, default ports of the transport
    ("sip:192.0.2.9", ["UDP 192.0.2.9 5060"]),
    ("sip:192.0.2.9:5070", ["UDP 192.0.2.9 5070"]),
    ("sip:192.0.2.9;transport=tcp", ["TCP 192.0.2.9 5060"]),
    ("sip:192.0.2.9;transport=TLS", ["TLS 192.0.2.9 5061 as 192.0.2.9"]),
    ("sips:192.0.2.9", ["TLS 192.0.2.9 5061 as 192.0.2.9"]),
    ("sips:192.0.2.9:5071;transport=tcp", ["TLS 192.0.2.9 5071 as 192.0.2.9"]),
    ("sip:192.0.2.9;transport=ws", ["WS 192.0.2.9 80"]),
    ("sips:192.0.2.9;transport=ws", ["WSS 192.0.2.9 443 as 192.0.2.9"]),
    ("sip:[2001:db8::9]:5070;transport=tcp", ["TCP 2001:db8::9 5070"]),
    ("sip:example.com;maddr=192.0.2.9", ["UDP 192.0.2.9 5060"]),
    ("sips:example.com;maddr=192.0.2.9", ["TLS 192.0.2.9 5061 as example.com"]),
    # we have no UDP listener for IPv6 here
    ("sip:[2001:db8::9]", ["TCP 2001:db8::9 5060"]),
]


@pytest.mark.parametrize(("uri", "expected"), NUMERIC)
def test_a_numeric_target_needs_no_dns(uri: str, expected: list[str]) -> None:
    made, fake = resolver()
    assert result(made.resolve(sip(uri))) == expected
    assert fake.asked == []


BY_NAME = [
    # §4.2: an explicit port means addresses only
    ("sip:plain.example:5070", ["UDP 192.0.2.3 5070", "UDP 192.0.2.4 5070"]),
    (
        "sip:plain.example:5070;transport=tcp",
        ["TCP 192.0.2.3 5070", "TCP 192.0.2.4 5070", "TCP 2001:db8::3 5070"],
    ),
    (
        "sips:plain.example:5070",
        [f"TLS {host} 5070 as plain.example" for host in ("192.0.2.3", "192.0.2.4", "2001:db8::3")],
    ),
    # §4.1: NAPTR picks the transport of the lowest order
    (
        "sip:example.com",
        [f"TLS {host} 5061 as example.com" for host in ("192.0.2.1", "192.0.2.11", "2001:db8::1")],
    ),
    (
        "sips:example.com",
        [f"TLS {host} 5061 as example.com" for host in ("192.0.2.1", "192.0.2.11", "2001:db8::1")],
    ),
    # services of the same order follow each other by preference
    (
        "sip:two.example",
        [
            "UDP 192.0.2.1 5060",
            "UDP 192.0.2.11 5060",
            "TCP 192.0.2.1 5060",
            "TCP 192.0.2.11 5060",
            "TCP 2001:db8::1 5060",
            "TCP 192.0.2.2 5070",
        ],
    ),
    # RFC 7118 §5.5
    ("sip:ws.example", ["WSS 192.0.2.2 443 as ws.example"]),
    # §4.2: a transport parameter goes to its SRV records without NAPTR; SRV by priority, then addresses
    (
        "sip:example.com;transport=tcp",
        ["TCP 192.0.2.1 5060", "TCP 192.0.2.11 5060", "TCP 2001:db8::1 5060", "TCP 192.0.2.2 5070"],
    ),
    ("sip:srv.example;transport=tls", ["TLS 192.0.2.2 5082 as srv.example"]),
    ("sips:srv.example;transport=tcp", ["TLS 192.0.2.2 5082 as srv.example"]),
    # no NAPTR: the SRV records of each transport
    (
        "sip:srv.example",
        ["UDP 192.0.2.2 5081", "TCP 192.0.2.2 5080", "TLS 192.0.2.2 5082 as srv.example"],
    ),
    ("sips:srv.example", ["TLS 192.0.2.2 5082 as srv.example"]),
    # no NAPTR, no SRV: addresses at the default port, UDP for sip and TLS for sips
    ("sip:plain.example", ["UDP 192.0.2.3 5060", "UDP 192.0.2.4 5060"]),
    (
        "sips:plain.example",
        [f"TLS {host} 5061 as plain.example" for host in ("192.0.2.3", "192.0.2.4", "2001:db8::3")],
    ),
    # NAPTR whose SRV records are not there: its transport at the domain's address
    ("sip:lost.example", ["TCP 192.0.2.5 5060"]),
    # maddr takes the place of the host
    ("sip:nowhere.example;maddr=plain.example", ["UDP 192.0.2.3 5060", "UDP 192.0.2.4 5060"]),
]


@pytest.mark.parametrize(("uri", "expected"), BY_NAME)
def test_a_name_is_resolved_in_the_order_of_rfc_3263(uri: str, expected: list[str]) -> None:
    made, _ = resolver()
    assert result(made.resolve(sip(uri))) == expected


@pytest.mark.parametrize(
    ("uri", "asked"),
    [
        ("sip:plain.example:5070", ["A", "AAAA"]),
        ("sip:example.com;transport=udp", ["SRV", "A", "AAAA"]),
        ("sip:lost.example", ["NAPTR", "SRV", "A", "AAAA"]),
        ("sip:plain.example", ["NAPTR", "SRV", "SRV", "SRV", "A", "AAAA"]),
    ],
)
def test_only_the_records_that_are_needed_are_asked_for(uri: str, asked: list[str]) -> None:
    made, fake = resolver()
    result(made.resolve(sip(uri)))
    assert [kind for kind, _ in fake.asked] == asked


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("sip:nowhere.example", "cannot resolve nowhere.example: no address that can be used"),
        ("sip:never.example;transport=udp", "cannot resolve never.example: no address that can be used"),
        ("sip:never.example", "cannot resolve never.example: no address that can be used"),
        (f"sip:{'x' * 64}.example", f"cannot resolve '{'x' * 64}.example': not a host name"),
        ("sips:example.com;transport=udp", "a sips URI cannot be reached over udp"),
        ("sip:example.com;transport=sctp", "cannot send over transport 'sctp'"),
        ("sip:[2001:db8::9];transport=udp", "cannot resolve 2001:db8::9: no address that can be used"),
    ],
)
def test_what_cannot_be_reached_says_why(uri: str, why: str) -> None:
    made, _ = resolver()
    with pytest.raises(TransportError) as caught:
        result(made.resolve(sip(uri)))
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("uri", "hint", "expected"),
    [
        ("sip:192.0.2.9", "TCP", ["TCP 192.0.2.9 5060"]),
        ("sip:192.0.2.9;transport=udp", "TCP", ["UDP 192.0.2.9 5060"]),
        ("sips:192.0.2.9", "UDP", ["TLS 192.0.2.9 5061 as 192.0.2.9"]),
    ],
)
def test_a_hint_counts_where_the_uri_names_no_transport(uri: str, hint: str, expected: list[str]) -> None:
    made, _ = resolver()
    assert result(made.resolve(sip(uri), hint)) == expected


def test_only_transports_that_we_have_are_chosen() -> None:
    made, _ = resolver(usable=lambda transport, family: transport == "UDP" and family == "4")
    assert result(made.resolve(sip("sip:example.com"))) == ["UDP 192.0.2.1 5060", "UDP 192.0.2.11 5060"]


@pytest.mark.parametrize("error", [DNSQueryTimeoutError(1), DNSNameError()])
def test_a_name_server_that_fails_on_srv_and_naptr_is_asked_for_addresses(error: Exception) -> None:
    class Broken(FakeDns):
        def _answer(self, kind: str, name: str) -> Deferred[Any]:
            return fail(error) if kind in ("NAPTR", "SRV") else super()._answer(kind, name)

    made, _ = resolver(client=Broken(EXAMPLE))
    assert result(made.resolve(sip("sip:example.com"))) == ["UDP 192.0.2.80 5060"]


def test_a_silent_dns_is_waited_for_no_longer_than_the_limit() -> None:
    class Silent(FakeDns):
        def _answer(self, kind: str, name: str) -> Deferred[Any]:
            return Deferred()

    clock = Clock()
    made, _ = resolver(client=Silent({}), clock=clock)
    waiting = made.resolve(sip("sip:example.com"))
    clock.advance(4.9)
    assert not waiting.called
    clock.advance(0.2)
    with pytest.raises(TransportError, match=r"cannot resolve example\.com: no answer from the DNS in 5 s"):
        result(waiting)
    assert not clock.getDelayedCalls()


def test_localhost_needs_no_dns() -> None:
    made, fake = resolver(hosts_file="/nonexistent")
    expected = ["TCP 127.0.0.1 5070", "TCP ::1 5070"]
    assert result(made.resolve(sip("sip:localhost:5070;transport=tcp"))) == expected
    assert result(made.resolve(sip("sip:LocalHost"))) == ["UDP 127.0.0.1 5060"]
    assert fake.asked == []


def test_the_hosts_file_stands_above_the_dns(tmp_path: Any) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n192.0.2.99 example.com pbx\n2001:db8::99 pbx\n")
    made, fake = resolver(hosts_file=str(tmp_path / "hosts"))
    assert result(made.resolve(sip("sip:example.com"))) == ["UDP 192.0.2.99 5060"]
    assert result(made.resolve(sip("sips:pbx"))) == [
        "TLS 192.0.2.99 5061 as pbx",
        "TLS 2001:db8::99 5061 as pbx",
    ]
    assert fake.asked == []


# -- RFC 2782 ---------------------------------------------------------------------------------------------


def test_priority_comes_before_weight() -> None:
    records = [Srv(20, 100, 1, "c"), Srv(10, 0, 1, "a"), Srv(10, 50, 1, "b")]
    assert [each.target for each in by_weight(records, lambda largest: 0)] == ["a", "b", "c"]
    assert [each.target for each in by_weight(records, lambda largest: largest)] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        # weights 1, 2, 7 stand as sums 1, 3, 10; the first sum not below the draw is taken
        ([1, 2, 7], ["one", "two", "seven"]),
        ([2, 8, 1], ["two", "seven", "one"]),
        ([3, 1, 7], ["two", "one", "seven"]),
        ([4, 3, 1], ["seven", "two", "one"]),
    ],
)
def test_weights_are_drawn_by_running_sums(draws: list[int], expected: list[str]) -> None:
    left = iter(draws)
    records = [Srv(1, 7, 5060, "seven"), Srv(1, 1, 5060, "one"), Srv(1, 2, 5060, "two")]
    assert [each.target for each in by_weight(records, lambda largest: next(left))] == expected


def test_the_draw_goes_up_to_the_sum_of_what_is_left() -> None:
    asked: list[int] = []
    records = [Srv(1, 7, 5060, "seven"), Srv(1, 1, 5060, "one"), Srv(2, 5, 5060, "later")]
    by_weight(records, lambda largest: asked.append(largest) or largest)  # type: ignore[func-returns-value]
    assert asked == [8, 1, 5]
