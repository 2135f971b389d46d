"""Lists that a SUBSCRIBE brings with it (RFC 5367), by the whole server."""

from __future__ import annotations

import zlib

import pytest

from tests.presence.house import House
from tests.presence.lists.list_phones import CONTACTS_OF_ALICE, LISTS, Phone, Told, contacts, enclosed
from tests.presence.packages.watching import Watching
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, pidf, rule, set_rules


class TestListsInTheRequest:
    """RFC 5367."""

    def subscribed(self, house: House, body: bytes, uri: str = "sip:rls@sip.test") -> tuple[Phone, Told]:
        phone = Phone(house, ALICE, uri)
        response = phone.subscribe("Require: recipient-list-subscribe", LISTS, body=body)
        assert (response.status, response.get("Require")) == (200, "eventlist")
        (first,) = phone.told()
        return phone, first

    def test_the_members_are_those_of_the_body(self, house: House) -> None:
        phone, first = self.subscribed(house, enclosed(BOB, DAVE))
        assert first.list.uri == "sip:rls@sip.test"
        assert first.basic == {BOB: "open", DAVE: "closed"}
        house.publish(DAVE, pidf("open"))
        assert phone.hears().basic == {DAVE: "open"}

    def test_a_deflated_body_is_read(self, house: House) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        body = zlib.compress(enclosed(BOB))
        phone.subscribe("Require: recipient-list-subscribe", LISTS, "Content-Encoding: deflate", body=body)
        (first,) = phone.told()
        assert first.states == {BOB: "active"}

    def test_who_says_not_who_he_is_is_challenged_and_nothing_is_subscribed(self, house: House) -> None:
        stranger = house.network.at("198.51.100.9")
        answer = house.ask(
            f"""
            SUBSCRIBE sip:rls@sip.test SIP/2.0
            Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKx
            Max-Forwards: 70
            From: <{ALICE}>;tag=1
            To: <sip:rls@sip.test>
            Call-ID: stranger
            CSeq: 1 SUBSCRIBE
            Contact: <sip:x@198.51.100.9>
            Event: presence
            Supported: eventlist
            Require: recipient-list-subscribe
            {LISTS}
            """,
            stranger,
            enclosed(BOB),
        )
        assert answer.status == 401
        assert len(house.parts.lists) == 0

    def test_whoever_is_in_the_list_decides_whether_he_is_seen(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "block"), owner=BOB)
        _, first = self.subscribed(house, enclosed(BOB, CAROL))
        assert first.states == {BOB: "terminated rejected", CAROL: "active"}

    def test_the_address_of_a_user_stays_that_of_a_list(self, house: House) -> None:
        phone, _ = self.subscribed(house, enclosed(BOB), uri=ALICE)
        house.publish(ALICE, pidf("open"))
        set_rules(house, rule("nobody", ALICE, "block"), owner=ALICE)
        phone.hears_nothing()
        house.publish(BOB, pidf("closed"))
        assert phone.hears().states == {BOB: "active"}

    def test_a_subscription_to_one_user_does_not_become_one_to_a_list(self, house: House) -> None:
        phone = Phone(house, ALICE, BOB)
        assert phone.subscribe().status == 200
        assert phone.subscribe(LISTS, body=enclosed(BOB, CAROL)).status == 415
        house.publish(BOB, pidf("closed", "away"))
        assert phone.subscribe().status == 200
        assert {notify.get("Content-Type") for notify in phone.news()} == {"application/pidf+xml"}

    def test_a_package_without_lists_says_so(self) -> None:
        world, supported = Watching(), "Supported: eventlist"
        lines = (supported, "Require: recipient-list-subscribe", LISTS)
        answer = world.subscribe(
            "presence.winfo", BOB, ALICE, more="\n".join(lines), body=enclosed(BOB)
        ).answer
        assert (answer.status, answer.reason, answer.get("Unsupported")) == (
            420,
            "There are no lists for presence.winfo",
            "recipient-list-subscribe",
        )
        answer = world.subscribe("presence.winfo", CONTACTS_OF_ALICE, ALICE, more=supported).answer
        assert (answer.status, answer.reason) == (404, "There are no lists for presence.winfo")

    def test_what_is_required_and_not_there_is_a_bad_request(self, house: House) -> None:
        for uri in (BOB, CONTACTS_OF_ALICE, "sip:rls@sip.test"):
            response = Phone(house, ALICE, uri).subscribe("Require: recipient-list-subscribe")
            assert (response.status, response.reason) == (
                400,
                "recipient-list-subscribe without a list in the body",
            )

    def test_without_eventlist_the_answer_is_421(self, house: House) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        response = phone.subscribe(LISTS, body=enclosed(BOB), supported=False)
        assert response.status == 421

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"<resource-lists", 400),
            (b"<rules/>", 400),
            (enclosed(*(f"sip:u{number}@sip.test" for number in range(501))), 413),
        ],
    )
    def test_a_list_that_cannot_be_read_or_is_too_long_changes_nothing(
        self, house: House, body: bytes, status: int
    ) -> None:
        assert Phone(house, ALICE, "sip:rls@sip.test").subscribe(LISTS, body=body).status == status
        assert (len(house.parts.lists), house.journal.load("subscription")) == (0, [])

    def test_another_list_within_the_dialog_is_refused(self, house: House) -> None:
        phone, _ = self.subscribed(house, enclosed(BOB))
        assert phone.subscribe(LISTS, body=enclosed(CAROL)).status == 415
        assert phone.subscribe(LISTS, body=enclosed(BOB)).status == 200
        assert phone.told()[-1].states == {BOB: "active"}

    def test_contacts_in_the_list_follow_their_changes(self, house: House) -> None:
        phone, first = self.subscribed(house, enclosed(DAVE, CONTACTS_OF_ALICE))
        assert list(first.states) == [DAVE, BOB, CAROL]
        contacts(house, BOB)
        assert phone.hears().states == {CAROL: "terminated noresource"}
