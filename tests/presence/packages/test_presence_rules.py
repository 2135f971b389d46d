"""What rules let a watcher see over time (RFC 5025), by the whole server: allowed, pending, blocked."""

from __future__ import annotations

import re

import pytest

from presence.directory import USER_DELETED, Change
from sip.usage.publication.keeper import PublicationKeeper
from tests.presence.house import House
from tests.presence.packages.presence_filters import WHEN_CLOSED, WHEN_OPEN
from tests.presence.watchers import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DIFF,
    PARTIAL,
    PIDF,
    SERVICES_ALONE,
    Watcher,
    is_open,
    pidf,
    rule,
    set_rules,
    watch,
)

STRANGER = "sip:eve@elsewhere.test"


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

    @pytest.mark.parametrize("triggers", [b"", WHEN_OPEN, WHEN_CLOSED], ids=["none", "open", "closed"])
    @pytest.mark.parametrize("accept", [PIDF, PARTIAL])
    def test_in_the_middle_it_is_told_as_of_somebody_who_goes_and_comes_back(
        self, triggers: bytes, accept: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Who comes back has another publication, whose ids are others.
        monkeypatch.setattr(PublicationKeeper, "new_id", lambda self, wall: "publication")
        seen = []
        for blocked in (True, False):
            house = House()
            etag = house.modify("", PIDF, pidf("open", "here"))
            bob = watch(house, BOB, f"Accept: {accept}", body=triggers)
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
