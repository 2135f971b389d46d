"""What one watcher sees over time, by the whole server: rules, filters, changes alone, partial publishing."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from lxml import etree

from presence.directory import USER_DELETED, Change
from presence.documents.pidf_diff import apply_diff
from presence.packages.presence_view import takes_changes
from presence.policy.stored import PolicyDocument
from sip.message import Request
from tests.presence.house import TRUSTED, House
from tests.presence.watchers import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DIFF,
    PARTIAL,
    Watcher,
    pidf,
    rule,
    set_rules,
    watch,
)

STRANGER = "sip:eve@elsewhere.test"
SERVICES_ALONE = "<provide-services><all-services/></provide-services>"


@pytest.fixture
def house() -> House:
    house = House()
    house.publish(ALICE, pidf("open", "hello", "happy"))
    return house


def is_open(notify: Request) -> bool:
    return b"<basic>open</basic>" in notify.body


def same(one: bytes, other: bytes) -> bool:
    return etree.tostring(etree.fromstring(one), method="c14n") == etree.tostring(
        etree.fromstring(other), method="c14n"
    )


class TestRules:
    def test_a_rule_set_in_the_middle_changes_at_once_what_the_other_one_sees(self, house: House) -> None:
        bob = watch(house)
        set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE))
        (notify,) = bob.news()
        assert is_open(notify)
        assert b"mood" not in notify.body
        set_rules(house)
        (notify,) = bob.news()
        assert b"mood" in notify.body

    def test_a_rule_touches_nobody_but_those_whom_it_changes_something_for(self, house: House) -> None:
        bob, carol = watch(house), watch(house, CAROL)
        set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE), rule("all", CAROL, "allow"))
        assert (len(bob.news()), len(carol.news())) == (1, 0)
        set_rules(house, rule("short again", BOB, "allow", SERVICES_ALONE), rule("all", CAROL, "allow"))
        assert (len(bob.news()), len(carol.news())) == (0, 0)

    def test_a_watcher_of_another_domain_waits_and_hears_nothing_meanwhile(self, house: House) -> None:
        eve = watch(house, STRANGER)
        assert eve.state == "pending"
        assert not is_open(eve.notifies[0])
        house.publish(ALICE, pidf("open", "still secret"))
        house.after(30)
        assert len(eve.notifies) == 1, "a NOTIFY at a change would tell that there was one"

    def test_what_is_pending_becomes_active_with_its_state_by_a_rule(self, house: House) -> None:
        eve = watch(house, STRANGER)
        set_rules(house, rule("friend", STRANGER, "allow"))
        (notify,) = eve.news()
        assert (eve.state, is_open(notify)) == ("active", True)

    def test_what_is_pending_is_rejected_by_a_rule(self, house: House) -> None:
        eve = watch(house, STRANGER)
        set_rules(house, rule("foe", STRANGER, "block"))
        (notify,) = eve.news()
        assert notify.get("Subscription-State") == "terminated;reason=rejected"
        assert not is_open(notify)

    def test_who_is_blocked_is_refused_403(self, house: House) -> None:
        set_rules(house, rule("foe", BOB, "block"))
        assert Watcher(house).subscribe().status == 403

    def test_the_presentity_himself_sees_everything_whatever_his_rules_say(self, house: House) -> None:
        set_rules(house, rule("me", ALICE, "block"))
        assert is_open(watch(house, ALICE).notifies[0])

    def test_the_defaults_are_settings(self) -> None:
        house = House(default_policy_local="polite-block", default_policy_foreign="allow")
        house.publish(ALICE, pidf())
        assert not is_open(watch(house).notifies[0])
        assert is_open(watch(house, STRANGER).notifies[0])

    def test_equal_outcomes_share_one_body_and_others_do_not(self, house: House) -> None:
        set_rules(house, *(rule(who[4:7], who, "allow", SERVICES_ALONE) for who in (BOB, CAROL)))
        for who in (BOB, CAROL, DAVE):
            watch(house, who)
        presence, wall = house.parts.presence, house.wall()
        bob, carol, dave = (presence.seen(who, ALICE, wall).body for who in (BOB, CAROL, DAVE))
        assert bob is carol
        assert bob.data != dave.data

    def test_a_rule_begins_and_ceases_to_hold_in_its_time(self, house: House) -> None:
        validity = (
            "<cr:validity><cr:from>2027-01-15T08:01:00Z</cr:from><cr:until>2027-01-15T08:02:00Z</cr:until>"
            "</cr:validity></cr:conditions>"
        )
        bob = watch(house)
        set_rules(
            house, rule("now and then", BOB, "allow", SERVICES_ALONE).replace("</cr:conditions>", validity)
        )
        assert bob.state == "terminated;reason=rejected", "he is named, and not for now"
        assert Watcher(house).subscribe().status == 403
        house.after(61)
        during = watch(house)
        assert is_open(during.notifies[0])
        house.after(60)
        during.news()
        assert during.state == "terminated;reason=rejected"

    def test_a_sphere_that_is_published_changes_who_may_watch(self, house: House) -> None:
        at_work = "<cr:sphere value='work'/></cr:conditions>"
        set_rules(house, rule("work", BOB, "allow").replace("</cr:conditions>", at_work))
        assert Watcher(house).subscribe().status == 403
        sphere = b"<rpid:sphere><rpid:work/></rpid:sphere></dm:person>"
        house.publish(ALICE, pidf(mood="busy").replace(b"</dm:person>", sphere))
        bob = watch(house)
        assert is_open(bob.notifies[0])
        house.after(601)
        bob.news()
        assert bob.state.startswith("terminated")

    def test_rules_that_are_set_while_the_server_is_down_are_applied_at_the_start(self, house: House) -> None:
        bob, eve = watch(house), watch(house, STRANGER)
        aside = House()
        set_rules(aside, rule("foe", BOB, "block"), rule("friend", STRANGER, "allow"))
        restart(house, aside.parts.policy.book.documents_of(ALICE))
        house.after(1)
        assert bob.state == "terminated;reason=rejected"
        assert (eve.state, is_open(eve.notifies[-1])) == ("active", True)

    def test_rules_of_a_user_go_with_him(self, house: House) -> None:
        set_rules(house, rule("foe", BOB, "block"))
        house.parts.apply([Change(2, 0.0, USER_DELETED, ALICE, {})])
        house.settle()
        assert house.parts.policy.book.rules_of(ALICE) == ()


class TestPoliteBlocking:
    def answers(self, house: House, watcher: Watcher) -> list[str]:
        """All that he is sent, with what names the dialog and the moment made equal."""
        return [
            re.sub(r"token\d+|watch\d+|:1\d{4}|w\d+-\d+|z9hG4bK\w+|CSeq: \d+", "x", message.decode())
            for message in watcher.flow.sent
        ]

    @pytest.mark.parametrize("accept", ["application/pidf+xml", PARTIAL])
    def test_it_cannot_be_told_from_somebody_who_publishes_nothing(self, accept: str) -> None:
        seen = []
        for blocked in (True, False):
            house = House()
            if blocked:
                set_rules(house, rule("foe", BOB, "polite-block"))
            bob = Watcher(house)
            bob.subscribe(f"Accept: {accept}")
            if blocked:
                house.publish(ALICE, pidf("open", "not for bob"))
                house.after(5)
                house.publish(ALICE, pidf("open", "nor this"))
            else:
                house.after(5)
            bob.subscribe(f"Accept: {accept}")
            bob.subscribe(f"Accept: {accept}", expires=0)
            seen.append(self.answers(house, bob))
        assert seen[0] == seen[1]
        assert len(seen[0]) == 6, "three answers, three NOTIFYs, and none for what he is not to see"

    def test_who_is_blocked_politely_in_the_middle_sees_him_go(self, house: House) -> None:
        bob = watch(house)
        set_rules(house, rule("foe", BOB, "polite-block"))
        (notify,) = bob.news()
        assert (bob.state, is_open(notify)) == ("active", False)


BASIC_ALONE = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what></filter></filter-set>"""
WHEN_OPEN = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><trigger><changed to="open">/presence/tuple/status/basic</changed></trigger></filter>
</filter-set>"""
OFF = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1" remove="true"/></filter-set>"""


