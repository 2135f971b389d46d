"""What a running server does about long-term status, the default policy and a withdrawn tuple."""

from __future__ import annotations

import pytest

from presence.directory import USER_DELETED, Change
from presence.lists.book import BookGroup
from presence.provisioning.contact_lists import CONTACT_ADDED
from presence.provisioning.news import (
    PRIVACY_CHANGED,
    PRIVACY_FOREIGN,
    PRIVACY_LOCAL,
    STANDING_CHANGED,
    SYSTEM,
)
from presence.provisioning.stored import StandingStatus
from tests.presence.house import House
from tests.presence.watchers import ALICE, BOB, CAROL, Watcher, pidf, rule, set_rules, watch
from tests.sip.usage.fakes import WALL

EVE = "sip:eve@example.org"
VACATION = pidf("closed", "vacation")


def stand(house: House, document: bytes | None, owner: str = ALICE, at: float = WALL) -> None:
    """The outbox tells of the long-term status of `owner`."""
    current = () if document is None else (StandingStatus(owner, document, at),)
    house.parts.apply([Change(1, WALL, STANDING_CHANGED, owner, {}, current=current)])
    house.settle()


def default(house: House, **given: str) -> None:
    """The outbox tells that the default policy is another one: `local`, `foreign`."""
    names = {"local": PRIVACY_LOCAL, "foreign": PRIVACY_FOREIGN}
    current = tuple((names[name], value) for name, value in given.items())
    house.parts.apply([Change(1, WALL, PRIVACY_CHANGED, SYSTEM, {}, current=current)])
    house.settle()


def told(watcher: Watcher) -> list[bytes]:
    return [it.body for it in watcher.news()]


class TestLongTermStatus:
    def test_it_is_told_when_it_is_published_and_when_it_is_taken_back(self) -> None:
        house = House()
        watcher = watch(house)
        stand(house, VACATION)
        (body,) = told(watcher)
        assert b"vacation" in body
        stand(house, None)
        (body,) = told(watcher)
        assert b"vacation" not in body

    def test_a_new_one_replaces_it(self) -> None:
        house = House()
        stand(house, VACATION)
        watcher = watch(house)
        stand(house, pidf("closed", "sick"))
        (body,) = told(watcher)
        assert (b"sick" in body, b"vacation" in body) == (True, False)

    def test_it_stands_beside_what_is_published_and_outlives_it(self) -> None:
        house = House()
        stand(house, VACATION)
        house.publish(ALICE, pidf("open", "here"))
        body = house.document(ALICE)
        assert (b"here" in body, b"vacation" in body) == (True, True)
        house.after(601)
        body = house.document(ALICE)
        assert (b"here" in body, b"vacation" in body) == (False, True)

    def test_it_is_there_after_a_restart(self) -> None:
        house = House()
        house.parts.restore(
            house.journal.load, now=0.0, wall=WALL, standing=[StandingStatus(ALICE, VACATION, WALL - 86400)]
        )
        house.settle()
        assert b"vacation" in house.document(ALICE)

    def test_the_rules_of_its_owner_apply_to_it(self) -> None:
        house = House()
        stand(house, VACATION)
        set_rules(house, rule("r", CAROL, "polite-block"))
        assert b"vacation" not in house.document(ALICE)
        assert b"vacation" in house.document(ALICE, BOB)

    def test_one_that_cannot_be_read_is_not_shown_and_stops_nothing(self) -> None:
        house = House()
        stand(house, VACATION)
        stand(house, b"<nothing/>")
        assert b"vacation" not in house.document(ALICE)
        stand(house, VACATION)
        assert b"vacation" in house.document(ALICE)

    def test_it_goes_with_its_user(self) -> None:
        house = House()
        stand(house, VACATION)
        another = house.parts.directory.user(ALICE)
        house.parts.apply([Change(2, WALL, USER_DELETED, ALICE, {}, another)])
        house.settle()
        assert b"vacation" not in house.document(ALICE)


