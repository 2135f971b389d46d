"""What the filter of a watcher leaves and tells of over time (RFC 4660), by the whole server."""

from __future__ import annotations

import pytest
from lxml import etree

from presence.directory import Credentials, User
from tests.presence.house import PASSWORD, House
from tests.presence.packages.presence_filters import BASIC_ALONE, OFF, WHEN_NOTED, WHEN_OPEN
from tests.presence.watchers import (
    ALICE,
    BOB,
    CAROL,
    SERVICES_ALONE,
    Watcher,
    is_open,
    pidf,
    rule,
    set_rules,
    watch,
)
from tests.sip.usage.fakes import WALL

AL = "sip:al@sip.test"
AS_AL = User(ALICE, "", WALL, Credentials.of(ALICE, PASSWORD), (AL,))


def named_al() -> House:
    """Alice, who has published, is called so as well."""
    house = House()
    house.parts.directory.load([AS_AL])
    house.publish(ALICE, pidf("open", "hello"))
    return house


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


def told(house: House, who: str) -> object:
    (subscription,) = [
        it for it in house.parts.notifier.subscriptions("presence", ALICE) if it.watcher == who
    ]
    return subscription.view._told.body
