"""Suppress-If-Match that overtakes the answer to a NOTIFY under way (RFC 5839 §6.3)."""

from __future__ import annotations

import pytest

from sip.message import Response
from tests.sip.house import House
from tests.sip.usage.test_notifier import SUBSCRIBE, again, subscribed, tags

ALICE = "sip:alice@example.com"


@pytest.fixture
def house() -> House:
    return House()


def change(house: House, text: str) -> None:
    house.package.state = text
    house.notifier.changed("presence", ALICE)


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
