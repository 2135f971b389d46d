"""What one watcher sees over time, by the whole server: rules, filters, changes alone."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from presence.directory import USER_DELETED, Change, Credentials, User
from presence.documents.pidf_diff import apply_diff
from presence.packages.presence_view import takes_changes
from sip.message import Request
from sip.usage.publication.keeper import PublicationKeeper
from tests.presence.house import PASSWORD, House
from tests.presence.watchers import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DIFF,
    PARTIAL,
    Watcher,
    is_open,
    pidf,
    rule,
    set_rules,
    watch,
)
from tests.sip.usage.fakes import WALL

STRANGER = "sip:eve@elsewhere.test"
PIDF = "application/pidf+xml"
SERVICES_ALONE = "<provide-services><all-services/></provide-services>"


@pytest.fixture
def house() -> House:
    house = House()
    house.publish(ALICE, pidf("open", "hello", "happy"))
    return house


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

    @pytest.mark.parametrize(
        ("accept", "content_type"),
        [
            (DIFF, None),
            (f"application/pidf+xml;q=0, {DIFF}", None),
            (f"{DIFF}, */*;q=0.1", PIDF),
            (f"{DIFF}, application/*", PIDF),
            (PARTIAL, PIDF),
        ],
    )
    def test_who_waits_is_sent_no_type_that_he_does_not_take(
        self, house: House, accept: str, content_type: str | None
    ) -> None:
        eve = watch(house, STRANGER, f"Accept: {accept}")
        (waiting,) = eve.notifies
        assert (eve.state, waiting.get("Content-Type")) == ("pending", content_type)
        assert bool(waiting.body) is (content_type is not None)
        assert "SIP-ETag" in waiting
        set_rules(house, rule("foe", STRANGER, "block"))
        (rejected,) = eve.news()
        assert (eve.state, rejected.get("Content-Type")) == ("terminated;reason=rejected", content_type)

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

    @pytest.mark.parametrize("named", ["sip:eve@elsewhere.test.", "sip:eve@ELSEWHERE.test"])
    @pytest.mark.parametrize("asking", [STRANGER, "sip:eve@elsewhere.test."])
    def test_a_final_dot_of_a_domain_hides_nobody_from_a_rule(self, named: str, asking: str) -> None:
        house = House(default_policy_foreign="allow")
        set_rules(house, rule("foe", named, "block"))
        assert Watcher(house, asking).subscribe().status == 403

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

    def test_who_sees_some_persons_only_does_not_make_the_state_of_all_be_composed_anew(
        self, house: House
    ) -> None:
        chosen = "<provide-persons><class>work</class></provide-persons><provide-all-attributes/>"
        set_rules(house, rule("work", BOB, "allow", chosen))
        house.publish(ALICE, pidf(mood="happy"))
        presence, wall = house.parts.presence, house.wall()
        composed = presence.composed(ALICE, wall)
        assert b"<rpid:happy/>" not in presence.seen(BOB, ALICE, wall).body.data
        assert presence.composed(ALICE, wall) is composed

    def test_a_service_that_he_is_not_shown_comes_and_goes_without_a_trace(self, house: House) -> None:
        work = "<provide-services><class>work</class></provide-services>"
        set_rules(house, rule("work", BOB, "allow", work))

        def publish(value: str) -> None:
            tuple_ = f"<rpid:class>{value}</rpid:class></tuple>".encode()
            house.publish(ALICE, pidf().replace(b"</tuple>", tuple_))
            house.after(1)

        publish("private")
        publish("work")
        bob = watch(house)
        publish("private")
        publications = house.parts.publications
        for publication in publications.publications("presence", ALICE):
            if b"private" in publication.body:
                publications.remove(publication)
        house.settle()
        assert bob.news() == []
        assert bob.notifies[0].body.count(b"<tuple ") == 1

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
        house.restart(aside.parts.policy.book.documents_of(ALICE))
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

    @pytest.mark.parametrize("triggers", ["", "WHEN_OPEN", "WHEN_CLOSED"])
    @pytest.mark.parametrize("accept", [PIDF, PARTIAL])
    def test_in_the_middle_it_is_told_as_of_somebody_who_goes_and_comes_back(
        self, triggers: str, accept: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Who comes back has another publication, whose ids are others.
        monkeypatch.setattr(PublicationKeeper, "new_id", lambda self, wall: "publication")
        seen = []
        for blocked in (True, False):
            house = House()
            etag = house.modify("", PIDF, pidf("open", "here"))
            bob = watch(house, BOB, f"Accept: {accept}", body=globals()[triggers] if triggers else b"")
            if blocked:
                set_rules(house, rule("foe", BOB, "polite-block"))
            else:
                house.modify(etag, "", b"", expires=0)
            bob.answer()
            house.after(5)
            if blocked:
                house.modify(etag, PIDF, pidf("closed", "not for bob"))
                set_rules(house)
            else:
                house.modify("", PIDF, pidf("closed", "not for bob"))
            bob.answer()
            bob.subscribe(f"Accept: {accept}")
            seen.append(self.answers(house, bob))
        assert seen[0] == seen[1]

    def test_triggers_do_not_tell_of_it_while_nothing_is_published(self) -> None:
        house = House()
        bob = watch(house, body=WHEN_OPEN)
        set_rules(house, rule("foe", BOB, "polite-block"))
        set_rules(house)
        assert bob.news() == []


BASIC_ALONE = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what></filter></filter-set>"""
WHEN_OPEN = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><trigger><changed to="open">/presence/tuple/status/basic</changed></trigger></filter>
</filter-set>"""
WHEN_CLOSED = WHEN_OPEN.replace(b'to="open"', b'to="closed"')
WHEN_NOTED = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what>
<trigger><changed>/presence/tuple/note</changed></trigger></filter></filter-set>"""
OFF = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1" remove="true"/></filter-set>"""


