"""What belongs to no single transport: lines to print, who is local, and failover order over real sockets."""

from __future__ import annotations

import socket
from typing import Any, ClassVar

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.names import client as client_names
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.server import DNSServerFactory

from sip.errors import TransportError
from sip.transport import Destination, ListenSpec
from sip.uri import Uri, parse_uri

from .conftest import Maker, options, until, within


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "ws", "wss"])
@ensureDeferred
async def test_a_listener_says_where_it_listens(party: Maker, tmp_path: Any, transport: str) -> None:
    server = party(generated_folder=tmp_path)
    spec = ListenSpec.parse(f"{transport}:127.0.0.1:0")
    line = await within(server.hub.listen(spec))
    [(asked, port)] = server.hub.ports
    assert asked == spec
    assert port > 0
    assert line == f"listening {transport} 127.0.0.1:{port}"


@ensureDeferred
async def test_ipv6_is_printed_in_brackets(party: Maker) -> None:
    server = party()
    line = await within(server.hub.listen(ListenSpec.parse("tcp:[::1]:0")))
    assert line == f"listening tcp [::1]:{server.hub.ports[0][1]}"


async def listening(party: Maker, *specs: str) -> tuple[Any, list[int]]:
    server = party()
    return server.hub, [await server.listen(spec) for spec in specs]


@ensureDeferred
async def test_a_concrete_listener_is_local_at_its_address_and_port_alone(party: Maker) -> None:
    hub, [port] = await listening(party, "tcp:127.0.0.1:0")
    assert hub.is_local("127.0.0.1", port, "TCP")
    assert hub.is_local("127.0.0.1", port, "tcp")
    assert hub.is_local("127.0.0.1", port, None)
    assert hub.is_local("localhost", port, "TCP")
    assert not hub.is_local("127.0.0.1", port, "UDP")
    assert not hub.is_local("127.0.0.1", port + 1, "TCP")
    assert not hub.is_local("127.0.0.2", port, "TCP")
    assert not hub.is_local("127.0.0.1", None, "TCP")
    assert not hub.is_local("example.com", port, "TCP")


@ensureDeferred
async def test_a_wildcard_listener_is_local_at_every_address_of_the_machine(party: Maker) -> None:
    hub, [port] = await listening(party, "udp:0.0.0.0:0")
    name = socket.gethostname()
    for host in ("127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", name, name.upper()):
        assert hub.is_local(host, port, None), host
    for host in ("203.0.113.7", "::1", "example.com", "0.0.0.0"):
        assert not hub.is_local(host, port, None), host


@ensureDeferred
async def test_ipv6_addresses_are_compared_whatever_their_spelling(party: Maker) -> None:
    hub, [port] = await listening(party, "udp:[::]:0")
    assert hub.is_local("::1", port, "UDP")
    assert hub.is_local("[0:0::1]", port, "UDP")
    assert not hub.is_local("2001:db8::7", port, "UDP")


