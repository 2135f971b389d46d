"""Limits of a whole server: what is refused, what it says, what is counted, and whom it never concerns."""

from __future__ import annotations

import logging
import re
from typing import ClassVar

import pytest

from presence.observe.metrics import Live, Metrics
from sip.message import Response
from tests.presence.house import ALICE, PASSWORD, House
from tests.sip.auth.clients import credentials, nonce_of
from tests.sip.flows import FakeFlow, wire

STRANGER = "198.51.100.9"
QUICK = {"address_requests": 10, "address_unproved": 0, "address_burst": 1, "address_refusals": 2}


def options(number: int, host: str = STRANGER, method: str = "OPTIONS", more: str = "") -> str:
    return f"""
        {method} sip:sip.test SIP/2.0
        Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <{ALICE}>;tag=1
        To: <{ALICE}>
        Call-ID: call{number}
        CSeq: 1 {method}
        {more or "X-Nothing: more"}
    """


def register(number: int, more: str = "", host: str = STRANGER) -> str:
    return options(number, host, "REGISTER", more)


def flood(house: House, count: int, flow: FakeFlow | None = None, first: int = 0) -> list[tuple[int, str]]:
    """So many requests at once from one address; what is answered."""
    flow = flow or house.network.at(STRANGER)
    before = len(flow.sent)
    for number in range(first, first + count):
        house.receive(options(number, flow.remote[0]), flow)
    return [(it.status, it.reason) for it in flow.messages[before:] if isinstance(it, Response)]


def prove(house: House, number: int, flow: FakeFlow, password: str = PASSWORD) -> Response:
    """REGISTER with credentials."""
    challenge = house.ask(register(number), flow).get("WWW-Authenticate") or ""
    value = credentials(
        nonce_of(challenge), password=password, realm="sip.test", uri="sip:sip.test", method="REGISTER"
    )
    again = register(number, f"Authorization: {value}").replace("branch=z9hG4bK", "branch=z9hG4bKb")
    return house.ask(again.replace("CSeq: 1", "CSeq: 2"), flow)


def counted(house: House) -> dict[str, float]:
    """The figures of /metrics about limits."""
    text = Metrics(house.parts.stats, Live()).text().decode()
    found = re.findall(r'presentity_limits_reached_total\{limit="(\w+)"\} (\S+)', text)
    return {limit: float(count) for limit, count in found}


class TestRequestsOfOneAddress:
    def test_beyond_the_rate_some_are_told_why_and_when_to_come_again_and_the_rest_nothing(self) -> None:
        house = House(**QUICK)
        answers = flood(house, 100)
        refusal = (503, "Too many requests from your address")
        assert answers == [(200, "OK")] * 10 + [refusal] * 2
        last = house.network.at(STRANGER).last
        assert last.get("Retry-After") == "5"
        assert counted(house) == {"address_requests": 90}

    def test_it_does_not_send_more_than_it_was_sent(self) -> None:
        house = House(**QUICK)
        flood(house, 10)
        flow = house.network.at(STRANGER)
        flow.sent.clear()
        flood(house, 1000, first=100)
        assert sum(map(len, flow.sent)) < 1000

    def test_after_a_while_it_is_served_again(self) -> None:
        house = House(**QUICK)
        flood(house, 100)
        house.after(1.0)
        assert flood(house, 10, first=200) == [(200, "OK")] * 10

    def test_a_trusted_peer_has_no_limit(self) -> None:
        house = House(**QUICK)
        assert flood(house, 1000, house.peer) == [(200, "OK")] * 1000

    def test_nobody_is_told_anything_about_an_ack(self) -> None:
        house = House(**QUICK)
        flood(house, 10)
        flow = house.network.at(STRANGER)
        flow.sent.clear()
        house.receive(options(1, method="ACK"), flow)
        assert flow.sent == []
        assert counted(house) == {"address_requests": 1}

    def test_nothing_is_remembered_of_what_is_refused(self) -> None:
        house = House(**QUICK)
        flood(house, 1000)
        assert len(house.parts.layer) == 10

    def test_what_cannot_be_read_counts_too(self) -> None:
        house = House(**QUICK)
        for _ in range(10):
            house.receive(b"rubbish\r\n\r\n", house.network.at(STRANGER))
        assert flood(house, 1) == [(503, "Too many requests from your address")]

    def test_without_the_limit_everything_is_served(self) -> None:
        house = House(address_requests=0, address_unproved=0)
        assert flood(house, 2000) == [(200, "OK")] * 2000

    def test_by_default_an_office_that_starts_all_at_once_is_served(self) -> None:
        assert flood(House(), 1000) == [(200, "OK")] * 1000


