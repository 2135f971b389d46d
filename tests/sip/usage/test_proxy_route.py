"""Requests within a dialog and the ACK to a 2xx: onward by Route or Request-URI (RFC 3261 §16.12)."""

from __future__ import annotations

import pytest

from sip.errors import UnsupportedUriScheme
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import Uri
from tests.sip.usage.proxy_fakes import FakeFlow, House, request, unmarked

BYE = """\
    BYE sip:bob@192.0.2.20:5060;ob SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKbye;rport
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>;tag=b1
    Call-ID: call-1@192.0.2.10
    CSeq: 2 BYE

    """
ACK = BYE.replace("BYE", "ACK").replace("CSeq: 2", "CSeq: 1")

CONNECTION = FakeFlow("TCP", ("198.51.100.7", 40112))


def connected(contact: Uri) -> Flow | None:
    """Bob's live connection."""
    return CONNECTION if contact.user == "bob" else None


def route(house: House, message: Request) -> list[int]:
    sr, caller = house.arrive(message)
    house.proxy.route(sr)
    house.sent[0].answer(200)
    return caller.statuses


def test_a_bye_goes_to_its_request_uri_which_stays_as_it_is() -> None:
    house = House()
    assert route(house, request(BYE)) == [200]
    assert house.sender.places == ["sip:bob@192.0.2.20:5060;ob"]
    assert house.sent[0].request.start_line == "BYE sip:bob@192.0.2.20:5060;ob SIP/2.0"


def test_a_bye_goes_over_the_live_connection_of_its_contact() -> None:
    house = House(flow_for=connected)
    route(house, request(BYE))
    assert house.sender.places == ["tcp|198.51.100.7:40112"]
    assert house.sent[0].request.uri_text == "sip:bob@192.0.2.20:5060;ob"


def test_a_further_route_leads_before_the_request_uri() -> None:
    house = House(flow_for=connected)
    route(house, request(BYE, route="<sip:p2.example.net;lr>"))
    assert house.sender.places == ["sip:p2.example.net;lr"]
    assert house.sent[0].request.get_all("Route") == ["<sip:p2.example.net;lr>"]


def test_a_strict_router_on_the_way_is_treated_as_one() -> None:
    house = House()
    route(house, request(BYE, route="<sip:strict.example.net>"))
    assert house.sent[0].request.uri_text == "sip:strict.example.net"
    assert house.sent[0].request.get_all("Route") == ["<sip:bob@192.0.2.20:5060;ob>"]
    assert house.sender.places == ["sip:strict.example.net"]


def test_a_re_invite_is_answered_100_and_is_not_record_routed() -> None:
    house = House()
    assert route(house, request(BYE.replace("BYE", "INVITE"))) == [100, 200]
    assert "Record-Route" not in house.sent[0].request


def test_a_first_request_may_be_record_routed_on_its_way_out() -> None:
    house = House()
    sr, _ = house.arrive(request(BYE.replace("BYE", "INVITE"), to="<sip:carol@example.org>"))
    house.proxy.route(sr, record_route=True)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == ["<sip:192.0.2.1:5060;lr>"]


def test_a_tel_uri_without_a_route_cannot_be_routed() -> None:
    house, message = House(), request(BYE)
    message.retarget("tel:+15551234")
    sr, _ = house.arrive(message)
    with pytest.raises(UnsupportedUriScheme):
        house.proxy.route(sr)


def test_a_tel_uri_behind_a_route_is_not_our_affair() -> None:
    house, message = House(), request(BYE, route="<sip:gateway.example.net;lr>")
    message.retarget("tel:+15551234")
    assert route(house, message) == [200]
    assert house.sent[0].request.uri_text == "tel:+15551234"


# -- ACK to a 2xx ------------------------------------------------------------------------------------------


def test_an_ack_goes_to_its_request_uri_with_one_hop_less() -> None:
    house = House()
    house.proxy.forward_ack(request(ACK))
    (ack,) = house.sender.acks
    assert (ack.place, ack.request.get("Max-Forwards")) == ("sip:bob@192.0.2.20:5060;ob", "69")


def test_an_ack_goes_over_the_live_connection_of_its_contact() -> None:
    house = House(flow_for=connected)
    house.proxy.forward_ack(request(ACK))
    assert house.sender.acks[0].place == "tcp|198.51.100.7:40112"


def test_an_ack_follows_its_route() -> None:
    house = House()
    house.proxy.forward_ack(request(ACK, route="<sip:p2.example.net;lr>"))
    assert house.sender.acks[0].place == "sip:p2.example.net;lr"


@pytest.mark.parametrize(
    "headers",
    [
        {"max_forwards": "0"},
        {"route": "<sip:p2.example.net;lr"},
        {"route": "<tel:+1;lr>"},
        {"cseq": "many ACK"},
    ],
)
def test_an_ack_that_cannot_be_sent_on_is_dropped_silently(headers: dict[str, str]) -> None:
    house = House()
    house.proxy.forward_ack(request(ACK, **headers))
    assert house.sender.acks == []


def test_an_ack_that_comes_back_is_dropped() -> None:
    house = House()
    house.proxy.forward_ack(request(ACK))
    house.proxy.forward_ack(house.sender.acks[0].request.copy())
    assert len(house.sender.acks) == 1