@ensureDeferred
async def test_no_port_means_the_default_port(party: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, _ = await listening(party, "tcp:127.0.0.1:0")
    monkeypatch.setattr(hub, "_listening", [(ListenSpec("TLS", "127.0.0.1", 5061), ("127.0.0.1", 5061))])
    assert hub.is_local("127.0.0.1", None, "TLS")
    assert hub.is_local("127.0.0.1", None, None)
    assert not hub.is_local("127.0.0.1", None, "TCP")


@ensureDeferred
async def test_ws_in_a_uri_stands_for_secure_websockets_too(party: Maker, tmp_path: Any) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen("wss:127.0.0.1:0")
    assert server.hub.is_local("127.0.0.1", port, "ws")
    assert server.hub.is_local("127.0.0.1", port, "WSS")


@ensureDeferred
async def test_a_uri_is_resolved_and_its_places_tried_in_order(party: Maker) -> None:
    server, client = party(), party()
    port = await server.listen("tcp:[::1]:0")
    uri = parse_uri(f"sip:bob@localhost:{port};transport=tcp")
    assert isinstance(uri, Uri)
    client.hub._resolver._hosts = client.hub._resolver._hosts.sibling("no hosts file")
    places = await client.hub.resolve(uri)
    assert places == [Destination("TCP", "127.0.0.1", port), Destination("TCP", "::1", port)]
    with pytest.raises(TransportError, match="connection refused"):
        await within(client.hub.connect(places[0]))
    (await within(client.hub.connect(places[1]))).send(options())
    assert (await server.next())[0] == options()


@ensureDeferred
async def test_udp_is_resolved_only_while_there_is_a_udp_listener(party: Maker) -> None:
    hub, _ = await listening(party, "tcp:127.0.0.1:0")
    uri = parse_uri("sip:192.0.2.1")
    assert isinstance(uri, Uri)
    assert await hub.resolve(uri) == [Destination("TCP", "192.0.2.1", 5060)]
    await within(hub.listen(ListenSpec.parse("udp:127.0.0.1:0")))
    assert await hub.resolve(uri) == [Destination("UDP", "192.0.2.1", 5060)]


@ensureDeferred
async def test_among_udp_listeners_the_one_on_the_way_to_the_peer_sends(party: Maker) -> None:
    hub, ports = await listening(party, "udp:127.0.0.2:0", "udp:127.0.0.1:0")
    flow = await hub.connect(Destination("UDP", "127.0.0.1", 5060))
    assert flow.local == ("127.0.0.1", ports[1])


@ensureDeferred
async def test_close_ends_connections_that_are_still_being_made(party: Maker) -> None:
    client = party()
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        waiting = client.hub.connect(Destination("TLS", "127.0.0.1", mute.getsockname()[1], "example.com"))
        refused: list[Any] = []
        waiting.addErrback(lambda failure: refused.append(str(failure.value)))
        await until(lambda: len(client.hub.connections) == 1)
        await within(client.hub.close())
    assert len(refused) == 1
    assert refused[0].endswith(": the server stops")
    assert len(client.hub.connections) == 0


@ensureDeferred
async def test_a_handshake_of_ours_that_never_ends_has_a_limit(party: Maker) -> None:
    clock = Clock()
    client = party(hub_options={"clock": clock}, handshake_timeout=10.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        waiting = client.hub.connect(Destination("TLS", "127.0.0.1", mute.getsockname()[1], "example.com"))
        await until(lambda: len(client.hub.connections) == 1)
        clock.pump([1.0] * 11)
        with pytest.raises(
            TransportError, match=r"cannot connect to tls 127\.0\.0\.1:\d+: no end of the handshake in time"
        ):
            await within(waiting)


class Zone(ResolverBase):
    """What a small name server knows."""

    records: ClassVar[dict[bytes, list[Any]]] = {
        b"example.com": [dns.Record_NAPTR(10, 10, b"s", b"SIP+D2T", b"", b"_sip._tcp.example.com")],
        b"_sip._tcp.example.com": [dns.Record_SRV(0, 0, 5080, b"pbx.example.com")],
        b"pbx.example.com": [dns.Record_A("192.0.2.7"), dns.Record_AAAA("2001:db8::7")],
    }

    def _lookup(self, name: bytes, cls: int, kind: int, timeout: object) -> Any:
        found = [record for record in self.records.get(name.lower(), []) if kind == record.TYPE]
        return succeed(([dns.RRHeader(name, kind, payload=record, ttl=60) for record in found], [], []))


@ensureDeferred
async def test_real_dns_messages_are_understood(party: Maker) -> None:
    port = reactor.listenUDP(0, dns.DNSDatagramProtocol(DNSServerFactory(authorities=[Zone()])), "127.0.0.1")
    asking = client_names.Resolver(servers=[("127.0.0.1", port.getHost().port)])
    asker = party(hub_options={"dns": asking, "hosts_file": "/nonexistent"})
    uri = parse_uri("sip:alice@example.com")
    assert isinstance(uri, Uri)
    try:
        places = await within(asker.hub.resolve(uri))
    finally:
        await within(port.stopListening())
    assert places == [Destination("TCP", "192.0.2.7", 5080), Destination("TCP", "2001:db8::7", 5080)]