class TestFilters:
    def test_what_says_what_is_delivered(self, house: House) -> None:
        (notify,) = watch(house, body=BASIC_ALONE).notifies
        assert is_open(notify)
        assert b"hello" not in notify.body
        assert b"mood" not in notify.body

    def test_a_change_of_what_the_filter_leaves_out_is_not_told(self, house: House) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open", "hello"))
        bob, carol = watch(house, body=BASIC_ALONE), watch(house, CAROL)
        modify(house, etag, "application/pidf+xml", pidf("open", "another note"))
        assert (len(bob.news()), len(carol.news())) == (0, 1)

    def test_a_trigger_says_when_he_is_told(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open"))
        bob = watch(house, body=WHEN_OPEN)
        etag = modify(house, etag, "application/pidf+xml", pidf("closed", "away"))
        assert bob.news() == []
        modify(house, etag, "application/pidf+xml", pidf("open", "back"))
        assert bob.news() == [], "it has not become open since what he was told last"

    def test_a_trigger_that_fires(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("closed"))
        bob = watch(house, body=WHEN_OPEN)
        etag = modify(house, etag, "application/pidf+xml", pidf("closed", "still away"))
        assert bob.news() == []
        modify(house, etag, "application/pidf+xml", pidf("open", "back"))
        (notify,) = bob.news()
        assert is_open(notify)

    def test_a_rule_is_told_whatever_the_triggers(self, house: House) -> None:
        bob = watch(house, body=WHEN_OPEN)
        set_rules(house, rule("foe", BOB, "polite-block"))
        (notify,) = bob.news()
        assert not is_open(notify)

    def test_equal_filters_share_one_body(self, house: House) -> None:
        watch(house, body=BASIC_ALONE)
        watch(house, CAROL, body=BASIC_ALONE)
        bodies = [told(house, who) for who in (BOB, CAROL)]
        assert bodies[0] is bodies[1]

    def test_a_filter_is_removed_by_a_refresh(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        assert bob.filter(OFF).status == 200
        assert b"hello" in bob.notifies[-1].body

    def test_a_refresh_without_a_body_leaves_it(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        bob.subscribe()
        assert b"hello" not in bob.notifies[-1].body

    def test_a_refresh_that_is_refused_changes_nothing(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        answer = bob.filter(BASIC_ALONE.replace(b"/presence/tuple", b"count(//tuple)"))
        assert answer.status == 488
        bob.subscribe()
        assert b"hello" not in bob.notifies[-1].body

    def test_a_refresh_that_could_not_be_stored_changes_nothing(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        house.journal.fail = True
        assert bob.filter(OFF).status == 503
        house.journal.fail = False
        bob.subscribe()
        assert b"hello" not in bob.notifies[-1].body

    def test_the_filter_of_a_refresh_outlives_a_restart(self, house: House) -> None:
        bob = watch(house)
        bob.filter(BASIC_ALONE)
        (row,) = (row for (kind, _), row in house.journal.rows.items() if kind == "subscription")
        assert row[19] == "application/simple-filter+xml"
        restart(house)
        house.after(1)
        assert is_open(bob.notifies[-1])
        assert b"hello" not in bob.notifies[-1].body

    def test_a_filter_that_cannot_be_read_any_more_asks_him_to_subscribe_again(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        ((key, row),) = ((key, row) for key, row in house.journal.rows.items() if key[0] == "subscription")
        house.journal.rows[key] = (*row[:20], b"<broken", *row[21:])
        restart(house)
        bob.answer()
        house.settle()
        assert bob.notifies[-1].get("Subscription-State") == "terminated;reason=deactivated"
        assert not is_open(bob.notifies[-1])
        assert len(house.parts.notifier) == 0

    def test_a_body_of_another_type_is_415_with_accept(self, house: House) -> None:
        answer = Watcher(house).subscribe("Content-Type: text/plain", body=b"everything")
        assert (answer.status, answer.get("Accept")) == (415, "application/simple-filter+xml")

    def test_a_malformed_filter_is_400_and_no_subscription(self, house: House) -> None:
        answer = Watcher(house).filter(BASIC_ALONE[:-3])
        assert (answer.status, len(house.parts.notifier)) == (400, 0)


class TestPartialNotification:
    """RFC 5263."""

    def setup_method(self) -> None:
        self.house = House()
        notes = "".join(f"<note>note number {n}</note>" for n in range(10))
        self.base = pidf("open", "hello").replace(b"<note>hello", f"{notes}<note>hello".encode())
        self.etag = self.house.publish(ALICE, self.base)

    def change(self, note: str) -> None:
        body = self.base.replace(b"hello", note.encode())
        self.etag = modify(self.house, self.etag, "application/pidf+xml", body)

    def root(self, notify: Request) -> tuple[str, str]:
        assert notify.get("Content-Type") == DIFF
        root = etree.fromstring(notify.body)
        return etree.QName(root).localname, root.get("version")

    def test_first_the_whole_then_what_has_changed_by_versions(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        self.change("two")
        bob.news()
        assert [self.root(notify) for notify in bob.notifies] == [
            ("pidf-full", "1"), ("pidf-diff", "2"), ("pidf-diff", "3"),
        ]  # fmt: skip

    def test_the_changes_make_the_document_that_others_get(self) -> None:
        bob, carol = watch(self.house, BOB, f"Accept: {PARTIAL}"), watch(self.house, CAROL)
        local = b""
        for note in ("one", "two", "three"):
            self.change(note)
            bob.news(), carol.news()
        for notify in bob.notifies:
            local = apply_diff(local, notify.body)
        assert same(local, carol.notifies[-1].body)

    def test_after_a_subscribe_the_whole_with_the_next_version(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        bob.subscribe(f"Accept: {PARTIAL}")
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_after_a_notify_that_failed_the_whole_with_a_version_not_used_before(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.answer(500)
        self.change("two")
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_changes_while_a_notify_is_under_way_come_together_on_top_of_it(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        self.change("two")
        self.change("three")
        bob.answer()
        first, second, third = bob.notifies
        assert (self.root(second), self.root(third)) == (("pidf-diff", "2"), ("pidf-diff", "3"))
        local = apply_diff(apply_diff(apply_diff(b"", first.body), second.body), third.body)
        assert b"three" in local

    def test_a_small_document_comes_whole(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open"))
        bob = watch(house, BOB, f"Accept: {PARTIAL}")
        modify(house, etag, "application/pidf+xml", pidf("closed", "x" * 500, "sad"))
        (notify,) = bob.news()
        assert self.root(notify) == ("pidf-full", "2")

    def test_the_entity_tag_is_that_of_the_whole_state(self) -> None:
        bob, carol = watch(self.house, BOB, f"Accept: {PARTIAL}"), watch(self.house, CAROL)
        self.change("one")
        bob.news(), carol.news()
        assert bob.notifies[-1].get("SIP-ETag") == carol.notifies[-1].get("SIP-ETag")

    def test_who_has_the_state_already_gets_it_whole_again_when_it_changes(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        etag = bob.notifies[-1].get("SIP-ETag")
        other = Watcher(self.house)
        other.subscribe(f"Accept: {PARTIAL}", f"Suppress-If-Match: {etag}")
        assert other.notifies[-1].body == b""
        self.change("one")
        assert self.root(other.notifies[-1]) == ("pidf-full", "1")

    def test_filters_come_before_differences(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}", body=BASIC_ALONE)
        assert self.root(bob.notifies[0]) == ("pidf-full", "1")
        self.change("one")
        assert bob.news() == []

    def test_versions_go_on_after_a_restart(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        self.house.journal.write(self.house.parts.notifier.settle(), lambda error: None)
        restart(self.house)
        self.house.after(1)
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_versions_never_go_back_after_a_crash(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        restart(self.house)
        self.house.after(1)
        name, version = self.root(bob.notifies[-1])
        assert name == "pidf-full"
        assert int(version) > 2

    @pytest.mark.parametrize(
        ("accept", "partial"),
        [
            ("application/pidf+xml", False),
            ("*/*", False),
            ("application/*", False),
            (PARTIAL, True),
            (DIFF, True),
            (f"application/pidf+xml;q=0.3, {DIFF};q=1", True),
            (f"application/pidf+xml, {DIFF};q=0.3", False),
            (f"application/pidf+xml, {DIFF};q=0", False),
            (f"application/pidf+xml, {DIFF.upper()} ; q = 1", True),
        ],
    )
    def test_who_names_the_type_and_does_not_prefer_the_other_gets_it(
        self, accept: str, partial: bool
    ) -> None:
        assert takes_changes(accept.split(",")) is partial
        bob = watch(self.house, BOB, f"Accept: {accept}")
        assert (bob.notifies[0].get("Content-Type") == DIFF) is partial


def modify(house: House, etag: str, content_type: str, body: bytes, status: int = 200) -> str:
    """A PUBLISH for what `etag` names, or an initial one without; the new entity-tag."""
    modify.calls += 1  # type: ignore[attr-defined]
    condition = f"SIP-If-Match: {etag}" if etag else "X-Initial: yes"
    answer = house.ask(
        f"""
        PUBLISH {ALICE} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmodify{modify.calls}
        Max-Forwards: 70
        From: <{ALICE}>;tag=1
        To: <{ALICE}>
        Call-ID: modify{modify.calls}@{TRUSTED}
        CSeq: 1 PUBLISH
        Event: presence
        Expires: 600
        Content-Type: {content_type}
        {condition}
        """,  # type: ignore[attr-defined]
        body=body,
    )
    assert answer.status == status, answer.start_line
    return answer.get("SIP-ETag") or ""


modify.calls = 0  # type: ignore[attr-defined]


def told(house: House, who: str) -> object:
    (subscription,) = [
        it for it in house.parts.notifier.subscriptions("presence", ALICE) if it.watcher == who
    ]
    return subscription.view._told.body


def restart(house: House, policies: Sequence[PolicyDocument] = ()) -> None:
    """The process ends without a word and another one goes on with what the journal and the rules are."""
    house.settle()
    now = house.parts.timers.now
    house.parts = house._build(now)
    house.parts.restore(house.journal.load, now=now, wall=house.wall(), policies=policies)
    house.settle()


NAMES = 'xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"'
FULL = (
    f'<p:pidf-full {NAMES} entity="sip:alice@sip.test"><tuple id="t"><status><basic>open</basic></status>'
    "<note>hello</note></tuple></p:pidf-full>"
).encode()
PATCH = (
    f'<p:pidf-diff {NAMES} entity="sip:alice@sip.test">'
    "<p:replace sel=\"*/tuple[@id='t']/status/basic/text()\">closed</p:replace></p:pidf-diff>"
).encode()


class TestPartialPublication:
    """RFC 5264."""

    def test_first_the_whole_then_a_patch_for_the_entity_tag(self) -> None:
        house = House()
        bob = watch(house)
        etag = modify(house, "", DIFF, FULL)
        modify(house, etag, DIFF, PATCH)
        first, second = bob.news()
        assert (is_open(first), is_open(second)) == (True, False)
        assert b"hello" in second.body

    def test_a_patch_goes_on_a_plain_document_as_well(self) -> None:
        house = House()
        modify(house, house.publish(ALICE, pidf("open")), DIFF, PATCH)
        assert b"<basic>closed</basic>" in house.document(ALICE, BOB)

    def test_what_is_kept_is_the_whole(self) -> None:
        house = House()
        modify(house, modify(house, "", DIFF, FULL), DIFF, PATCH)
        (row,) = (row for (kind, _), row in house.journal.rows.items() if kind == "publication")
        assert row[4] == "application/pidf+xml"
        assert b"closed" in row[5]
        assert b"hello" in row[5]

    def test_a_patch_without_a_publication_is_400(self) -> None:
        house = House()
        modify(house, "", DIFF, PATCH, 400)
        assert len(house.parts.publications) == 0

    def test_a_patch_that_does_not_fit_is_400_and_changes_nothing(self) -> None:
        house = House()
        etag = modify(house, "", DIFF, FULL)
        modify(house, etag, DIFF, PATCH.replace(b"'t'", b"'other'"), 400)
        assert b"<basic>open</basic>" in house.document(ALICE, BOB)
        modify(house, etag, DIFF, PATCH)

    def test_a_patch_that_leaves_no_pidf_is_400(self) -> None:
        house = House()
        etag = modify(house, "", DIFF, FULL)
        modify(house, etag, DIFF, PATCH.replace(b"closed<", b"ajar<"), 400)

    def test_a_patch_for_another_entity_tag_is_412(self) -> None:
        house = House()
        modify(house, "", DIFF, FULL)
        modify(house, "unknown", DIFF, PATCH, 412)

    def test_a_refusal_names_both_types(self) -> None:
        house = House()
        modify(house, "", "text/plain", b"hello", 415)
        answer = house.peer.messages[-1]
        assert answer.get("Accept") == "application/pidf+xml, application/pidf-diff+xml"
