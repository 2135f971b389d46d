"""The copy that goes to a target: RFC 3261 §16.6, RFC 3327 (Path), RFC 3325 (who was authenticated)."""

from __future__ import annotations

import pytest

from sip.errors import BadRequest, TemporarilyUnavailable, TooManyHops
from sip.identity import Identity
from sip.usage.proxy import ProxySettings, Target
from tests.sip.usage.proxy_fakes import INVITE, MESSAGE, FakeFlow, House, request, to, unmarked, uri

BOB = "sip:bob@192.0.2.20:5060"


def test_the_copy_goes_to_the_contact_with_everything_that_the_request_had() -> None:
    house = House()
    house.forward(request(MESSAGE, x_color="blue"), to(BOB))
    copy = house.sent[0].request
    copy.remove_first("Via")  # the sender's
    assert copy.render().decode().split("\r\n") == [
        "MESSAGE sip:bob@192.0.2.20:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice2;rport",
        "Max-Forwards: 69",
        "From: Alice <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>",
        "Call-ID: page-1@192.0.2.10",
        "CSeq: 1 MESSAGE",
        "Content-Type: text/plain",
        "X-Color: blue",
        "Max-Breadth: 60",
        "Content-Length: 20",
        "",
        "Watson, come here.",
        "",
    ]


def test_the_request_that_came_in_is_left_as_it_was() -> None:
    house, message = House(), request(INVITE)
    before = message.render()
    house.forward(message, to(BOB, routes=("<sip:edge.example.net;lr>",)), record_route=True)
    assert message.render() == before


def test_parameters_that_a_request_uri_must_not_have_are_removed_from_a_contact() -> None:
    house = House()
    house.forward(request(MESSAGE), to("sip:bob@192.0.2.20;method=INVITE;transport=tcp;ob?Subject=hi"))
    assert house.sent[0].request.uri_text == "sip:bob@192.0.2.20;transport=tcp;ob"


@pytest.mark.parametrize(("came", "goes"), [("70", "69"), ("1", "0"), (None, "70")])
def test_max_forwards_is_counted_down_and_added_where_it_is_missing(came: str | None, goes: str) -> None:
    house, message = House(), request(MESSAGE)
    message.remove("Max-Forwards")
    if came is not None:
        message.add("Max-Forwards", came)
    house.forward(message, to(BOB))
    assert house.sent[0].request.get_all("Max-Forwards") == [goes]


def test_max_forwards_0_is_too_many_hops() -> None:
    house = House()
    with pytest.raises(TooManyHops):
        house.forward(request(MESSAGE, max_forwards="0"), to(BOB))
    assert house.sent == []


def test_without_a_target_the_user_is_temporarily_unavailable() -> None:
    with pytest.raises(TemporarilyUnavailable):
        House().forward(request(MESSAGE))


# -- Record-Route ------------------------------------------------------------------------------------------


def test_an_invite_is_record_routed_by_a_loose_routing_uri() -> None:
    house = House()
    house.forward(request(INVITE), to(BOB), record_route=True)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == ["<sip:192.0.2.1:5060;lr>"]


def test_our_record_route_stands_above_those_of_others() -> None:
    house = House()
    house.forward(request(INVITE, record_route="<sip:p1.example.net;lr>"), to(BOB), record_route=True)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == [
        "<sip:192.0.2.1:5060;lr>",
        "<sip:p1.example.net;lr>",
    ]


def test_between_two_transports_each_side_gets_a_record_route_that_it_can_use() -> None:
    house = House()
    tcp = FakeFlow("TCP", ("198.51.100.7", 40112))
    house.forward(request(INVITE), to("sip:bob@bob.invalid;transport=tcp", hop=tcp), record_route=True)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == [
        "<sip:192.0.2.1:5060;transport=tcp;lr>",  # for Bob, who reads from the top
        "<sip:192.0.2.1:5060;lr>",  # for Alice, who reads from the bottom
    ]


def test_between_two_networks_each_side_gets_the_address_that_it_can_reach() -> None:
    house = House()
    inside = FakeFlow("UDP", ("10.0.0.7", 5060), local=("10.0.0.1", 5060))
    house.forward(request(INVITE), to("sip:bob@10.0.0.7", hop=inside), record_route=True)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == [
        "<sip:10.0.0.1:5060;lr>",
        "<sip:192.0.2.1:5060;lr>",
    ]


def test_a_sips_request_is_record_routed_by_a_sips_uri() -> None:
    house = House()
    tls = FakeFlow("TLS", ("198.51.100.7", 40112), local=("192.0.2.1", 5061))
    house.forward(request(INVITE), to("sips:bob@198.51.100.7", hop=tls), record_route=True, flow=tls)
    assert unmarked(house.sent[0].request.get_all("Record-Route")) == ["<sips:192.0.2.1:5061;lr>"]


def test_nothing_is_record_routed_unless_asked() -> None:
    house = House()
    house.forward(request(INVITE), to(BOB), record_route=False)
    assert "Record-Route" not in house.sent[0].request