class TestConnections:
    def test_a_good_password_proves_the_connection_that_it_came_by_and_a_wrong_one_does_not(self) -> None:
        house = House()
        flow = house.network.at(STRANGER, 5062, "TCP")
        assert prove(house, 1, flow, "wrong").status == 401
        assert not flow.proved
        assert prove(house, 2, flow).status == 200
        assert flow.proved
        assert not house.network.at(STRANGER, 5064, "TCP").proved


class TestWhileThereIsTooMuchToDo:
    def overloaded(self) -> House:
        house = House(**QUICK)
        house.parts.core.load.looked(0.0, "Too much to do", house.parts.timers.now)
        return house

    def knock(self, house: House, count: int, flow: FakeFlow) -> None:
        for number in range(count):
            assert house.parts.door.turn_away(wire(options(number, flow.remote[0])), flow)

    def test_a_flood_is_not_answered_message_by_message(self) -> None:
        house = self.overloaded()
        flow = house.network.at(STRANGER)
        self.knock(house, 100, flow)
        assert [it.reason for it in flow.messages if isinstance(it, Response)] == ["Too much to do"] * 10

    def test_a_trusted_peer_is_told_each_time(self) -> None:
        house = self.overloaded()
        self.knock(house, 100, house.peer)
        assert house.peer.statuses == [503] * 100


class TestRequestsWithoutAuthentication:
    LIMITS: ClassVar = {"address_unproved": 4, "address_burst": 1}

    def test_beyond_their_rate_they_are_503(self) -> None:
        house = House(**self.LIMITS)
        answers = flood(house, 5)
        assert answers[-1] == (503, "Too many requests without authentication from your address")
        assert counted(house) == {"address_unproved": 1}

    def test_credentials_that_prove_nothing_do_not_make_it_another_matter(self) -> None:
        house = House(**self.LIMITS)
        flow = house.network.at(STRANGER)
        stranger = 'Authorization: Digest username="a", realm="b", nonce="c", uri="sip:d", response="e"'
        statuses = [house.ask(register(number, stranger), flow).status for number in range(5)]
        assert statuses == [401] * 4 + [503]

    def test_who_has_proved_himself_has_the_other_limit(self) -> None:
        house = House(**self.LIMITS)
        flow = house.network.at(STRANGER)
        assert prove(house, 1000, flow).status == 200
        assert flood(house, 100) == [(200, "OK")] * 100


class TestWrongPasswords:
    LIMITS: ClassVar = {"auth_failures_place": 3, "auth_failures_address": 5, "auth_failures_user": 7}

    def test_after_some_none_is_looked_at_for_a_while(self) -> None:
        house = House(**self.LIMITS)
        flow = house.network.at(STRANGER)
        assert [prove(house, number, flow, "wrong").status for number in range(4)] == [401, 401, 401, 503]
        refused = prove(house, 5, flow)
        assert (refused.status, refused.reason) == (503, "Too many wrong passwords from here")
        assert refused.get("Retry-After") == "100"
        assert counted(house) == {"auth_failures_place": 2}
        house.after(101.0)
        assert prove(house, 6, flow).status == 200

    def test_a_stranger_does_not_lock_out_a_user_at_home(self) -> None:
        house = House(**self.LIMITS)
        phone = house.network.at("203.0.113.20")
        assert prove(house, 1, phone).status == 200
        for number in range(20):
            attacker = house.network.at(f"198.51.100.{number}")
            prove(house, 100 + number, attacker, "wrong")
        assert prove(house, 200, house.network.at("192.0.2.99")).reason == (
            "Too many wrong passwords for this user"
        )
        assert prove(house, 2, phone).status == 200


