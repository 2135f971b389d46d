"""Who is in a list and what is shown of him: his rules, contacts that change, groups, nested lists."""

from __future__ import annotations

from presence.directory import USER_ADDED, USER_CHANGED, USER_DELETED, Change
from tests.presence.house import House
from tests.presence.lists.list_phones import CONTACTS_OF_ALICE, WORK, contacts, subscribed, told, user
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, pidf, rule, set_rules
from tests.sip.usage.fakes import WALL


class TestMembers:
    def test_each_is_judged_by_his_own_rules(self, house: House) -> None:
        contacts(house, BOB, CAROL, DAVE)
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        set_rules(house, rule("a", ALICE, "block"), owner=DAVE)
        _, first = subscribed(house)
        assert first.states == {BOB: "active", CAROL: "pending", DAVE: "terminated rejected"}
        assert set(first.documents) == {BOB}

    def test_who_allows_it_appears_and_who_forbids_it_goes(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        phone, _ = subscribed(house)
        set_rules(house, rule("a", ALICE, "allow"), owner=CAROL)
        assert phone.hears().states == {CAROL: "active"}
        set_rules(house, rule("a", ALICE, "block"), owner=BOB)
        assert phone.hears().states == {BOB: "terminated rejected"}
        house.publish(BOB, pidf("closed", "secret"))
        phone.hears_nothing()

    def test_a_polite_refusal_cannot_be_told_from_somebody_who_is_not_there(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "polite-block"), owner=BOB)
        phone, first = subscribed(house)
        assert first.basic == {BOB: "closed", CAROL: "closed"}
        house.publish(BOB, pidf("closed", "secret"))
        phone.hears_nothing()

    def test_who_refuses_politely_and_then_allows_it_appears_and_goes_when_he_is_deleted(self) -> None:
        house = House(default_policy_local="polite-block")
        contacts(house, BOB, CAROL)
        house.publish(BOB, pidf("open"))
        phone, first = subscribed(house)
        assert first.basic == {BOB: "closed", CAROL: "closed"}
        set_rules(house, rule("a", ALICE, "allow"), owner=BOB)
        assert phone.hears().basic == {BOB: "open"}
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        assert phone.hears().states == {CAROL: "pending"}
        set_rules(house, owner=CAROL)
        assert phone.hears().states == {CAROL: "active"}
        house.parts.apply([Change(1, WALL, USER_DELETED, CAROL, {})])
        assert phone.hears().states == {CAROL: "terminated noresource"}

    def test_of_nobody_and_of_people_elsewhere_no_state_can_be_had(self, house: House) -> None:
        contacts(house, BOB, "sip:nobody@sip.test", "sip:eve@elsewhere.test")
        _, first = subscribed(house)
        assert first.states == {
            BOB: "active",
            "sip:nobody@sip.test": "terminated noresource",
            "sip:eve@elsewhere.test": "terminated noresource",
        }

    def test_a_user_who_is_deleted_and_comes_again_goes_and_appears(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.parts.apply([Change(1, WALL, USER_DELETED, BOB, {})])
        assert phone.hears().states == {BOB: "terminated noresource"}
        house.parts.apply([Change(2, WALL, USER_ADDED, BOB, {}, user(BOB))])
        news = phone.hears()
        assert (news.states, news.basic) == ({BOB: "active"}, {BOB: "closed"})

    def test_an_address_that_becomes_an_alias_shows_its_user(self, house: House) -> None:
        contacts(house, "sip:bobby@sip.test")
        phone, first = subscribed(house)
        assert first.states == {"sip:bobby@sip.test": "terminated noresource"}
        house.parts.apply([Change(1, WALL, USER_CHANGED, BOB, {}, user(BOB, "sip:bobby@sip.test"))])
        assert phone.hears().basic == {"sip:bobby@sip.test": "open"}

    def test_a_contact_that_is_added_appears_and_one_that_is_removed_goes(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(DAVE, pidf("open"))
        contacts(house, BOB, DAVE)
        news = phone.hears()
        assert not news.list.full
        assert news.states == {DAVE: "active", CAROL: "terminated noresource"}
        house.publish(CAROL, pidf("open"))
        phone.hears_nothing()
        house.publish(DAVE, pidf("closed", "busy"))
        assert phone.hears().states == {DAVE: "active"}

    def test_a_group_that_is_deleted_ends_its_subscription_with_nobody_in_it(self, house: House) -> None:
        contacts(house, work=[BOB])
        phone, _ = subscribed(house, WORK)
        contacts(house, CAROL)
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=noresource"
        assert told(last).states == {BOB: "terminated noresource"}
        assert len(house.parts.lists) == 0

    def test_the_contacts_of_others_change_nothing(self, house: House) -> None:
        phone, _ = subscribed(house)
        contacts(house, DAVE, owner=BOB)
        phone.hears_nothing()

    def test_an_owner_who_is_deleted_hears_of_nobody_any_more(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.parts.apply([Change(1, WALL, USER_DELETED, ALICE, {})])
        house.settle()
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=rejected"
        assert told(last).documents == {}

    def test_a_list_within_a_list_is_unfolded_and_cycles_are_cut(self, house: House) -> None:
        contacts(house, BOB, WORK, work=[CAROL, CONTACTS_OF_ALICE])
        phone, first = subscribed(house)
        assert list(first.states) == [BOB, CAROL]
        contacts(house, BOB, WORK, work=[DAVE, CONTACTS_OF_ALICE])
        assert phone.hears().states == {DAVE: "active", CAROL: "terminated noresource"}
