"""The keys of a subscription's rows (sip.usage.notifier.rows)."""

from __future__ import annotations

from sip.usage.notifier.rows import ordered, unordered
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import subscribed

WALL = 1_700_000_000.0


def test_a_tag_sorts_by_when_it_was_made() -> None:
    tags = [ordered(WALL + second, token) for second, token in enumerate(("d", "a", "c", "b"))]
    assert tags == sorted(tags)


def test_all_of_the_token_is_in_the_tag() -> None:
    assert unordered(ordered(WALL, "0123456789abcdef")) == "0123456789abcdef"


def test_a_tag_of_an_earlier_version_is_not_left_without_anything_random() -> None:
    assert unordered("short") == "short"


def test_the_key_of_the_row_is_our_tag_and_begins_with_the_order() -> None:
    house = House()
    subscribed(house)
    ((_, (key,)),) = house.journal.rows
    assert key.startswith(ordered(house.notifier.wall(), ""))
