"""Watcher information (RFC 3857, 3858): who watches me, who wants to, and who wanted to."""

from __future__ import annotations

from typing import Literal

import pytest

from presence.documents.watcherinfo import Watcher, WatcherInfo, parse_watcherinfo
from presence.packages.waiting import WaitingList
from sip.errors import Forbidden
from sip.headers.grammar import TOKEN
from sip.message import Request
from sip.timers import TimerWheel
from tests.presence.packages.watching import ALICE, BOB, CAROL, Watching
from tests.sip.usage.fakes import WALL, MemoryJournal

WINFO = "presence.winfo"
STRANGER = "sip:eve@elsewhere.example"
DAY = 86400


@pytest.fixture
def world() -> Watching:
    """People of other domains need permission."""
    return Watching(default_policy_foreign="confirm")


def info(notify: Request) -> WatcherInfo:
    assert notify.get("Content-Type") == "application/watcherinfo+xml"
    return parse_watcherinfo(notify.body)


def only(notifies: list[Request]) -> WatcherInfo:
    (notify,) = notifies
    return info(notify)


def watchers(document: WatcherInfo) -> list[Watcher]:
    (listed,) = document.lists
    assert (listed.resource, listed.package) == (ALICE, "presence")
    return list(listed.watchers)


def told(document: WatcherInfo) -> list[tuple[str, str, str]]:
    return [(watcher.uri, watcher.status, watcher.event) for watcher in watchers(document)]


def decide(world: Watching, verdict: Literal["active", "rejected"]) -> None:
    """Alice decides on everybody."""

    def authorize(watcher: str, aor: str) -> Literal["active"]:
        if verdict == "rejected":
            raise Forbidden
        return "active"

    presence = world.house.parts.notifier.packages["presence"]
    winfo = world.house.parts.notifier.packages[WINFO]
    presence._authorizer = authorize  # type: ignore[attr-defined]
    winfo._authorizer = authorize  # type: ignore[attr-defined]
    world.house.parts.notifier.reauthorize("presence", ALICE)
    world.house.settle()


class TestWhoMaySee:
    def test_the_presentity_himself(self, world: Watching) -> None:
        phone = world.subscribe(WINFO, ALICE, ALICE)
        assert phone.answer.status == 200
        document = only(phone.heard())
        assert (document.version, document.full, told(document)) == (0, True, [])

    def test_nobody_else(self, world: Watching) -> None:
        answer = world.subscribe(WINFO, ALICE, BOB).answer
        assert (answer.status, answer.reason) == (403, "Only the user himself may watch this")

    def test_watchers_of_watchers_are_not_offered(self, world: Watching) -> None:
        answer = world.subscribe("presence.winfo.winfo", ALICE, ALICE).answer
        assert answer.status == 489
        assert WINFO in (answer.get("Allow-Events") or "")

    def test_another_format_is_not_acceptable(self, world: Watching) -> None:
        answer = world.subscribe(WINFO, ALICE, ALICE, more="Accept: application/pidf+xml").answer
        assert (answer.status, answer.get("Accept")) == (406, "application/watcherinfo+xml")

    def test_the_format_is_the_same_with_accept_and_without(self, world: Watching) -> None:
        for more in ("", "Accept: application/x-watchers, application/watcherinfo+xml"):
            (notify,) = world.subscribe(WINFO, ALICE, ALICE, more=more).heard()
            assert notify.get("Content-Type") == "application/watcherinfo+xml"


