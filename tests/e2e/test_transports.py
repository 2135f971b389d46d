"""The same conversation over every transport, from sockets that share no code with the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    users = [f"{name}-{transport}@example.com" for name in ("alice", "bob") for transport in TRANSPORTS]
    return start_server(*users, listen=TRANSPORTS)


@pytest.fixture(params=TRANSPORTS)
def pair(server: Server, request: pytest.FixtureRequest) -> Iterator[tuple[SipClient, SipClient]]:
    """Alice and Bob, registered over one transport."""
    transport = request.param
    address = server.address(transport)
    with (
        SipClient(address, f"alice-{transport}@example.com", "secret", transport=transport) as alice,
        SipClient(address, f"bob-{transport}@example.com", "secret", transport=transport) as bob,
    ):
        alice.register()
        bob.register()
        yield alice, bob


def test_a_publication_reaches_the_watcher(pair: tuple[SipClient, SipClient]) -> None:
    alice, bob = pair
    subscription = alice.subscribe(bob.uri)
    assert "<basic>closed</basic>" in subscription.notify(what="with the state before any publication").text
    published = bob.publish(pidf(bob.uri, "open", activity="busy", note="in a meeting"))
    shown = subscription.notify(where=lambda notify: "in a meeting" in notify.text, what="with the note")
    assert "<basic>open</basic>" in shown.text
    assert "busy" in shown.text
    bob.publish(etag=published.need("SIP-ETag"), expires=0)
    subscription.notify(where=lambda notify: "<basic>closed</basic>" in notify.text, what="after the removal")
    assert "terminated" in subscription.unsubscribe().need("Subscription-State")


def test_messages_go_both_ways(pair: tuple[SipClient, SipClient]) -> None:
    alice, bob = pair
    alice.message(bob.uri, "hello Bob, grüß dich")
    assert bob.expect_request("MESSAGE").text == "hello Bob, grüß dich"
    bob.message(alice.uri, "hello Alice")
    assert alice.expect_request("MESSAGE").text == "hello Alice"


def test_a_message_crosses_from_one_transport_to_another(server: Server) -> None:
    with (
        SipClient(server.address("udp"), "alice-udp@example.com", "secret") as alice,
        SipClient(server.address("wss"), "bob-wss@example.com", "secret", transport="wss") as bob,
    ):
        alice.register()
        bob.register()
        alice.message(bob.uri, "from a datagram to a browser")
        assert bob.expect_request("MESSAGE").text == "from a datagram to a browser"
        bob.message(alice.uri, "and back")
        assert alice.expect_request("MESSAGE").text == "and back"