AL = "sip:al@sip.test"
AS_AL = User(ALICE, "", WALL, Credentials.of(ALICE, PASSWORD), (AL,))


def named_al() -> House:
    """Alice, who has published, is called so as well."""
    house = House()
    house.parts.directory.load([AS_AL])
    house.publish(ALICE, pidf("open", "hello"))
    return house


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"garbage", 400),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>', 400),
        (
            b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test"><tuple/></presence>',
            400,
        ),
        (b"<a>" * 200 + b"</a>" * 200, 400),
        (pidf("open", "x" * 70_000), 413),
    ],
    ids=["no XML", "a DTD", "not as the schema has it", "too deep", "too large"],
)
def test_what_cannot_be_read_leaves_what_was_published_and_tells_nobody(body: bytes, status: int) -> None:
    house = House()
    etag = house.publish(ALICE, pidf("open", "here"))
    bob = watch(house)
    house.modify(etag, PIDF, body, status=status)
    assert bob.news() == []
    assert b"here" in watch(house, CAROL).notifies[-1].body
    house.modify(etag, PIDF, pidf("open", "still"))
    (notify,) = bob.news()
    assert b"still" in notify.body


class TestFilters:
    @pytest.mark.parametrize("whom", [ALICE, AL])
    @pytest.mark.parametrize("named", [ALICE, AL])
    def test_who_is_watched_and_who_is_filtered_may_be_called_by_any_name(
        self, whom: str, named: str
    ) -> None:
        house = named_al()
        filtered = BASIC_ALONE.replace(b'<filter id="f1"', f'<filter id="f1" uri="{named}"'.encode())
        (notify,) = watch(house, whom=whom, body=filtered).notifies
        assert b"<basic>open</basic>" in notify.body
        assert b"hello" not in notify.body

    def test_an_alias_that_comes_later_is_known_to_the_filter(self, house: House) -> None:
        filtered = BASIC_ALONE.replace(b'<filter id="f1"', f'<filter id="f1" uri="{AL}"'.encode())
        bob = watch(house, body=filtered)
        assert b"hello" in bob.notifies[-1].body
        house.parts.directory.load([AS_AL])
        house.publish(ALICE, pidf("closed", "another"))
        (notify,) = bob.news()
        assert b"hello" not in notify.body

    @pytest.mark.parametrize(
        ("one", "other"), [(ALICE, AL), (AL, None), (None, ALICE)], ids=["alias", "nobody", "nobody first"]
    )
    def test_two_filters_for_him_by_two_names_are_refused(self, one: str | None, other: str | None) -> None:
        """One that names nobody is for who is subscribed to (RFC 4660 §3.3.2)."""
        house = named_al()
        both = [
            f'<filter id="{number}"{uri}><what><include>//basic</include></what></filter>'
            for number, uri in enumerate(f' uri="{name}"' if name else "" for name in (one, other))
        ]
        document = f'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">{"".join(both)}</filter-set>'
        answer = Watcher(house).filter(document.encode())
        assert (answer.status, answer.reason) == (488, f"Filter: {ALICE} has two filters, the second is 1")

    def test_a_second_filter_for_him_by_another_name_is_refused_later_too(self) -> None:
        house = named_al()
        bob = watch(house, body=BASIC_ALONE)
        second = BASIC_ALONE.replace(b'<filter id="f1"', f'<filter id="f2" uri="{AL}"'.encode())
        assert bob.filter(second).status == 488
        assert bob.subscribe().status == 200
        assert b"hello" not in bob.notifies[-1].body

    def test_what_says_what_is_delivered(self, house: House) -> None:
        (notify,) = watch(house, body=BASIC_ALONE).notifies
        assert is_open(notify)
        assert b"hello" not in notify.body
        assert b"mood" not in notify.body

    def test_a_change_of_what_the_filter_leaves_out_is_not_told(self, house: House) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open", "hello"))
        bob, carol = watch(house, body=BASIC_ALONE), watch(house, CAROL)
        house.modify(etag, "application/pidf+xml", pidf("open", "another note"))
        assert (len(bob.news()), len(carol.news())) == (0, 1)

    def test_a_trigger_says_when_he_is_told(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open"))
        bob = watch(house, body=WHEN_OPEN)
        etag = house.modify(etag, "application/pidf+xml", pidf("closed", "away"))
        assert bob.news() == []
        house.modify(etag, "application/pidf+xml", pidf("open", "back"))
        assert bob.news() == [], "it has not become open since what he was told last"

    def test_triggers_look_at_the_document_before_the_filter_cuts_it(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open", "one"))
        bob = watch(house, body=WHEN_NOTED)
        etag = house.modify(etag, "application/pidf+xml", pidf("closed", "one"))
        assert bob.news() == []
        house.modify(etag, "application/pidf+xml", pidf("closed", "two"))
        (notify,) = bob.news()
        assert b"<basic>closed</basic>" in notify.body
        assert b"two" not in notify.body

    def test_who_selects_nothing_is_sent_an_empty_document(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE.replace(b"/presence/tuple/status/basic", b"//nothing"))
        (notify,) = bob.notifies
        assert len(etree.fromstring(notify.body)) == 0

    def test_a_filter_gets_nothing_that_the_rules_hide(self, house: House) -> None:
        set_rules(house, rule("bob", BOB, "allow", SERVICES_ALONE))
        wanted = BASIC_ALONE.replace(b"/presence/tuple/status/basic", b"//*")
        (notify,) = watch(house, body=wanted).notifies
        assert is_open(notify)
        assert b"hello" not in notify.body
        assert b"mood" not in notify.body

    def test_a_trigger_that_fires(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("closed"))
        bob = watch(house, body=WHEN_OPEN)
        etag = house.modify(etag, "application/pidf+xml", pidf("closed", "still away"))
        assert bob.news() == []
        house.modify(etag, "application/pidf+xml", pidf("open", "back"))
        (notify,) = bob.news()
        assert is_open(notify)

    def test_a_rule_that_hides_something_is_told_whatever_the_triggers(self, house: House) -> None:
        bob = watch(house, body=WHEN_OPEN)
        set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE))
        (notify,) = bob.news()
        assert b"mood" not in notify.body

    def test_a_rule_that_changes_nothing_for_him_is_not_told_with_triggers_either(self) -> None:
        house = House()
        house.publish(ALICE, pidf("open"))
        bob = watch(house, body=WHEN_OPEN)
        set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE))
        assert bob.news() == []

    def test_equal_filters_share_one_body(self, house: House) -> None:
        watch(house, body=BASIC_ALONE)
        watch(house, CAROL, body=BASIC_ALONE)
        bodies = [told(house, who) for who in (BOB, CAROL)]
        assert bodies[0] is bodies[1]

    def test_a_filter_is_removed_by_a_refresh(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        assert bob.filter(OFF).status == 200
        assert b"hello" in bob.notifies[-1].body

    def test_who_has_what_is_under_way_and_filters_it_now_has_not_got_that(self, house: House) -> None:
        bob = watch(house)
        house.publish(ALICE, pidf("closed", "another"))
        tag = bob.notifies[-1].get("SIP-ETag")
        assert bob.filter(BASIC_ALONE, f"Suppress-If-Match: {tag}").status == 200
        assert b"another" not in bob.notifies[-1].body

    def test_a_filter_in_the_refresh_makes_another_state_of_it(self, house: House) -> None:
        bob = watch(house)
        tag = bob.notifies[-1].get("SIP-ETag")
        assert bob.filter(BASIC_ALONE, f"Suppress-If-Match: {tag}").status == 200
        tag = bob.notifies[-1].get("SIP-ETag")
        assert bob.filter(BASIC_ALONE, f"Suppress-If-Match: {tag}").status == 204
        assert bob.filter(OFF, f"Suppress-If-Match: {tag}").status == 200
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
        house.restart()
        house.after(1)
        assert is_open(bob.notifies[-1])
        assert b"hello" not in bob.notifies[-1].body

    def test_a_filter_that_cannot_be_read_any_more_asks_him_to_subscribe_again(self, house: House) -> None:
        bob = watch(house, body=BASIC_ALONE)
        ((key, row),) = ((key, row) for key, row in house.journal.rows.items() if key[0] == "subscription")
        house.journal.rows[key] = (*row[:20], b"<broken", *row[21:])
        house.restart()
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
        self.etag = self.house.modify(self.etag, "application/pidf+xml", body)

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
        house.modify(etag, "application/pidf+xml", pidf("closed", "x" * 500, "sad"))
        (notify,) = bob.news()
        assert self.root(notify) == ("pidf-full", "2")

    def test_the_entity_tag_is_that_of_the_whole_state(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        carol = watch(self.house, CAROL, f"Accept: {PARTIAL}")
        difference, whole = bob.notifies[-1], carol.notifies[-1]
        assert (self.root(difference)[0], self.root(whole)[0]) == ("pidf-diff", "pidf-full")
        assert difference.get("SIP-ETag") == whole.get("SIP-ETag")

    def test_the_same_state_has_another_entity_tag_in_another_format(self) -> None:
        bob, carol = watch(self.house, BOB, f"Accept: {PARTIAL}"), watch(self.house, CAROL)
        etags = [one.notifies[-1].get("SIP-ETag") for one in (bob, carol)]
        assert len(set(etags)) == 2
        assert carol.subscribe(f"Suppress-If-Match: {etags[0]}").status == 200
        assert bob.subscribe(f"Suppress-If-Match: {etags[0]}").status == 204

    def test_the_entity_tag_is_known_after_a_restart(self) -> None:
        bob = watch(self.house)
        etag = bob.notifies[-1].get("SIP-ETag")
        self.house.restart()
        self.house.after(1)
        bob.news()
        assert bob.subscribe(f"Suppress-If-Match: {etag}").status == 204

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
        self.house.restart()
        self.house.after(1)
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_versions_never_go_back_after_a_crash(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        self.house.restart()
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
        assert takes_changes(tuple(accept.split(","))) is partial
        bob = watch(self.house, BOB, f"Accept: {accept}")
        assert (bob.notifies[0].get("Content-Type") == DIFF) is partial


def told(house: House, who: str) -> object:
    (subscription,) = [
        it for it in house.parts.notifier.subscriptions("presence", ALICE) if it.watcher == who
    ]
    return subscription.view._told.body
