"""Who watches through a list is a watcher like any other: watcher information (RFC 3857), and decisions."""

from __future__ import annotations

import pytest

from presence.directory import USER_ADDED, USER_DELETED, Change
from presence.documents.watcherinfo import WatcherInfo
from tests.presence.lists.list_phones import (
    CONTACTS_OF_ALICE,
    LISTS,
    WORK,
    Phone,
    contacts,
    enclosed,
    subscribed,
    user,
)
from tests.presence.packages.test_winfo import WINFO, info
from tests.presence.packages.watching import Phone as WinfoPhone
from tests.presence.packages.watching import Watching
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, pidf, rule, set_rules, watch
from tests.sip.usage.fakes import WALL

Row = tuple[str, str, str]
EVE = "sip:eve@elsewhere.example"


@pytest.fixture
def world() -> Watching:
    """Alice has bob and carol in her list; people of other domains need permission."""
    world = Watching(default_policy_foreign="confirm")
    contacts(world.house, BOB, CAROL)
    world.house.publish(BOB, pidf("open"))
    return world


def decide(world: Watching, handling: str, who: str = ALICE) -> None:
    """Bob decides on somebody."""
    set_rules(world.house, rule("r", who, handling), owner=BOB)


def winfo(world: Watching, aor: str = BOB) -> WinfoPhone:
    """A subscription of bob's to his watchers."""
    return world.subscribe(WINFO, aor, aor, expires=86400)


def watchers(document: WatcherInfo, aor: str = BOB) -> list[Row]:
    (listed,) = document.lists
    assert (listed.resource, listed.package) == (aor, "presence")
    return [(watcher.uri, watcher.status, watcher.event) for watcher in listed.watchers]


def heard(phone: WinfoPhone, aor: str = BOB) -> list[Row]:
    """The watchers in the one NOTIFY that came."""
    (notify,) = phone.heard()
    return watchers(info(notify), aor)


def seen(world: Watching, aor: str = BOB) -> list[Row]:
    """All that bob's watcher information has now."""
    return heard(world.subscribe(WINFO, aor, aor, expires=0), aor)


def restart(world: Watching, down: float = 0.0) -> None:
    """The server stops without a warning and starts again, `down` seconds later, with the same contacts."""
    house = world.house
    rows = [(ALICE, house.parts.contacts.groups(ALICE))]
    house.parts = house._build(house.parts.timers.now)
    house.parts.contacts.load(rows)
    wall = house.wall() + down
    house.parts.restore(house.journal.load, now=house.parts.timers.now, wall=wall)
    house.settle()


