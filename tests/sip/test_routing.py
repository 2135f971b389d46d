"""The next hop: a connection that is there, or a URI to resolve."""

from __future__ import annotations

import pytest

from sip.errors import BadRequest
from sip.routing import next_hop
from sip.uri import Uri
from tests.sip.flows import FakeFlow


def hop(target: str, flow: FakeFlow | None, *routes: str) -> str:
    """The way taken, in words."""
    found = next_hop(target, routes, flow)
    return str(found) if isinstance(found, Uri) else "the flow"


@pytest.mark.parametrize(
    ("target", "transport", "way"),
    [
        ("sip:bob@192.0.2.7:5060", "UDP", "the flow"),
        ("sip:bob@192.0.2.7", "UDP", "the flow"),
        ("sip:bob@192.0.2.7:7777", "UDP", "sip:bob@192.0.2.7:7777"),
        ("sip:bob@phone.example.net", "UDP", "sip:bob@phone.example.net"),
        ("sip:bob@203.0.113.9", "UDP", "sip:bob@203.0.113.9"),
        # Behind an address translator.
        ("sip:bob@10.1.2.3:5060", "UDP", "the flow"),
        ("sip:bob@192.168.1.2:5060", "UDP", "the flow"),
        ("sip:bob@[fe80::1]:5060", "UDP", "the flow"),
        # A connection is used whatever the contact says.
        ("sip:bob@203.0.113.9;transport=tcp", "TCP", "the flow"),
        ("sip:x@df7jal23ls0d.invalid;transport=ws", "WS", "the flow"),
    ],
)
def test_the_target_and_the_way_the_client_came(target: str, transport: str, way: str) -> None:
    assert hop(target, FakeFlow(transport, "192.0.2.7", 5060)) == way


def test_without_a_flow_the_target_is_resolved() -> None:
    assert hop("sip:bob@10.1.2.3", None) == "sip:bob@10.1.2.3"


def test_a_flow_that_is_gone_is_no_way() -> None:
    flow = FakeFlow("TCP")
    flow.gone = True
    assert hop("sip:bob@192.0.2.7;transport=tcp", flow) == "sip:bob@192.0.2.7;transport=tcp"


def test_the_first_route_comes_before_the_target() -> None:
    flow = FakeFlow("TCP", "192.0.2.7", 40000)
    assert hop("sip:bob@192.0.2.7", flow, "<sip:proxy.example.net;lr>") == "sip:proxy.example.net;lr"


def test_a_route_that_is_the_peer_itself_uses_the_way_he_came() -> None:
    assert hop("sip:bob@10.0.0.1", FakeFlow("UDP", "192.0.2.7", 5060), "<sip:192.0.2.7;lr>") == "the flow"


@pytest.mark.parametrize("target", ["tel:+1234", "mailto:bob@example.com"])
def test_what_is_no_sip_uri_cannot_be_sent_to(target: str) -> None:
    with pytest.raises(BadRequest, match="Cannot send to a"):
        next_hop(target, (), None)
