"""Lists of the package `dialog`: one subscription for the lamps of all colleagues (RFC 4235, RFC 4662)."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.documents.dialog_info import DialogInfo, parse_dialog_info
from tests.presence.documents.formats import check
from tests.presence.lists.list_phones import (
    CONTACTS_OF_ALICE,
    FILTER,
    LISTS,
    Phone,
    Told,
    contacts,
    enclosed,
    restarted,
)
from tests.presence.packages.test_dialog import TYPE, call, published
from tests.presence.packages.watching import Watching
from tests.presence.watchers import ALICE, BOB, CAROL, pidf, rule, set_rules


class Lamps(Phone):
    """A phone with lamps."""

    event = "dialog"


@pytest.fixture
def world() -> Watching:
    """Alice has bob and carol in her list."""
    world = Watching()
    contacts(world.house, BOB, CAROL)
    return world


def publish(world: Watching, aor: str, *calls: str, tag: str = "") -> str:
    answer = world.publish("dialog", aor, TYPE, published(*calls), tag=tag)
    assert answer.status == 200, answer.reason
    return answer.get("SIP-ETag") or ""


def lamps(world: Watching, *headers: str) -> tuple[Lamps, Told]:
    phone = Lamps(world.house, ALICE, CONTACTS_OF_ALICE)
    answer = phone.subscribe(*headers)
    assert (answer.status, answer.get("Require")) == (200, "eventlist")
    (first,) = phone.told()
    return phone, first


def calls(news: Told) -> dict[str, list[str]]:
    """Of each member with a document: the states of his calls."""
    documents = {uri: parse_dialog_info(document) for uri, document in news.documents.items()}
    assert all(document.full for document in documents.values())
    return {uri: [dialog.state for dialog in document.dialogs] for uri, document in documents.items()}


def bobs(news: Told) -> DialogInfo:
    return parse_dialog_info(news.documents[BOB])


def test_everybodys_calls_come_in_one_notify(world: Watching, shared: Path) -> None:
    publish(world, BOB, call("1", "confirmed"))
    _, first = lamps(world)
    assert (first.list.version, first.list.full) == (0, True)
    assert first.states == {BOB: "active", CAROL: "active"}
    assert calls(first) == {BOB: ["confirmed"], CAROL: []}
    check(shared, "dialog-info.xsd", first.documents[BOB])


def test_the_accepted_types_are_those_of_lists_and_of_dialogs(world: Watching) -> None:
    _, first = lamps(world, f"Accept: multipart/related, application/rlmi+xml, {TYPE}")
    assert first.states.keys() == {BOB, CAROL}
    refused = Lamps(world.house, ALICE, CONTACTS_OF_ALICE).subscribe("Accept: application/pidf+xml")
    assert refused.status == 406
    assert TYPE in refused.values("Accept")


def test_a_call_that_comes_changes_and_ends_is_told_of_its_member_alone(world: Watching) -> None:
    phone, _ = lamps(world)
    tag = publish(world, BOB, call("1", "early"))
    assert calls(phone.hears()) == {BOB: ["early"]}
    tag = publish(world, BOB, call("1", "confirmed"), tag=tag)
    assert calls(phone.hears()) == {BOB: ["confirmed"]}
    publish(world, BOB, tag=tag)
    assert calls(phone.hears()) == {BOB: []}


def test_documents_are_whole_with_versions_that_rise_also_over_a_restart(world: Watching) -> None:
    phone, first = lamps(world)
    tag = publish(world, BOB, call("1", "early"))
    second = phone.hears()
    publish(world, BOB, call("1", "confirmed"), call("2", "early"), tag=tag)
    third = phone.hears()
    versions = [bobs(news).version for news in (first, second, third)]
    assert versions == [0, 1, 2]
    restarted(world.house, phone)
    (again,) = phone.told()
    assert bobs(again).version > versions[-1]


def test_the_state_has_an_entity_tag_whatever_the_version(world: Watching) -> None:
    phone = Lamps(world.house, ALICE, CONTACTS_OF_ALICE)
    phone.subscribe()
    (notify,) = phone.news()
    assert phone.subscribe(f"Suppress-If-Match: {notify.get('SIP-ETag')}").status == 204
    publish(world, BOB, call("1", "early"))
    assert phone.subscribe(f"Suppress-If-Match: {notify.get('SIP-ETag')}").status == 200


def test_what_changes_for_presence_is_no_news_of_calls(world: Watching) -> None:
    phone, _ = lamps(world)
    world.house.publish(BOB, pidf("open"))
    phone.hears_nothing()


def test_nothing_is_told_of_who_he_talks_to(world: Watching) -> None:
    publish(world, BOB, call("1", "confirmed"))
    _, first = lamps(world)
    assert b"secret@example.org" not in first.documents[BOB]


class TestRules:
    def test_who_has_to_decide_is_pending_and_active_when_he_has(self, world: Watching) -> None:
        publish(world, BOB, call("1", "confirmed"))
        set_rules(world.house, rule("r", ALICE, "confirm"), owner=BOB)
        phone, first = lamps(world)
        assert first.states == {BOB: "pending", CAROL: "active"}
        set_rules(world.house, rule("r", ALICE, "allow"), owner=BOB)
        news = phone.hears()
        assert (news.states, calls(news)) == ({BOB: "active"}, {BOB: ["confirmed"]})

    def test_who_refuses_is_terminated(self, world: Watching) -> None:
        phone, _ = lamps(world)
        set_rules(world.house, rule("r", ALICE, "block"), owner=BOB)
        assert phone.hears().states == {BOB: "terminated rejected"}

    def test_who_blocks_politely_has_no_calls(self, world: Watching) -> None:
        publish(world, BOB, call("1", "confirmed"))
        set_rules(world.house, rule("r", ALICE, "polite-block"), owner=BOB)
        _, first = lamps(world)
        assert calls(first)[BOB] == []

    def test_who_watches_calls_is_no_watcher_of_presence(self, world: Watching) -> None:
        lamps(world)
        assert world.house.parts.lists.watching("presence", BOB) == []
        assert [it.watcher for it in world.house.parts.lists.watching("dialog", BOB)] == [ALICE]


class TestSubscribing:
    def test_a_list_may_come_in_the_subscribe(self, world: Watching) -> None:
        phone = Lamps(world.house, CAROL, "sip:rls@sip.test")
        assert phone.subscribe(LISTS, body=enclosed(BOB)).status == 200
        (first,) = phone.told()
        assert calls(first) == {BOB: []}

    def test_without_eventlist_the_answer_is_421(self, world: Watching) -> None:
        phone = Lamps(world.house, ALICE, CONTACTS_OF_ALICE)
        assert phone.subscribe(supported=False).status == 421

    def test_a_filter_is_refused_as_by_the_package(self, world: Watching) -> None:
        phone = Lamps(world.house, ALICE, CONTACTS_OF_ALICE)
        headers = ("Content-Type: application/simple-filter+xml",)
        assert phone.subscribe(*headers, body=FILTER.encode()).status == 415

    @pytest.mark.parametrize("package", ["message-summary", "reg", "presence.winfo"])
    def test_other_packages_have_no_lists(self, world: Watching, package: str) -> None:
        phone = Lamps(world.house, ALICE, CONTACTS_OF_ALICE)
        phone.event = package
        assert phone.subscribe().status == 404