class TestHeaderValues:
    @pytest.mark.parametrize(
        "lines",
        ["\n".join(f"X-{number}: 1" for number in range(100)), "Contact: " + ",".join(["<sip:a@b>"] * 100)],
        ids=["fields", "values"],
    )
    def test_more_are_400_whether_in_many_lines_or_in_one(self, lines: str) -> None:
        house = House(max_header_values=100)
        refused = house.ask(options(1, more=lines), house.network.at(STRANGER))
        assert (refused.status, refused.reason) == (400, "More than 100 header fields and values")
        assert counted(house) == {"max_header_values": 1}

    def test_a_body_may_have_as_many_lines_as_it_likes(self) -> None:
        house = House(max_header_values=100)
        body = b"a,b\r\n" * 1000
        assert house.ask(options(1), house.network.at(STRANGER), body).status == 200

    def test_no_usual_message_is_near_the_limit(self, shared) -> None:
        most = 0
        for file in (shared / "captures").rglob("*.sip"):
            head = file.read_bytes().partition(b"\r\n\r\n")[0]
            most = max(most, head.count(b"\n") + head.count(b","))
        assert 0 < most < House().settings.max_header_values / 4


LONG = "x" * 300
COMPACT = {"m": "Contact", "o": "Event"}


class TestLengths:
    """Of what is kept for as long as a binding, a subscription or a message is there."""

    def ask(self, method: str, name: str, value: str) -> tuple[House, Response]:
        house = House(max_value_length=300)
        usual = {"Contact": "<sip:alice@192.0.2.7>", "Event": "presence", "Content-Type": "text/plain"}
        usual.pop(COMPACT.get(name, name), None)
        more = "\n".join(f"{name}: {value}" for name, value in {**usual, name: value}.items())
        text = options(1, "192.0.2.7", method, more)
        if method != "REGISTER":
            text = text.replace("sip:sip.test SIP", f"{ALICE} SIP")
        return house, house.ask(text)

    @pytest.mark.parametrize(
        ("method", "name", "value"),
        [
            ("REGISTER", "Contact", f"<sip:{LONG}@192.0.2.7>"),
            ("REGISTER", "Contact", f"<sip:alice@192.0.2.7>;x={LONG}"),
            ("REGISTER", "Contact", f'"{LONG}" <sip:alice@192.0.2.7>;expires=0'),
            ("REGISTER", "m", f"<sip:a@192.0.2.7>, <sip:b@192.0.2.7>;x={LONG}, <sip:c@192.0.2.7>"),
            ("REGISTER", "Path", f"<sip:a.test;lr>, <sip:b.test;lr;x={LONG}>"),
            ("SUBSCRIBE", "Event", f"presence;id={LONG}"),
            ("SUBSCRIBE", "o", f"presence;x={LONG}"),
            ("SUBSCRIBE", "Contact", f"<sip:{LONG}@192.0.2.7>"),
            ("SUBSCRIBE", "Record-Route", f"<sip:a.test;lr;x={LONG}>"),
            ("SUBSCRIBE", "Accept", f"application/pidf+xml, text/{LONG}"),
            ("PUBLISH", "Content-Type", f"application/pidf+xml;x={LONG}"),
            ("MESSAGE", "Content-Type", f"text/plain;x={LONG}"),
        ],
    )
    def test_a_value_over_the_limit_is_400_with_the_name_of_the_field(
        self, method: str, name: str, value: str
    ) -> None:
        house, refused = self.ask(method, name, value)
        assert (refused.status, refused.reason) == (400, f"{COMPACT.get(name, name)} over 300 characters")
        assert counted(house) == {"max_value_length": 1}
        assert house.journal.rows == {}

    def test_a_call_id_and_a_tag_have_the_limit_too(self) -> None:
        for name in ("call1", "tag=1"):
            house = House(max_value_length=300)
            assert house.ask(register(1).replace(name, name + LONG)).status == 400

    def test_a_list_may_be_longer_than_each_of_its_values(self) -> None:
        contacts = ", ".join(f"<sip:{number}{LONG[:250]}@192.0.2.7>" for number in range(10))
        house, taken = self.ask("REGISTER", "Contact", contacts)
        assert taken.status == 200
        assert len(house.parts.registrar) == 10

    @pytest.mark.parametrize("between", [", ", "\nRecord-Route: "])
    def test_all_values_of_a_field_together_have_four_times_the_limit(self, between: str) -> None:
        house, refused = self.ask(
            "SUBSCRIBE", "Record-Route", between.join(f"<sip:{LONG[:250]}@a.test;lr>" for _ in range(5))
        )
        assert (refused.status, refused.reason) == (400, "Record-Route over 1200 characters in all")
        assert house.journal.rows == {}

    def test_a_value_of_just_the_limit_is_taken(self) -> None:
        contact = "<sip:alice@192.0.2.7>;x="
        _, taken = self.ask("REGISTER", "Contact", contact + "y" * (300 - len(contact)))
        assert taken.status == 200

    def test_of_a_user_agent_as_much_is_kept_as_people_read(self) -> None:
        house, taken = self.ask("SUBSCRIBE", "User-Agent", LONG)
        assert taken.status == 200
        [(kind, row)] = [(key[0], row) for key, row in house.journal.rows.items()]
        assert (kind, LONG[:200] in row, LONG in row) == ("subscription", True, False)

    def test_what_is_kept_by_nobody_may_be_longer(self) -> None:
        house = House(max_value_length=300)
        assert house.ask(options(1, more=f"Contact: <sip:{LONG}@a.test>")).status == 200

    def test_no_usual_message_is_near_the_limit(self, shared) -> None:
        most = 0
        for file in (shared / "captures").rglob("*.sip"):
            head = file.read_bytes().partition(b"\r\n\r\n")[0]
            most = max([most, *map(len, head.split(b"\r\n"))])
        assert 0 < most < House().settings.max_value_length