class TestDefaultPolicy:
    def test_watchers_are_judged_anew_when_it_becomes_narrower(self) -> None:
        house = House()
        house.publish(ALICE, pidf("open", "here"))
        watcher = watch(house)
        assert watcher.state == "active"
        default(house, local="confirm")
        (body,) = told(watcher)
        assert watcher.state == "pending"
        assert b"here" not in body

    def test_blocked_watchers_are_told_that_it_is_over(self) -> None:
        house = House()
        watcher = watch(house)
        default(house, local="block")
        assert watcher.state == "terminated;reason=rejected"

    def test_watchers_are_judged_anew_when_it_becomes_wider(self) -> None:
        house = House(default_policy_local="confirm")
        house.publish(ALICE, pidf("open", "here"))
        watcher = watch(house)
        assert watcher.state == "pending"
        default(house, local="allow")
        (body,) = told(watcher)
        assert watcher.state == "active"
        assert b"here" in body

    def test_a_polite_block_is_a_new_document_and_nothing_else(self) -> None:
        house = House()
        house.publish(ALICE, pidf("open", "here"))
        watcher = watch(house)
        default(house, local="polite-block")
        (body,) = told(watcher)
        assert watcher.state == "active"
        assert b"here" not in body

    def test_local_and_foreign_watchers_have_one_each(self) -> None:
        house = House(default_policy_foreign="allow")
        here, there = watch(house), watch(house, EVE)
        default(house, foreign="confirm")
        assert (here.state, there.state) == ("active", "pending")
        told(there)
        default(house, local="confirm")
        assert (here.state, there.state) == ("pending", "active")

    @pytest.mark.parametrize("value", ["", "  ", "perhaps"])
    def test_what_says_nothing_is_the_setting(self, value: str) -> None:
        house = House(default_policy_local="confirm")
        default(house, local="allow")
        watcher = watch(house)
        assert watcher.state == "active"
        default(house, local=value)
        assert watcher.state == "pending"

    def test_whom_a_rule_names_hears_nothing_of_it(self) -> None:
        house = House()
        set_rules(house, rule("r", BOB, "allow"))
        watcher = watch(house)
        default(house, local="block")
        assert told(watcher) == []
        assert watcher.state == "active"

    def test_who_waits_is_let_in_though_his_subscription_is_over(self) -> None:
        house = House(default_policy_local="confirm")
        watcher = watch(house)
        watcher.subscribe(expires=0)
        house.settle()
        assert house.parts.waiting.subjects() == [("presence", ALICE)]
        default(house, local="allow")
        assert house.parts.waiting.subjects() == []

    def test_who_watches_by_a_list_is_judged_anew(self) -> None:
        house = House()
        house.publish(BOB, pidf("open", "here"))
        book = (BookGroup("", (BOB,), ("",)),)
        house.parts.apply([Change(1, WALL, CONTACT_ADDED, ALICE, {}, current=book)])
        phone = watch(house, ALICE, "Supported: eventlist", whom="sip:alice+contacts@sip.test")
        default(house, local="confirm")
        house.after(1.0)
        (body,) = told(phone)
        assert (b'state="pending"' in body, b"here" in body) == (True, False)

    def test_many_are_judged_one_after_the_other(self) -> None:
        names = [f"user{number}" for number in range(20)]
        house = House(users=[*names, "bob"])
        watchers = [watch(house, whom=f"sip:{name}@sip.test") for name in names]
        default(house, local="block")
        over = sum(it.state.startswith("terminated") for it in watchers)
        assert 0 < over < 20
        house.after(0.1)
        assert all(it.state.startswith("terminated") for it in watchers)

    def test_it_holds_from_the_start_for_subscriptions_of_the_last_run(self) -> None:
        house = House()
        house.publish(ALICE, pidf("open", "here"))
        watcher = watch(house)
        later = House()
        later.network, later.journal = house.network, house.journal
        later.parts = later._build(0.0)
        watcher.house = later
        later.parts.restore(later.journal.load, now=0.0, wall=WALL, privacy=[(PRIVACY_LOCAL, "confirm")])
        later.after(1.0)
        (body,) = told(watcher)
        assert watcher.state == "pending"
        assert b"here" not in body


class TestWithdrawnTuple:
    TWO = pidf("open", "here").replace(
        b"</tuple>", b'</tuple><tuple id="cupc-override"><status><basic>closed</basic></status></tuple>'
    )

    def test_only_that_tuple_leaves_and_watchers_are_told(self) -> None:
        house = House()
        house.publish(ALICE, self.TWO)
        watcher = watch(house)
        house.parts.publications.withdraw_tuple(ALICE, "cupc-override")
        house.settle()
        (body,) = told(watcher)
        assert (b"here" in body, b"cupc-override" in body) == (True, False)

    def test_the_publication_goes_if_it_was_its_only_one(self) -> None:
        house = House()
        house.publish(ALICE, pidf("open", "here", "happy"))
        house.publish(ALICE, pidf("open", "away").replace(b'"t"', b'"u"'))
        watcher = watch(house)
        house.parts.publications.withdraw_tuple(ALICE, "t")
        house.settle()
        (body,) = told(watcher)
        assert [b"here" in body, b"happy" in body, b"away" in body] == [False, False, True]
        assert len(house.parts.publications) == 1

    def test_an_unknown_tuple_is_no_error_and_changes_nothing(self) -> None:
        house = House()
        house.publish(ALICE, self.TWO)
        house.publish(BOB, pidf())
        watcher, rows = watch(house), dict(house.journal.rows)
        for aor, ident in ((ALICE, "nothing"), (ALICE, ""), (CAROL, "t"), ("sip:nobody@sip.test", "t")):
            house.parts.publications.withdraw_tuple(aor, ident)
        house.settle()
        assert told(watcher) == []
        assert house.journal.rows == rows
        assert len(house.parts.publications) == 2
