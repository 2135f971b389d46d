"""Who a request is from when a peer says so, and whom we believe (RFC 3325, RFC 3261 §10.3 step 4)."""

from __future__ import annotations

import pytest

from sip.errors import Forbidden
from sip.identity import Identity, TrustedPeers, authorize_as, identify, strip_asserted
from sip.message import Request, parse
from tests.sip.usage.fakes import Directory, sip


def request(*headers: str, sender: str = '"Alice" <sip:alice@Example.com:5070;x=y>;tag=1') -> Request:
    lines = "\n".join(headers)
    message = parse(
        sip(f"""
            MESSAGE sip:bob@example.com SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds7
            From: {sender}
            To: <sip:bob@example.com>
            Call-ID: 1
            CSeq: 1 MESSAGE
            {lines}
        """)
    )
    assert isinstance(message, Request)
    return message


ASSERTED = 'P-Asserted-Identity: "Cullen" <sip:fluffy@Cisco.example>'
PARTY = 'Remote-Party-ID: "Dave" <sip:dave@example.com>;party=calling;screen=yes'


def test_from_a_trusted_peer_the_asserted_identity_comes_first() -> None:
    assert identify(request(PARTY, ASSERTED), trusted=True) == Identity(
        "sip:fluffy@cisco.example", "p-asserted-identity", "Cullen"
    )


def test_a_tel_uri_beside_the_sip_uri_is_passed_over() -> None:
    message = request("P-Asserted-Identity: tel:+14085264000, sip:fluffy@cisco.example")
    assert identify(message, trusted=True).aor == "sip:fluffy@cisco.example"


def test_an_asserted_identity_that_cannot_be_read_counts_as_missing() -> None:
    message = request("P-Asserted-Identity: <sip:@@@>", PARTY)
    assert identify(message, trusted=True).aor == "sip:dave@example.com"


def test_remote_party_id_comes_second() -> None:
    assert identify(request(PARTY), trusted=True) == Identity(
        "sip:dave@example.com", "remote-party-id", "Dave"
    )


def test_from_comes_last_and_in_canonical_form() -> None:
    assert identify(request(), trusted=True) == Identity("sip:alice@example.com", "from", "Alice")


def test_nobody_else_can_assert_anything() -> None:
    assert identify(request(ASSERTED, PARTY), trusted=False).source == "from"


def test_asserted_identities_are_removed_before_forwarding() -> None:
    message = request(ASSERTED, PARTY, "Subject: hello")
    strip_asserted(message)
    assert "P-Asserted-Identity" not in message
    assert "Remote-Party-ID" not in message
    assert message.get("Subject") == "hello"


def test_a_user_may_act_for_himself_under_any_of_his_names() -> None:
    authorize_as(Identity("sip:alice@example.com", "digest"), "sip:alice@example.com", Directory())
    authorize_as(Identity("sip:ally@example.com", "from"), "sip:alice@example.com", Directory())


@pytest.mark.parametrize("identity", [None, Identity("sip:bob@example.com", "digest")])
def test_nobody_else_may_act_for_him(identity: Identity | None) -> None:
    with pytest.raises(Forbidden):
        authorize_as(identity, "sip:alice@example.com", Directory())


@pytest.mark.parametrize(
    ("cidr", "host", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.77", True),
        ("192.0.2.0/24", "192.0.3.77", False),
        ("192.0.2.7/24", "192.0.2.1", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "::ffff:192.0.2.77", True),
        ("::ffff:192.0.2.0/120", "192.0.2.77", True),
        ("2001:db8::/32", "2001:db8::5", True),
        ("2001:db8::/32", "[2001:db8::5]", True),
        ("2001:db8::/32", "2001:db9::5", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "2001:db8::5", False),
        ("192.0.2.0/24", "proxy.example.com", False),
    ],
)
def test_trusted_peers_are_networks_and_addresses(cidr: str, host: str, expected: bool) -> None:
    peers = TrustedPeers([cidr])
    assert peers.contains(host) is expected
    assert peers.contains(host) is expected  # from the cache


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedPeers().contains("127.0.0.1")


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="example"):
        TrustedPeers(["example.com"])