LIST = b"""<?xml version="1.0"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>%b</list></resource-lists>"""


class TestSizes:
    """Of what one SUBSCRIBE brings."""

    def subscribe(self, house: House, members: int, blanks: int = 0) -> Response:
        entries = b"".join(b'<entry uri="sip:user%d@sip.test"/>' % number for number in range(members))
        more = """Event: presence
        Supported: eventlist
        Accept: application/rlmi+xml, multipart/related, application/pidf+xml
        Require: recipient-list-subscribe
        Contact: <sip:alice@192.0.2.7>
        Content-Type: application/resource-lists+xml
        Content-Disposition: recipient-list"""
        text = options(blanks, "192.0.2.7", "SUBSCRIBE", more).replace("sip:sip.test SIP", f"{ALICE} SIP")
        return house.answers(text, body=LIST % (entries + b" " * blanks))[0]

    def test_a_list_of_as_many_members_as_there_may_be(self) -> None:
        assert self.subscribe(House(max_list_members=5), 5).status == 200

    def test_one_member_more_is_413(self) -> None:
        house = House(max_list_members=5)
        refused = self.subscribe(house, 6)
        assert (refused.status, refused.reason) == (413, "resource-lists: more than 5 members")
        assert counted(house) == {"max_list_members": 1}

    def test_a_larger_body_is_413(self) -> None:
        house = House(max_subscribe_body=2000)
        assert self.subscribe(house, 2, blanks=1000).status == 200
        refused = self.subscribe(house, 2, blanks=2000)
        assert (refused.status, refused.reason) == (413, "Body over 2000 bytes")
        assert counted(house) == {"max_subscribe_body": 1}

    def test_with_too_many_transactions_new_work_is_503(self) -> None:
        house = House(max_transactions=10)
        answers = flood(house, 11, house.peer)
        assert answers[10] == (503, "Too many transactions")


def test_a_flood_of_rubbish_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    house = House(address_requests=0, address_unproved=0)
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            house.receive(b"rubbish\r\n\r\n", house.network.at(STRANGER))
    assert 0 < len(caplog.records) <= 100
    assert house.parts.stats.malformed == 1000