class TestWatchers:
    def test_who_has_him_in_a_list_is_there_with_name_and_times(self, world: Watching) -> None:
        phone, _ = subscribed(world.house)
        world.house.after(100)
        (notify,) = winfo(world).heard()
        (listed,) = info(notify).lists
        (watcher,) = listed.watchers
        assert watcher[1:] == ("active", "subscribe", ALICE, None, None, 500, 100)
        phone.subscribe(expires=300)
        assert seen(world) == [(ALICE, "active", "subscribe")]

    def test_he_comes_and_goes_as_a_change(self, world: Watching) -> None:
        bob, carol = winfo(world), winfo(world, CAROL)
        assert (heard(bob), heard(carol, CAROL)) == ([], [])
        phone, _ = subscribed(world.house)
        assert heard(bob) == [(ALICE, "active", "subscribe")]
        assert heard(carol, CAROL) == [(ALICE, "active", "subscribe")]
        phone.subscribe(expires=0)
        assert heard(bob) == [(ALICE, "terminated", "timeout")]
        assert seen(world) == []

    def test_a_refresh_is_no_news(self, world: Watching) -> None:
        phone, _ = subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        phone.subscribe()
        phone.told()
        world.house.publish(BOB, pidf("closed"))
        phone.hears()
        assert bob.heard() == []

    def test_each_of_his_subscriptions_is_one_watcher(self, world: Watching) -> None:
        subscribed(world.house)
        watch(world.house, ALICE, whom=BOB)
        (notify,) = winfo(world).heard()
        ids = [watcher.id for listed in info(notify).lists for watcher in listed.watchers]
        assert len(set(ids)) == len(ids) == 2

    def test_a_contact_put_in_or_taken_out_hears_of_it(self, world: Watching) -> None:
        contacts(world.house, CAROL)
        subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        contacts(world.house, BOB, CAROL)
        assert heard(bob) == [(ALICE, "active", "subscribe")]
        contacts(world.house, CAROL)
        assert heard(bob) == [(ALICE, "terminated", "timeout")]

    def test_so_does_one_of_a_group_that_is_deleted(self, world: Watching) -> None:
        contacts(world.house, work=[BOB])
        subscribed(world.house, WORK)
        bob = winfo(world)
        bob.heard()
        contacts(world.house)
        assert heard(bob) == [(ALICE, "terminated", "timeout")]

    def test_who_brings_the_list_along_is_a_watcher_too(self, world: Watching) -> None:
        phone = Phone(world.house, CAROL, "sip:rls@sip.test")
        assert phone.subscribe(LISTS, body=enclosed(BOB)).status == 200
        assert seen(world) == [(CAROL, "active", "subscribe")]

    def test_a_list_that_is_not_durable_has_never_been(self, world: Watching) -> None:
        bob = winfo(world)
        bob.heard()
        world.house.journal.fail = True
        assert Phone(world.house, ALICE, CONTACTS_OF_ALICE).subscribe().status == 503
        assert bob.heard() == []

    def test_one_who_is_deleted_and_created_again(self, world: Watching) -> None:
        subscribed(world.house)
        world.house.parts.apply([Change(2, WALL, USER_DELETED, BOB, {})])
        assert [member.watches for member in world.house.parts.lists.through("presence", BOB)] == [False]
        world.house.parts.apply([Change(3, WALL, USER_ADDED, BOB, {}, user=user(BOB))])
        assert seen(world) == [(ALICE, "active", "subscribe")]

    def test_a_watcher_who_is_deleted(self, world: Watching) -> None:
        subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        world.house.parts.apply([Change(2, WALL, USER_DELETED, ALICE, {})])
        assert heard(bob) == [(ALICE, "terminated", "rejected")]

    def test_he_is_there_after_a_restart_under_the_same_id(self, world: Watching) -> None:
        subscribed(world.house)
        (before,) = winfo(world).heard()
        restart(world)
        (after,) = winfo(world).heard()
        assert watchers(info(after)) == [(ALICE, "active", "subscribe")]
        assert info(after).lists[0].watchers[0].id == info(before).lists[0].watchers[0].id


class TestDecisions:
    def test_who_needs_permission_is_pending_and_active_when_he_has_it(self, world: Watching) -> None:
        decide(world, "confirm")
        phone, first = subscribed(world.house)
        assert first.states == {BOB: "pending", CAROL: "active"}
        bob = winfo(world)
        assert heard(bob) == [(ALICE, "pending", "subscribe")]
        decide(world, "allow")
        assert heard(bob) == [(ALICE, "active", "approved")]
        news = phone.hears()
        assert (news.states, news.basic) == ({BOB: "active"}, {BOB: "open"})

    def test_the_members_owner_hears_at_once_when_he_is_asked(self, world: Watching) -> None:
        decide(world, "confirm")
        bob = winfo(world)
        bob.heard()
        subscribed(world.house)
        assert heard(bob) == [(ALICE, "pending", "subscribe")]

    def test_one_who_is_refused_is_gone(self, world: Watching) -> None:
        decide(world, "confirm")
        phone, _ = subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        decide(world, "block")
        assert heard(bob) == [(ALICE, "terminated", "rejected")]
        assert phone.hears().states == {BOB: "terminated rejected"}
        assert seen(world) == []
        assert len(world.house.parts.waiting) == 0

    def test_one_who_was_refused_comes_when_he_is_allowed(self, world: Watching) -> None:
        decide(world, "block")
        subscribed(world.house)
        bob = winfo(world)
        assert heard(bob) == []
        decide(world, "allow")
        assert heard(bob) == [(ALICE, "active", "subscribe")]

    def test_one_who_is_blocked_politely_is_active(self, world: Watching) -> None:
        decide(world, "polite-block")
        subscribed(world.house)
        assert seen(world) == [(ALICE, "active", "subscribe")]

    def test_permission_may_be_taken_back(self, world: Watching) -> None:
        phone, _ = subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        decide(world, "confirm")
        assert heard(bob) == [(ALICE, "pending", "subscribe")]
        assert phone.hears().states == {BOB: "pending"}

    def test_other_members_hear_nothing_of_it(self, world: Watching) -> None:
        subscribed(world.house)
        carol = winfo(world, CAROL)
        carol.heard()
        decide(world, "confirm")
        assert carol.heard() == []