class TestDocuments:
    def test_all_watchers_are_in_the_first_with_name_and_times(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB).heard()
        world.house.after(100)
        document = only(world.subscribe(WINFO, ALICE, ALICE).heard())
        (watcher,) = watchers(document)
        assert watcher[1:] == ("active", "subscribe", BOB, "Some One", None, 500, 100)

    def test_then_only_those_that_changed_with_versions_that_rise_by_one(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        carol = world.subscribe("presence", ALICE, CAROL)
        came = only(alice.heard())
        assert (came.version, came.full) == (1, False)
        assert told(came) == [(CAROL, "active", "subscribe")]
        carol.ask(0)
        went = only(alice.heard())
        assert (went.version, went.full) == (2, False)
        assert told(went) == [(CAROL, "terminated", "timeout")]
        assert watchers(went)[0].id == watchers(came)[0].id

    def test_a_refresh_gets_all_of_them_again(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        alice.ask(600)
        document = only(alice.heard())
        assert (document.version, document.full) == (1, True)
        assert told(document) == [(BOB, "active", "subscribe")]

    def test_a_fetch_gets_all_of_them(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        document = only(world.subscribe(WINFO, ALICE, ALICE, expires=0).heard())
        assert (document.full, told(document)) == (True, [(BOB, "active", "subscribe")])

    def test_after_a_notify_that_failed_all_are_told(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.subscribe("presence", ALICE, BOB)
        alice.heard(500)
        world.subscribe("presence", ALICE, CAROL)
        document = only(alice.heard())
        assert (document.version, document.full) == (2, True)
        assert told(document) == [(BOB, "active", "subscribe"), (CAROL, "active", "subscribe")]

    def test_what_was_and_is_over_before_it_could_be_told_is_not(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        bob = world.subscribe("presence", ALICE, BOB)
        bob.heard()
        bob.ask(0)
        (first,) = alice.heard()
        assert told(info(first)) == []
        world.subscribe("presence", ALICE, CAROL, expires=0)
        assert alice.heard() == []

    def test_who_refreshes_is_no_news(self, world: Watching) -> None:
        bob = world.subscribe("presence", ALICE, BOB)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        bob.ask(600)
        assert alice.heard() == []

    def test_versions_go_on_after_a_restart(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.subscribe("presence", ALICE, BOB)
        assert only(alice.heard()).version == 1
        world.restart()
        world.house.after(1)
        document = only(alice.heard())
        assert document.version > 1
        assert (document.full, told(document)) == (True, [(BOB, "active", "subscribe")])

    def test_the_state_has_an_entity_tag_that_does_not_depend_on_the_moment(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        (notify,) = alice.heard()
        world.house.after(10)
        alice._more = f"Suppress-If-Match: {notify.get('SIP-ETag')}"
        assert alice.ask(600).status == 204
        assert alice.heard() == []

    def test_ids_tell_nothing_of_dialogs(self, world: Watching) -> None:
        bob = world.subscribe("presence", ALICE, BOB)
        (watcher,) = watchers(only(world.subscribe(WINFO, ALICE, ALICE).heard()))
        assert watcher.id != bob.answer.to.tag

    def test_ids_are_tokens_and_each_subscription_has_its_own(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER, expires=60).heard()
        world.house.after(61)  # One who waits ...
        for _ in range(2):  # ... and two phones of one watcher.
            world.subscribe("presence", ALICE, BOB)
        found = watchers(only(world.subscribe(WINFO, ALICE, ALICE).heard()))
        assert len({watcher.id for watcher in found}) == 3
        assert all(TOKEN.fullmatch(watcher.id) for watcher in found)


class TestDecisions:
    def test_who_asks_is_pending_until_he_is_approved(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.subscribe("presence", ALICE, STRANGER)
        assert told(only(alice.heard())) == [(STRANGER, "pending", "subscribe")]
        decide(world, "active")
        assert told(only(alice.heard())) == [(STRANGER, "active", "approved")]

    def test_or_rejected(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        world.subscribe("presence", ALICE, STRANGER)
        alice.heard()
        decide(world, "rejected")
        assert told(only(alice.heard())) == [(STRANGER, "terminated", "rejected")]

    def test_a_user_who_is_deleted_watches_nobody(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.house.parts.notifier.remove_user(BOB)
        assert told(only(alice.heard())) == [(BOB, "terminated", "rejected")]


class TestWaiting:
    def wait(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER, expires=60).heard()
        world.house.after(61)

    def seen(self, world: Watching) -> list[tuple[str, str, str]]:
        return told(only(world.subscribe(WINFO, ALICE, ALICE, expires=0).heard()))

    def test_a_pending_subscription_that_ends_by_itself_waits(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.subscribe("presence", ALICE, STRANGER, expires=60).heard()
        pending = only(alice.heard())
        world.house.after(61)
        waiting = only(alice.heard())
        assert told(waiting) == [(STRANGER, "waiting", "timeout")]
        assert watchers(waiting)[0].id == watchers(pending)[0].id
        assert watchers(waiting)[0].display_name == "Some One"
        assert watchers(waiting)[0].expiration == 7 * DAY

    def test_one_whose_watcher_cannot_be_reached_any_more_waits(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER).heard(481)
        assert self.seen(world) == [(STRANGER, "waiting", "timeout")]

    def test_one_that_is_given_up_by_the_watcher_waits(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER).ask(0)
        assert self.seen(world) == [(STRANGER, "waiting", "timeout")]

    def test_who_only_fetches_waits(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER, expires=0)
        assert self.seen(world) == [(STRANGER, "waiting", "timeout")]

    def test_an_active_one_that_ends_does_not(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB, expires=60).heard()
        world.house.after(61)
        assert self.seen(world) == []

    def test_nor_one_that_is_rejected(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, STRANGER)
        decide(world, "rejected")
        assert self.seen(world) == []

    def test_where_another_phone_of_his_still_asks_nothing_waits(self, world: Watching) -> None:
        alice = world.subscribe(WINFO, ALICE, ALICE)
        world.subscribe("presence", ALICE, STRANGER, expires=60).heard()
        world.subscribe("presence", ALICE, STRANGER, expires=600).heard()
        alice.heard()
        world.house.after(61)
        assert told(only(alice.heard())) == [(STRANGER, "terminated", "giveup")]
        assert self.seen(world) == [(STRANGER, "pending", "subscribe")]

    def test_who_asks_again_is_pending_and_waits_no_more(self, world: Watching) -> None:
        self.wait(world)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        world.subscribe("presence", ALICE, STRANGER)
        events = [event for notify in alice.heard() for event in told(info(notify))]
        assert sorted(events) == [(STRANGER, "pending", "subscribe"), (STRANGER, "terminated", "giveup")]
        assert len(world.house.parts.waiting) == 0

    @pytest.mark.parametrize(("verdict", "event"), [("active", "approved"), ("rejected", "rejected")])
    def test_a_decision_ends_the_waiting(
        self, world: Watching, verdict: Literal["active", "rejected"], event: str
    ) -> None:
        self.wait(world)
        alice = world.subscribe(WINFO, ALICE, ALICE)
        alice.heard()
        decide(world, verdict)
        assert told(only(alice.heard())) == [(STRANGER, "terminated", event)]
        assert self.seen(world) == []
        assert world.house.journal.load("waiting") == []

    def test_it_survives_a_restart(self, world: Watching) -> None:
        self.wait(world)
        ((key, row),) = world.house.journal.load("waiting")
        assert key == ("presence", ALICE, STRANGER)
        assert row[1:] == ("Some One", WALL, WALL + 61 + 7 * DAY)
        world.restart()
        assert self.seen(world) == [(STRANGER, "waiting", "timeout")]

    def test_and_ends_at_its_time_counted_over_the_restart(self, world: Watching) -> None:
        self.wait(world)
        world.restart()
        world.house.after(7 * DAY - 2)
        assert self.seen(world) == [(STRANGER, "waiting", "timeout")]
        world.house.after(3)
        assert self.seen(world) == []
        assert world.house.journal.load("waiting") == []

    def test_how_long_is_a_setting(self) -> None:
        world = Watching(default_policy_foreign="confirm", waiting_expires=3600)
        self.wait(world)
        world.house.after(3601)
        assert self.seen(world) == []

    def test_a_user_who_is_deleted_is_waited_for_no_more(self, world: Watching) -> None:
        self.wait(world)
        world.house.parts.waiting.remove_user(ALICE)
        world.house.settle()
        assert world.house.journal.load("waiting") == []


class TestTheList:
    def make(self, most: int) -> tuple[WaitingList, list[str]]:
        waiting = WaitingList(MemoryJournal(), TimerWheel(), lambda: WALL, most=most)
        ended: list[str] = []
        waiting.on_end.append(lambda entry, event: ended.append(f"{entry.watcher} {event}"))
        return waiting, ended

    def test_who_has_waited_longest_is_given_up_when_there_are_too_many(self) -> None:
        waiting, ended = self.make(2)
        for number in range(3):
            waiting.add("presence", ALICE, f"sip:{number}@x", f"id{number}", "", WALL + number)
        assert [entry.watcher for entry in waiting.of("presence", ALICE)] == ["sip:1@x", "sip:2@x"]
        assert ended == ["sip:0@x giveup"]

    def test_who_waits_already_keeps_his_place_and_name(self) -> None:
        waiting, ended = self.make(2)
        waiting.add("presence", ALICE, BOB, "first", "Bob", WALL)
        waiting.add("presence", ALICE, BOB, "second", "Robert", WALL + 9)
        (entry,) = waiting.of("presence", ALICE)
        assert (entry.id, entry.display, entry.since) == ("first", "Bob", WALL)
        assert ended == []

    def test_a_name_that_no_database_takes_is_made_readable(self) -> None:
        waiting, _ = self.make(2)
        waiting.add("presence", ALICE, BOB, "id", "B\udce4r\0", WALL)
        assert [entry.display for entry in waiting.of("presence", ALICE)] == ["B\ufffdr\ufffd"]
