"""Conditional notification (RFC 5839): entity-tags, Suppress-If-Match, also while a NOTIFY is under way."""

from __future__ import annotations

from sip.message import Response
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import ALICE, SUBSCRIBE, again, change, subscribed, tags


class TestConditions:
    """Conditional notification (RFC 5839)."""

    def test_every_state_has_an_entity_tag_of_its_own(self, house: House) -> None:
        subscribed(house)
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        first, second = tags(house)
        assert first
        assert first != second

    def test_a_refresh_with_what_the_watcher_has_is_204_and_no_notify_follows(self, house: House) -> None:
        first = subscribed(house)
        response = house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n"))
        assert (response.status, response.reason, response.get("Expires")) == (204, "No Notification", "600")
        assert len(house.notifies()) == 1
        house.after(599)
        assert len(house.notifier) == 1

    def test_a_refresh_that_is_204_extends_the_subscription(self, house: House) -> None:
        first = subscribed(house)
        house.after(500)
        assert (
            house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n")).status
            == 204
        )
        house.after(500)
        assert (len(house.notifier), len(house.notifies())) == (1, 1)

    def test_who_has_the_state_and_is_told_of_the_end_gets_no_body_and_the_same_tag(
        self, house: House
    ) -> None:
        tag = subscribed(house).get("SIP-ETag")
        assert house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {tag}\n")).status == 204
        house.after(601)
        last = house.notifies()[-1]
        assert last.get("Subscription-State") == "terminated;reason=timeout"
        assert (last.body, last.get("Content-Type"), last.get("SIP-ETag")) == (b"", None, tag)

    def test_a_star_without_a_dialog_is_true_as_well_and_gets_its_notify(self, house: House) -> None:
        assert house.ask(f"{SUBSCRIBE.rstrip()}\nSuppress-If-Match: *\n").status == 200
        (notify,) = house.notifies()
        assert (notify.body, bool(notify.get("SIP-ETag"))) == (b"", True)

    def test_a_refresh_with_an_old_tag_is_notified_as_ever(self, house: House) -> None:
        subscribed(house)
        assert house.ask(again(house, cseq=11, more="Suppress-If-Match: old\n")).status == 200
        assert house.notifies()[-1].body == b"sunny"

    def test_after_a_204_a_change_is_told(self, house: House) -> None:
        first = subscribed(house)
        house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n"))
        house.notifier.changed("presence", "sip:alice@example.com")
        assert len(house.notifies()) == 1
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        assert house.notifies()[-1].body == b"rain"

    def test_an_end_with_what_the_watcher_has_is_204_and_final(self, house: House) -> None:
        first = subscribed(house)
        text = again(house, cseq=11, expires=0, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n")
        assert house.ask(text).status == 204
        assert (len(house.notifies()), len(house.notifier), house.journal.rows) == (1, 0, {})

    def test_a_new_subscription_with_what_the_watcher_has_gets_a_notify_without_body(
        self, house: House
    ) -> None:
        tag = subscribed(house).get("SIP-ETag")
        text = SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKtwo").replace("call1", "call2")
        assert house.ask(f"{text.rstrip()}\nSuppress-If-Match: {tag}\n").status == 200
        notify = house.notifies()[-1]
        assert (notify.call_id, notify.body, notify.get("Content-Type")) == ("call2", b"", None)
        assert notify.get("SIP-ETag") == tag

    def test_a_star_keeps_all_bodies_away_until_it_is_taken_back(self, house: House) -> None:
        subscribed(house)
        assert house.ask(again(house, cseq=11, more="Suppress-If-Match: *\n")).status == 204
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        assert len(house.notifies()) == 1
        house.ask(again(house, cseq=12))
        assert house.notifies()[-1].body == b"rain"

    def test_the_end_is_told_whatever_the_condition(self, house: House) -> None:
        subscribed(house)
        house.ask(again(house, cseq=11, more="Suppress-If-Match: *\n"))
        house.after(601)
        notify = house.notifies()[-1]
        assert (notify.get("Subscription-State"), notify.body) == ("terminated;reason=timeout", b"")


def refresh(house: House, tag: str | None, cseq: int = 11, expires: int = 600) -> Response:
    return house.ask(again(house, cseq=cseq, expires=expires, more=f"Suppress-If-Match: {tag}\n"))


def test_who_names_what_is_under_way_to_him_has_got_it(house: House) -> None:
    assert house.ask(SUBSCRIBE).status == 200
    (first,) = house.notifies()
    assert refresh(house, first.get("SIP-ETag")).status == 204
    house.answer(first)
    house.after(60)
    assert house.notifies() == [first]
    change(house, "rain")
    assert house.notifies()[-1].body == b"rain"


def test_so_has_who_ends_it(house: House) -> None:
    house.ask(SUBSCRIBE)
    (first,) = house.notifies()
    assert refresh(house, first.get("SIP-ETag"), expires=0).status == 204
    house.answer(first)
    assert (house.notifies(), len(house.notifier)) == ([first], 0)


def test_who_names_what_he_had_before_it_is_told_again(house: House) -> None:
    first = subscribed(house)
    change(house, "rain")
    assert refresh(house, first.get("SIP-ETag")).status == 200
    house.answer(house.notifies()[-1])
    assert [it.body for it in house.notifies()] == [b"sunny", b"rain", b"rain"]


def test_but_not_if_something_else_is_to_be_told_after_it(house: House) -> None:
    house.ask(SUBSCRIBE)
    change(house, "rain")
    (first,) = house.notifies()
    assert refresh(house, first.get("SIP-ETag")).status == 200
    house.answer(first)
    assert [it.body for it in house.notifies()] == [b"sunny", b"rain"]
    assert len(set(tags(house))) == 2


def test_who_wants_nothing_at_all_is_told_that_he_has_to_wait_and_that_he_is_allowed(house: House) -> None:
    subscribed(house)
    assert refresh(house, "*").status == 204
    for verdict in ("pending", "active"):
        house.package.policy["sip:bob@example.com"] = verdict
        house.notifier.reauthorize("presence", ALICE)
        house.answer(house.notifies()[-1])
    said = [(it.get("Subscription-State"), it.body) for it in house.notifies()[1:]]
    assert said == [("pending;expires=600", b""), ("active;expires=600", b"")]


def test_after_that_he_still_wants_nothing(house: House) -> None:
    test_who_wants_nothing_at_all_is_told_that_he_has_to_wait_and_that_he_is_allowed(house)
    change(house, "rain")
    assert len(house.notifies()) == 3


def test_a_condition_and_a_maximum_in_one_refresh_are_both_kept(house: House) -> None:
    first = subscribed(house)
    text = again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n")
    assert house.ask(text.replace("Event: presence", "Event: presence;max-rate=0.1")).status == 204
    change(house, "rain")
    assert len(house.notifies()) == 1, "the interval runs from the last NOTIFY"
    house.after(10.1)
    assert house.notifies()[-1].body == b"rain"
