"""Requests of ours on their way out: our Via, failover (RFC 3263 §4.3), large requests (RFC 3261 §18.1.1)."""

from __future__ import annotations

import pytest

from sip.message import Request, Response, parse
from sip.sender import SenderSettings
from sip.transport.flow import Flow
from sip.transport.spec import Destination
from sip.uri import Uri, parse_uri
from tests.sip.flows import FakeFlow, wire
from tests.sip.house import House

MESSAGE = """
    MESSAGE sip:bob@example.net SIP/2.0
    Max-Forwards: 70
    From: <sip:alice@example.com>;tag=a
    To: <sip:bob@example.net>
    Call-ID: c2
    CSeq: 7 MESSAGE
"""
FIRST = Destination("UDP", "203.0.113.1", 5060)
SECOND = Destination("UDP", "203.0.113.2", 5060)


class User:
    """Hears what became of a request."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_response(self, response: Response) -> None:
        self.heard.append(response.status)

    def on_failure(self, status: int, reason: str) -> None:
        self.heard.append((status, reason))


def request(text: str = MESSAGE, body: bytes = b"") -> Request:
    message = parse(wire(text, body))
    assert isinstance(message, Request)
    return message


def uri(text: str) -> Uri:
    found = parse_uri(text)
    assert isinstance(found, Uri)
    return found


@pytest.fixture
def house() -> House:
    house = House()
    house.network.names["example.net"] = [FIRST, SECOND]
    return house


@pytest.fixture
def user() -> User:
    return User()


def first(house: House) -> FakeFlow:
    return house.network.at(FIRST.host)


def second(house: House) -> FakeFlow:
    return house.network.at(SECOND.host)


def test_our_via_goes_on_top_with_a_fresh_branch_and_rport(house: House, user: User) -> None:
    house.sender.send(request(), house.peer, user)
    house.sender.send(request(), house.peer, user)
    one, two = house.peer.messages
    assert one.get("Via").startswith("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK")
    assert one.get("Via").endswith(";rport")
    assert one.via.branch != two.via.branch


def test_the_branch_carries_the_suffix_that_is_asked_for(house: House, user: User) -> None:
    house.sender.send(request(), house.peer, user, branch_suffix="mark")
    assert (house.peer.last.via.branch or "").endswith(".mark")


def test_a_name_is_sent_to_the_first_place_that_it_resolves_to(house: House, user: User) -> None:
    house.sender.send(request(), uri("sip:bob@example.net"), user)
    assert (first(house).methods, second(house).methods) == (["MESSAGE"], [])


def test_the_next_place_is_tried_when_the_first_cannot_be_reached(house: House, user: User) -> None:
    house.network.unreachable.add(FIRST.host)
    house.sender.send(request(), uri("sip:bob@example.net"), user)
    house.answer(second(house).last, 200, second(house))
    assert user.heard == [200]


def test_the_next_place_is_tried_after_503_with_another_branch(house: House, user: User) -> None:
    house.sender.send(request(), uri("sip:bob@example.net"), user)
    house.answer(first(house).last, 503, first(house))
    assert len(second(house).last.vias) == 1
    assert second(house).last.via.branch != first(house).last.via.branch
    house.answer(second(house).last, 200, second(house))
    assert user.heard == [200]


def test_the_next_place_is_tried_when_the_first_is_silent(house: House, user: User) -> None:
    house.sender.send(request(), uri("sip:bob@example.net"), user)
    for _ in range(65):
        house.after(0.5)
    assert second(house).methods[:1] == ["MESSAGE"]


def test_what_belongs_to_one_attempt_is_not_in_the_next(house: House, user: User) -> None:
    def finish(message: Request, flow: Flow) -> None:
        message.add("Record-Route", f"<{flow.uri()};lr>")

    house.sender.send(request(), uri("sip:bob@example.net"), user, finish=finish)
    house.answer(first(house).last, 503, first(house))
    assert len(second(house).last.values("Record-Route")) == 1


def test_silence_everywhere_is_408(house: House, user: User) -> None:
    house.sender.send(request(), house.peer, user)
    for _ in range(70):
        house.after(0.5)
    assert user.heard == [(408, "Request Timeout")]


def test_nobody_reachable_is_503_and_told_after_the_call(house: House, user: User) -> None:
    house.network.unreachable.update((FIRST.host, SECOND.host))
    house.sender.send(request(), uri("sip:bob@example.net"), user)
    assert user.heard == []
    house.after(0.1)
    assert user.heard == [(503, "cannot connect to 203.0.113.2")]


def test_a_name_that_does_not_resolve_is_503(house: House, user: User) -> None:
    house.sender.send(request(), uri("sip:bob@nowhere.invalid"), user)
    house.after(0.1)
    assert user.heard == [(503, "no address for nowhere.invalid")]


class TestLargeRequests:
    def test_they_go_as_datagrams_unless_the_rule_is_on(self, house: House, user: User) -> None:
        house.sender.send(request(body=b"x" * 2000), house.peer, user)
        assert house.peer.methods == ["MESSAGE"]

    def test_with_the_rule_they_go_over_tcp(self, user: User) -> None:
        house = House(sender=SenderSettings(congestion_safe=True))
        house.sender.send(request(body=b"x" * 2000), house.peer, user)
        assert house.peer.methods == []
        assert house.network.at("192.0.2.7", 5060, "TCP").methods == ["MESSAGE"]

    def test_with_the_rule_small_ones_stay_datagrams(self, user: User) -> None:
        house = House(sender=SenderSettings(congestion_safe=True))
        house.sender.send(request(body=b"x" * 500), house.peer, user)
        assert house.peer.methods == ["MESSAGE"]

    def test_where_there_is_no_tcp_they_go_as_datagrams_after_all(self, user: User) -> None:
        house = House(sender=SenderSettings(congestion_safe=True))
        tcp = house.network.at("192.0.2.7", 5060, "TCP")
        tcp.gone = True
        house.sender.send(request(body=b"x" * 2000), house.peer, user)
        house.after(0.1)
        assert house.peer.methods == ["MESSAGE"]
        assert len(house.peer.last.vias) == 1


class TestRequestsThatNoDatagramHolds:
    """RFC 3261 §18.1.1: then TCP, whatever was asked for; and if there is none, whoever sends hears why."""

    def test_they_go_over_tcp_to_the_same_place(self, house: House, user: User) -> None:
        house.sender.send(request(body=b"x" * 66_000), house.peer, user)
        assert house.peer.sent == []
        assert house.network.at("192.0.2.7", 5060, "TCP").methods == ["MESSAGE"]

    def test_without_tcp_they_fail_with_513(self, house: House, user: User) -> None:
        house.network.unreachable.add("192.0.2.7")
        house.sender.send(request(body=b"x" * 66_000), house.peer, user)
        house.after(0.1)
        assert user.heard == [
            (513, "Too large for a datagram, and by a connection: cannot connect to 192.0.2.7")
        ]

    def test_with_a_tcp_where_nobody_answers_too(self, house: House, user: User) -> None:
        house.sender.send(request(body=b"x" * 66_000), house.peer, user)
        for _ in range(70):
            house.after(0.5)
        assert user.heard == [(513, "Too large for a datagram, and by a connection: Request Timeout")]

    def test_of_a_name_each_place_is_tried_by_tcp(self, house: House, user: User) -> None:
        house.network.unreachable.add(FIRST.host)
        house.sender.send(request(body=b"x" * 66_000), uri("sip:bob@example.net"), user)
        assert house.network.at(SECOND.host, 5060, "TCP").methods == ["MESSAGE"]
        assert second(house).sent == []

    def test_what_the_system_does_not_send_goes_over_tcp_with_one_via(self, house: House, user: User) -> None:
        house.peer.room = 9216
        house.sender.send(request(body=b"x" * 20_000), house.peer, user)
        house.after(0.1)
        (sent,) = house.network.at("192.0.2.7", 5060, "TCP").messages
        assert [via.transport for via in sent.vias] == ["TCP"]

    def test_what_the_system_does_not_send_fails_with_513_without_tcp(self, house: House, user: User) -> None:
        house.peer.room = 9216
        house.network.at("192.0.2.7", 5060, "TCP").gone = True
        house.sender.send(request(body=b"x" * 20_000), house.peer, user)
        for _ in range(3):
            house.after(0.1)
        assert user.heard == [(513, "Too large for a datagram, and by a connection: gone")]


class TestCancel:
    INVITE = MESSAGE.replace("MESSAGE", "INVITE")

    def test_it_waits_for_a_provisional_response(self, house: House, user: User) -> None:
        sending = house.sender.send(request(self.INVITE), house.peer, user)
        sending.cancel()
        assert house.peer.methods == ["INVITE"]
        invite = house.peer.last
        house.answer(invite, 180)
        assert house.peer.methods == ["INVITE", "CANCEL"]
        cancel = house.peer.last
        assert cancel.via.branch == invite.via.branch
        assert (cancel.cseq.number, cancel.call_id) == (7, "c2")

    def test_reasons_travel_with_it(self, house: House, user: User) -> None:
        sending = house.sender.send(request(self.INVITE), house.peer, user)
        house.answer(house.peer.last, 180)
        sending.cancel(["SIP;cause=200"])
        assert house.peer.last.get("Reason") == "SIP;cause=200"

    def test_a_request_that_is_no_invite_is_never_cancelled(self, house: House, user: User) -> None:
        sending = house.sender.send(request(), house.peer, user)
        house.answer(house.peer.last, 100)
        sending.cancel()
        assert house.peer.methods == ["MESSAGE"]

    def test_after_the_final_answer_there_is_nothing_to_cancel(self, house: House, user: User) -> None:
        sending = house.sender.send(request(self.INVITE), house.peer, user)
        house.answer(house.peer.last, 200)
        sending.cancel()
        assert house.peer.methods == ["INVITE"]


class TestAck:
    def test_it_goes_on_without_a_transaction(self, house: House) -> None:
        house.sender.forward_ack(request(MESSAGE.replace("MESSAGE", "ACK")), uri("sip:bob@example.net"))
        for _ in range(10):
            house.after(0.5)
        assert first(house).methods == ["ACK"]

    def test_what_cannot_be_delivered_is_dropped(self, house: House) -> None:
        house.sender.forward_ack(request(MESSAGE.replace("MESSAGE", "ACK")), uri("sip:bob@nowhere.invalid"))
        gone = FakeFlow("TCP")
        gone.gone = True
        house.sender.forward_ack(request(MESSAGE.replace("MESSAGE", "ACK")), gone)
        assert gone.sent == []