def test_a_request_that_forms_no_dialog_is_not_record_routed() -> None:
    house = House()
    house.forward(request(MESSAGE), to(BOB), record_route=True)
    assert "Record-Route" not in house.sent[0].request


def test_a_request_within_a_dialog_is_not_record_routed() -> None:
    house = House()
    house.forward(request(INVITE, to="<sip:bob@example.com>;tag=b1"), to(BOB), record_route=True)
    assert "Record-Route" not in house.sent[0].request


# -- Path and Route ----------------------------------------------------------------------------------------


def test_path_values_become_routes_in_their_order() -> None:
    house = House()
    path = ("<sip:p2.example.net;lr>", "<sip:p1.example.net;lr>")
    house.forward(request(INVITE), Target(uri(BOB), uri("sip:p2.example.net;lr"), routes=path))
    assert house.sent[0].request.uri_text == BOB
    assert house.sent[0].request.get_all("Route") == list(path)
    assert house.sender.places == ["sip:p2.example.net;lr"]


def test_path_stands_before_routes_that_the_client_gave() -> None:
    house = House()
    target = Target(uri(BOB), uri("sip:p1.example.net;lr"), routes=("<sip:p1.example.net;lr>",))
    house.forward(request(INVITE, route="<sip:later.example.net;lr>"), target)
    assert house.sent[0].request.get_all("Route") == ["<sip:p1.example.net;lr>", "<sip:later.example.net;lr>"]
    assert house.sender.places == ["sip:p1.example.net;lr"]


def test_a_path_behind_a_connection_is_reached_by_the_connection() -> None:
    house = House()
    edge = FakeFlow("TCP", ("203.0.113.5", 40000))
    house.forward(request(INVITE), Target(uri(BOB), edge, routes=("<sip:edge.example.net;lr>",)))
    assert house.sender.places == ["tcp|203.0.113.5:40000"]
    assert house.sent[0].request.get_all("Route") == ["<sip:edge.example.net;lr>"]


def test_a_route_that_the_client_gave_leads_before_the_contact() -> None:
    house = House()
    house.forward(request(INVITE, route="<sip:voicemail.example.net;lr>"), to(BOB, hop=FakeFlow()))
    assert house.sender.places == ["sip:voicemail.example.net;lr"]
    assert house.sent[0].request.uri_text == BOB


def test_a_strict_router_finds_itself_in_the_request_uri_and_the_target_at_the_end_of_route() -> None:
    house = House()
    path = ("<sip:strict.example.net>", "<sip:p1.example.net;lr>")
    house.forward(request(INVITE), Target(uri(BOB), uri("sip:strict.example.net"), routes=path))
    assert house.sent[0].request.uri_text == "sip:strict.example.net"
    assert house.sent[0].request.get_all("Route") == ["<sip:p1.example.net;lr>", f"<{BOB}>"]
    assert house.sender.places == ["sip:strict.example.net"]


def test_a_sips_target_is_looked_up_as_sips_even_behind_a_sip_route() -> None:
    house = House()
    path = ("<sip:p1.example.net;lr>",)
    target = Target(uri("sips:bob@192.0.2.20"), uri("sip:p1.example.net;lr"), routes=path)
    house.forward(request(INVITE), target)
    assert house.sender.places == ["sips:p1.example.net;lr"]


def test_a_path_that_is_no_sip_uri_fails_as_that_branch_only() -> None:
    house = House()
    bad = Target(uri(BOB), uri(BOB), routes=("<tel:+15551234;lr>",))
    caller = house.forward(request(INVITE), bad, to("sip:bob@192.0.2.21"))
    assert house.sender.places == ["sip:bob@192.0.2.21"]
    house.sent[0].answer(200)
    assert caller.statuses == [100, 200]


# -- identity ----------------------------------------------------------------------------------------------

ALICE = Identity("sip:alice@example.com", "digest", "Alice")


@pytest.mark.parametrize(
    ("setting", "identity", "privacy", "asserted"),
    [
        (False, ALICE, "none", []),
        (True, ALICE, "none", ["<sip:alice@example.com>"]),
        (True, ALICE, "header;id", []),
        (True, Identity("sip:alice@example.com", "from", None), "none", []),
        (True, None, "none", []),
    ],
    ids=["off by default", "digest, setting on", "privacy", "not proved", "nobody"],
)
def test_p_asserted_identity_tells_what_digest_proved_if_the_setting_says_so(
    setting: bool, identity: Identity | None, privacy: str, asserted: list[str]
) -> None:
    house = House(ProxySettings(assert_identity=setting))
    sr, _ = house.arrive(request(MESSAGE, privacy=privacy), identity=identity)
    house.proxy.forward(sr, [to(BOB)], record_route=False)
    assert house.sent[0].request.get_all("P-Asserted-Identity") == asserted


def test_a_malformed_route_is_a_bad_request() -> None:
    house = House()
    sr, _ = house.arrive(request(INVITE, route="<sip:no.closing.bracket;lr"))
    with pytest.raises(BadRequest):
        house.proxy.route(sr)
