"""The change notifier: a client hears of each change once, in order, over restarts, and of no one else's."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from presence.directory import Change
from presence.documents.config_change import (
    AclItem,
    ConfigChange,
    GroupItem,
    Property,
    parse_config_change,
)
from presence.packages import config_change
from presence.provisioning import contact_lists, news
from tests.presence.packages.watching import ALICE, BOB, Phone, Watching

EVENT = "uc-config-change"
ACCEPT = "Accept: application/xml"


class Changes(Watching):
    """A server, the phones of users, and an outbox by hand."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.outbox: list[Change] = []
        self.profiles: dict[str, dict[str, str]] = {}
        self._ids = itertools.count(1)

    def watch(self, aor: str, watcher: str = "") -> Phone:
        return self.subscribe(EVENT, aor, watcher or aor, more=ACCEPT)

    def change(self, topic: str, key: str, payload: Mapping[str, Any], *, heard: bool = True) -> Change:
        """Somebody changes something; `heard` by the server, unless it is down."""
        change = Change(next(self._ids), 0.0, topic, key, payload)
        self.outbox.append(change)
        if heard:
            self.house.parts.apply([change])
            self.house.settle()
        return change

    def setting(self, owner: str, value: str, *, heard: bool = True) -> None:
        payload = {"name": "colour", "value": value, "is-public": False}
        self.change(news.SETTING_CHANGED, owner, payload, heard=heard)

    def restart(self) -> None:
        house = self.house
        house.parts = house._build(house.parts.timers.now)
        house.parts.restore(
            house.journal.load,
            now=house.parts.timers.now,
            wall=house.wall(),
            profiles=self.profiles.items(),
            position=self.outbox[-1].id if self.outbox else 0,
            changes=lambda after: [change for change in self.outbox if change.id > after],
        )
        house.settle()


@pytest.fixture
def world() -> Changes:
    return Changes()


@pytest.fixture
def alice(world: Changes) -> Phone:
    phone = world.watch(ALICE)
    phone.heard()
    return phone


def told(phone: Phone, status: int = 200) -> list[ConfigChange]:
    return [parse_config_change(notify.body) for notify in phone.heard(status) if notify.body]


def values(phone: Phone, status: int = 200) -> list[str]:
    return [change.properties[0].value for change in told(phone, status)]


# -- who may subscribe


def test_a_user_subscribes_to_his_own_changes_and_gets_an_empty_notify_first(world: Changes) -> None:
    phone = world.watch(ALICE)
    (notify,) = phone.heard()
    assert (phone.answer.status, notify.body, notify.get("Content-Type")) == (200, b"", None)
    assert (notify.get("Event"), notify.get("Subscription-State")) == (EVENT, "active;expires=600")


def test_nobody_else_may(world: Changes) -> None:
    phone = world.watch(ALICE, BOB)
    assert (phone.answer.status, phone.answer.reason) == (403, "Only the user himself may watch this")


def test_a_client_that_takes_another_type_is_refused(world: Changes) -> None:
    phone = world.subscribe(EVENT, ALICE, ALICE, more="Accept: application/pidf+xml")
    assert (phone.answer.status, phone.answer.get("Accept")) == (406, "application/xml")


def test_a_body_in_the_subscribe_is_refused(world: Changes) -> None:
    more = f"{ACCEPT}\nContent-Type: application/simple-filter+xml"
    phone = world.subscribe(EVENT, ALICE, ALICE, more=more, body=b"<filter-set/>")
    assert phone.answer.status == 415


def test_event_name_type_and_namespace_are_settings() -> None:
    world = Changes(uccn_event="upc", uccn_content_type="application/upc+xml", uccn_namespace="printed")
    phone = world.subscribe("upc", ALICE, ALICE, more="Accept: application/upc+xml")
    phone.heard()
    world.setting(ALICE, "red")
    (notify,) = phone.heard()
    assert notify.get("Content-Type") == "application/upc+xml"
    assert b'xmlns="urn:cisco:CUPS:UCCN"' in notify.body


# -- what is told


def test_one_notify_a_change_and_the_next_one_after_its_answer(world: Changes, alice: Phone) -> None:
    for value in ("red", "green", "blue"):
        world.setting(ALICE, value)
    assert len(alice.notifies()) == 2, "the empty one and that of red, which is not answered yet"
    assert values(alice) == ["red", "green", "blue"]