class TestWaiting:
    def test_one_whose_list_expires_before_a_decision_waits(self, world: Watching) -> None:
        decide(world, "confirm")
        subscribed(world.house)
        bob = winfo(world)
        bob.heard()
        world.house.after(601)
        assert heard(bob) == [(ALICE, "waiting", "timeout")]
        decide(world, "allow")
        assert heard(bob) == [(ALICE, "terminated", "approved")]

    def test_over_a_restart_too(self, world: Watching) -> None:
        Phone(world.house, EVE, "sip:rls@sip.test").subscribe(LISTS, body=enclosed(BOB), expires=60)
        world.house.after(61)
        restart(world)
        assert seen(world) == [(EVE, "waiting", "timeout")]

    def test_one_that_expired_while_the_server_was_down_waits(self, world: Watching) -> None:
        Phone(world.house, EVE, "sip:rls@sip.test").subscribe(LISTS, body=enclosed(BOB), expires=60)
        world.house.journal.hold = True
        restart(world, 61)
        world.house.journal.hold = False
        world.house.after(1)
        assert seen(world) == [(EVE, "waiting", "timeout")]

    def test_one_who_was_allowed_does_not(self, world: Watching) -> None:
        subscribed(world.house)
        world.house.after(601)
        assert seen(world) == []

    def test_nor_one_who_still_asks_by_another_subscription(self, world: Watching) -> None:
        decide(world, "confirm")
        subscribed(world.house)
        world.house.after(300)
        watch(world.house, ALICE, whom=BOB)
        world.house.after(301)
        assert seen(world) == [(ALICE, "pending", "subscribe")]

    def test_who_asks_again_by_a_list_waits_no_more(self, world: Watching) -> None:
        decide(world, "confirm")
        watch(world.house, ALICE, whom=BOB)
        world.house.after(601)
        assert seen(world) == [(ALICE, "waiting", "timeout")]
        subscribed(world.house)
        assert seen(world) == [(ALICE, "pending", "subscribe")]

    def test_who_only_looks_waits_for_those_who_have_not_decided(self, world: Watching) -> None:
        decide(world, "confirm")
        events: list[tuple[str, str]] = []
        world.house.parts.lists.on_subscription.append(lambda it, event: events.append((it.aor, event)))
        Phone(world.house, ALICE, CONTACTS_OF_ALICE).subscribe(expires=0)
        assert events == [(BOB, "timeout")]
        assert seen(world) == [(ALICE, "waiting", "timeout")]
        assert seen(world, CAROL) == []

    def test_a_stranger_with_a_list_of_his_own_waits_for_each(self, world: Watching) -> None:
        phone = Phone(world.house, EVE, "sip:rls@sip.test")
        phone.subscribe(LISTS, body=enclosed(BOB, DAVE), expires=60)
        assert seen(world) == [(EVE, "pending", "subscribe")]
        world.house.after(61)
        assert seen(world) == seen(world, DAVE) == [(EVE, "waiting", "timeout")]

    def test_one_who_is_taken_out_of_the_list_waits(self, world: Watching) -> None:
        """As after a SUBSCRIBE that ends a pending subscription."""
        decide(world, "confirm")
        subscribed(world.house)
        contacts(world.house, CAROL)
        assert seen(world) == [(ALICE, "waiting", "timeout")]
