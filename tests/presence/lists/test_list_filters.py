"""Filters in subscriptions to lists (RFC 4660 §4): for a member, a domain, a group, the list itself."""

from __future__ import annotations

import pytest

from presence.documents.multipart import Part as BodyPart
from presence.documents.multipart import render_related
from tests.presence.house import House
from tests.presence.lists.list_phones import (
    CONTACTS_OF_ALICE,
    FILTER,
    WORK,
    Phone,
    contacts,
    enclosed,
    restarted,
    subscribed,
    user,
)
from tests.presence.watchers import ALICE, BOB, CAROL, pidf

FILTERS = f"{FILTER[: FILTER.index('<filter id')]}{{}}</filter-set>"
KEEPS_MOOD = "<what><exclude>/presence/nothing</exclude></what>"


def filter_of(uri: str) -> bytes:
    """For `uri`: leaves all but the mood."""
    return FILTER.replace(BOB, uri).encode()


class TestFilters:
    """The package of the members reads them; each member is asked on his own."""

    def test_a_filter_holds_for_the_member_that_it_names(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(FILTER.encode())
        (first,) = phone.told()
        assert [b"mood" in first.documents[uri] for uri in (BOB, CAROL)] == [False, True]

    def test_it_comes_with_a_list_in_a_multipart_and_survives_a_restart(self, house: House) -> None:
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB)),
                BodyPart("application/simple-filter+xml", FILTER.encode()),
            )
        )
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        phone.subscribe(f"Content-Type: {content_type}", body=body)
        (first,) = phone.told()
        assert b"mood" not in first.documents[BOB]
        again = restarted(house, phone)
        again.publish(BOB, pidf("closed", mood="sad"))
        assert all(b"mood" not in news.documents[BOB] for news in phone.told())

    def test_a_filter_may_come_later_and_stays_when_it_is_refused(self, house: House) -> None:
        phone, first = subscribed(house)
        assert b"mood" in first.documents[BOB]
        assert phone.filter(FILTER.encode()).status == 200
        assert b"mood" not in phone.told()[-1].documents[BOB]
        assert phone.filter(b"<filter-set").status == 400
        assert phone.subscribe().status == 200
        assert b"mood" not in phone.told()[-1].documents[BOB]

    def test_all_members_have_the_same_filter_understood_once(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)

        def filters() -> list[object]:
            (view,) = house.parts.lists._views.values()
            return [member.view.filter for member in view._members.values()]  # type: ignore[union-attr]

        phone.filter(FILTER.encode())
        bobs, carols = filters()
        assert bobs is carols is not None
        phone.filter(FILTER.replace("bob", "carol").encode())
        after, carols = filters()
        assert after is carols is not bobs

    def test_a_filter_for_a_domain_holds_for_each_member_of_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(FILTER.replace('uri="sip:bob@sip.test"', 'domain="sip.test"').encode())
        (first,) = phone.told()
        assert [b"mood" in first.documents[uri] for uri in (BOB, CAROL)] == [False, False]

    def test_two_filters_for_one_member_are_refused(self, house: House) -> None:
        second = FILTER[FILTER.index("<filter id") : FILTER.index("</filter-set>")].replace('"1"', '"2"')
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        answer = phone.filter(FILTER.replace("</filter-set>", f"{second}</filter-set>").encode())
        assert (answer.status, answer.reason) == (
            488,
            "Filter: sip:bob@sip.test has two filters, the second is 2",
        )

    @pytest.mark.parametrize("named", ["the list", "another name of the list", "pres"])
    def test_a_filter_that_names_the_list_holds_for_each_member(self, house: House, named: str) -> None:
        """RFC 4660 §4.1: as one that names nobody."""
        house.parts.directory.load([user(ALICE, "sip:al@sip.test")])
        uri = {
            "the list": CONTACTS_OF_ALICE,
            "another name of the list": "sip:al+contacts@sip.test",
            "pres": "pres:alice+contacts@sip.test",
        }[named]
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(uri)).status == 200
        (first,) = phone.told()
        assert first.moods == set()

    def test_a_filter_that_names_the_uri_of_a_list_in_the_subscribe_holds_for_each_member(
        self, house: House
    ) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB)),
                BodyPart("application/simple-filter+xml", filter_of("sip:rls@sip.test")),
            )
        )
        assert phone.subscribe(f"Content-Type: {content_type}", body=body).status == 200
        (first,) = phone.told()
        assert first.moods == set()

    def test_a_filter_that_names_a_group_holds_for_those_in_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        contacts(house, BOB, CAROL, work=(BOB,))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(WORK)).status == 200
        (first,) = phone.told()
        assert first.moods == {CAROL}
        contacts(house, BOB, CAROL, work=(CAROL,))
        assert phone.hears().moods == {BOB}
        house.publish(CAROL, pidf("open", mood="happy"))
        assert phone.hears().moods == set()

    def test_a_filter_that_names_a_list_within_the_list_holds_for_those_in_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        contacts(house, work=(CAROL,))
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB, CONTACTS_OF_ALICE)),
                BodyPart("application/simple-filter+xml", filter_of(CONTACTS_OF_ALICE)),
            )
        )
        assert phone.subscribe(f"Content-Type: {content_type}", body=body).status == 200
        (first,) = phone.told()
        assert first.moods == {BOB}

    @pytest.mark.parametrize(
        "filters",
        [
            (f'uri="{CONTACTS_OF_ALICE}"', 'domain="sip.test"'),
            (f'uri="{BOB}"', f'uri="{CONTACTS_OF_ALICE}"'),
            (f'uri="{WORK}"', f'uri="{CONTACTS_OF_ALICE}"'),
            ('domain="sip.test"', ""),
            (f'uri="{BOB}"', 'domain="sip.test"'),
        ],
        ids=["list before domain", "resource before list", "inner before outer", "domain before none", "rfc"],
    )
    def test_the_nearest_filter_holds_alone(self, house: House, filters: tuple[str, str]) -> None:
        """The first keeps the mood, the second takes it away."""
        contacts(house, CAROL, work=(BOB,))
        for order in (filters, filters[::-1]):
            keeps = {
                filters[0]: KEEPS_MOOD,
                filters[1]: FILTER[FILTER.index("<what>") : FILTER.index("</filter>")],
            }
            body = "".join(
                f'<filter id="{number}" {address}>{keeps[address]}</filter>'
                for number, address in enumerate(order)
            )
            phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
            assert phone.filter(FILTERS.format(body).encode()).status == 200
            (first,) = phone.told()
            assert first.moods == {BOB}

    def test_a_trigger_of_the_list_holds_for_each_member(self, house: House) -> None:
        trigger = "<trigger><changed>/presence/tuple/status/basic</changed></trigger>"
        tag = house.publish(ALICE, pidf("open"))
        contacts(house, ALICE)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        body = FILTERS.format(f'<filter id="1" uri="{CONTACTS_OF_ALICE}">{trigger}</filter>')
        assert phone.filter(body.encode()).status == 200
        phone.told()
        tag = house.modify(tag, "application/pidf+xml", pidf("open", mood="sad"))
        phone.hears_nothing()
        house.modify(tag, "application/pidf+xml", pidf("closed", mood="sad"))
        assert phone.hears().basic == {ALICE: "closed"}

    def test_the_filter_of_a_list_comes_by_a_refresh_and_is_replaced_and_removed(self, house: House) -> None:
        phone, first = subscribed(house)
        assert first.moods == {BOB}
        for filters, moods in (
            (filter_of(CONTACTS_OF_ALICE), set()),
            (filter_of(CONTACTS_OF_ALICE).replace(b"+contacts@", b"+contacts.none@"), {BOB}),
            (filter_of(CONTACTS_OF_ALICE), set()),
            (FILTERS.format('<filter id="1" enabled="false"/>').encode(), {BOB}),
            (FILTERS.format('<filter id="1" enabled="true"/>').encode(), set()),
            (FILTERS.format('<filter id="1" remove="true"/>').encode(), {BOB}),
        ):
            assert phone.filter(filters).status == 200
            assert phone.told()[-1].moods == moods

    def test_the_filter_of_a_list_outlives_a_restart(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(filter_of(CONTACTS_OF_ALICE))
        phone.told()
        again = restarted(house, phone)
        again.publish(BOB, pidf("closed", mood="sad"))
        news = phone.told()
        assert news
        assert all(it.moods == set() for it in news)

    @pytest.mark.parametrize("filtered", [BOB, "sip:bobby@sip.test"])
    @pytest.mark.parametrize("listed", [BOB, "sip:bobby@sip.test"])
    def test_a_member_and_the_filter_for_him_may_have_another_of_his_names(
        self, house: House, listed: str, filtered: str
    ) -> None:
        house.parts.directory.load([user(BOB, "sip:bobby@sip.test")])
        contacts(house, listed)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(filtered)).status == 200
        (first,) = phone.told()
        assert listed in first.documents
        assert first.moods == set()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (f'uri="{BOB}"', 'uri="sip:bobby@sip.test"'),
            (f'uri="{CONTACTS_OF_ALICE}"', 'uri="sip:al+contacts@sip.test"'),
            (f'uri="{CONTACTS_OF_ALICE}"', ""),
        ],
        ids=["an alias", "a list by an alias of its owner", "the list and what was subscribed to"],
    )
    @pytest.mark.parametrize("later", [False, True])
    def test_two_filters_for_the_same_by_two_names_are_refused(
        self, house: House, one: str, other: str, later: bool
    ) -> None:
        house.parts.directory.load([user(BOB, "sip:bobby@sip.test"), user(ALICE, "sip:al@sip.test")])
        first, second = (
            f'<filter id="{number}" {address}>{KEEPS_MOOD}</filter>'
            for number, address in enumerate((one, other))
        )
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        if later:
            assert phone.filter(FILTERS.format(first).encode()).status == 200
            answer = phone.filter(FILTERS.format(second).encode())
        else:
            answer = phone.filter(FILTERS.format(first + second).encode())
        meant = BOB if "bob" in one else CONTACTS_OF_ALICE
        assert (answer.status, answer.reason) == (488, f"Filter: {meant} has two filters, the second is 1")

    def test_what_is_no_filter_is_refused_though_nobody_is_in_the_list(self, house: House) -> None:
        contacts(house)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.subscribe("Content-Type: text/plain", body=b"hello").status == 415