def test_user_tables_are_told_to_their_owner_only(world: Changes, alice: Phone) -> None:
    bob = world.watch(BOB)
    bob.heard()
    world.setting(BOB, "red")
    assert values(bob) == ["red"]
    assert told(alice) == []


def test_system_tables_are_told_to_everybody(world: Changes, alice: Phone) -> None:
    bob = world.watch(BOB)
    bob.heard()
    payload = {"table": "CUPSystemCfg", "properties": [["IM.enable", "TRUE"]]}
    world.change(news.PROPERTIES_CHANGED, news.SYSTEM, payload)
    expected = [ConfigChange("update-cupssystemcfg", (Property("IM.enable", "TRUE"),))]
    assert told(alice) == told(bob) == expected


def test_each_of_several_devices_of_a_user_is_told(world: Changes, alice: Phone) -> None:
    other = world.watch(ALICE)
    other.heard()
    world.setting(ALICE, "red")
    assert values(alice) == values(other) == ["red"]


def test_a_profile_is_told_to_those_who_have_it(world: Changes, alice: Phone) -> None:
    bob = world.watch(BOB)
    bob.heard()
    user = {"table": "EndUser", "column": "fkucunityprofile", "properties": [], "cti-device": ""}
    world.change(news.USER_CONFIGURED, BOB, {**user, "family": "voicemail", "profile": "west"})
    bob.heard()
    for profile in ("default", "west"):
        payload = {"table": "UcUnityProfile", "family": "voicemail", "profile": profile}
        properties = [["VoiceMail.Primary.Address", profile]]
        world.change(news.PROFILE_CHANGED, news.SYSTEM, {**payload, "properties": properties})
    assert (values(alice), values(bob)) == (["default"], ["west"])


def test_a_proxy_profile_without_a_domain_tells_each_user_his_own(world: Changes, alice: Phone) -> None:
    payload = {"table": "UcProxyProfile", "family": "proxy", "profile": "default"}
    properties = [["Presence.Primary.Port", "5060"], ["Presence.Domain", ""]]
    world.change(news.PROFILE_CHANGED, news.SYSTEM, {**payload, "properties": properties})
    (change,) = told(alice)
    assert change.properties[-1] == Property("Presence.Domain", "sip.test")


def test_what_was_there_before_stands_first(world: Changes, alice: Phone) -> None:
    payload = {"old": {"rule": "r", "watcher": "sip:a@x.org"}, "new": {"rule": "r", "watcher": "sip:b@x.org"}}
    world.change(news.ACL_CHANGED, ALICE, payload)
    expected = ConfigChange("update-acl", old=AclItem("r", "a@x.org"), new=AclItem("r", "b@x.org"))
    assert told(alice) == [expected]


def test_a_contact_of_the_owners_domain_is_told_without_it(world: Changes, alice: Phone) -> None:
    contact = {"group": "", "group-index": "0", "index": "1", "nickname": "", "local": True}
    for member in ("sip:bob@sip.test", "sip:bob@elsewhere.org"):
        world.change(contact_lists.CONTACT_ADDED, ALICE, {"new": {**contact, "member": member}})
    ids = [change.new.persona_id for change in told(alice) if change.new is not None]  # type: ignore[union-attr]
    assert ids == ["bob", "bob@elsewhere.org"]


def test_what_clients_are_not_told_makes_no_notify(world: Changes, alice: Phone) -> None:
    world.change(news.STANDING_CHANGED, ALICE, {})
    assert alice.heard() == []


def test_changes_from_before_the_subscription_are_not_told(world: Changes) -> None:
    world.setting(ALICE, "old")
    phone = world.watch(ALICE)
    world.setting(ALICE, "new")
    assert values(phone) == ["new"]


def test_a_refresh_repeats_nothing(world: Changes, alice: Phone) -> None:
    world.setting(ALICE, "red")
    assert values(alice) == ["red"]
    alice.ask(600)
    (notify,) = alice.heard()
    assert notify.body == b""


# -- none is lost, none is doubled


def test_a_change_whose_notify_failed_is_told_again(world: Changes, alice: Phone) -> None:
    world.setting(ALICE, "red")
    assert values(alice, status=500) == ["red"]
    world.setting(ALICE, "green")
    assert values(alice) == ["red", "green"]


def test_what_was_changed_while_the_server_was_down_is_told_after_its_start(
    world: Changes, alice: Phone
) -> None:
    world.setting(ALICE, "red")
    assert values(alice) == ["red"]
    world.setting(ALICE, "green", heard=False)
    world.setting(BOB, "of somebody else", heard=False)
    world.setting(ALICE, "blue", heard=False)
    world.restart()
    world.house.after(5.0)
    assert values(alice) == ["green", "blue"]


def test_what_was_told_before_a_restart_is_not_told_again(world: Changes, alice: Phone) -> None:
    world.setting(ALICE, "red")
    assert values(alice) == ["red"]
    world.restart()
    world.house.after(5.0)
    assert told(alice) == []
    world.setting(ALICE, "green")
    assert values(alice) == ["green"]


def test_a_change_between_the_first_answer_and_a_crash_is_not_lost(world: Changes) -> None:
    phone = world.watch(ALICE)
    phone.heard()
    world.setting(ALICE, "red", heard=False)
    world.restart()
    world.house.after(5.0)
    assert values(phone) == ["red"]


def test_the_next_change_is_told_once_it_is_durable_that_the_one_before_was(
    world: Changes, alice: Phone
) -> None:
    journal = world.house.journal
    world.setting(ALICE, "red")
    journal.hold = True
    assert values(alice) == ["red"]
    world.setting(ALICE, "green")
    assert values(alice) == [], "a crash now would repeat red, and green as well had it been told"
    journal.hold = False
    world.house.settle()
    assert values(alice) == ["green"]


def test_a_journal_that_cannot_write_holds_no_change_back(world: Changes, alice: Phone) -> None:
    world.house.journal.fail = True
    for value in ("red", "green"):
        world.setting(ALICE, value)
    assert values(alice) == ["red", "green"]


def test_profiles_are_known_after_a_restart(world: Changes, alice: Phone) -> None:
    world.profiles[ALICE] = {"voicemail": "west"}
    for profile in ("default", "west"):
        payload = {"table": "UcUnityProfile", "family": "voicemail", "profile": profile}
        properties = [["VoiceMail.Primary.Address", profile]]
        change = {**payload, "properties": properties}
        world.change(news.PROFILE_CHANGED, news.SYSTEM, change, heard=False)
    world.restart()
    world.house.after(5.0)
    assert values(alice) == ["west"]


def test_the_position_of_a_subscription_goes_with_it(world: Changes, alice: Phone) -> None:
    assert rows(world) != []
    alice.ask(0)
    alice.heard()
    world.house.settle()
    assert rows(world) == []


def test_a_position_without_a_subscription_goes_at_the_start(world: Changes, alice: Phone) -> None:
    world.house.journal.rows["change_position", ("gone",)] = (1,)
    world.restart()
    assert [key for key, _ in rows(world)] != [("gone",)]
    assert len(rows(world)) == 1


def test_a_client_that_is_too_far_behind_is_told_to_begin_anew(
    world: Changes, alice: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_change, "MOST", 3)
    for value in range(5):
        world.setting(ALICE, str(value))
    states = [notify.get("Subscription-State") for notify in alice.heard()]
    assert states[-1] == "terminated;reason=deactivated"


def test_changes_that_concern_others_leave_nobody_behind(
    world: Changes, alice: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_change, "MOST", 3)
    payload = {"table": "UcUnityProfile", "family": "voicemail", "profile": "of-others", "properties": []}
    for _ in range(10):
        world.change(news.PROFILE_CHANGED, news.SYSTEM, payload)
    world.setting(ALICE, "red")
    assert values(alice) == ["red"]


def test_what_everybody_has_got_is_not_held(world: Changes, alice: Phone) -> None:
    world.setting(ALICE, "red")
    payload = {"new": {"name": "friends", "index": "1"}}
    world.change(contact_lists.GROUP_ADDED, ALICE, payload)
    assert [change.new for change in told(alice)][-1] == GroupItem("friends", Decimal(1))
    world.house.after(config_change.FORGET_EVERY)
    assert world.house.parts.config_changes._entries == {}


def rows(world: Changes) -> Sequence[tuple[Any, Any]]:
    return list(world.house.journal.load("change_position"))
