"""The least time between two NOTIFYs that the operator sets (RFC 6446 §5.2), by the whole server."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from presence.settings import Settings
from tests.presence.house import House
from tests.presence.watchers import ALICE, pidf, watch


def test_who_asks_for_no_rate_hears_the_newest_state_when_the_interval_is_over() -> None:
    house = House(min_notify_interval=5)
    house.publish(ALICE, pidf("closed"))
    bob = watch(house)
    house.publish(ALICE, pidf("closed", "passed over"))
    house.publish(ALICE, pidf("open", "newest"))
    house.after(4.9)
    assert bob.news() == []
    house.after(0.2)
    (notify,) = bob.news()
    assert b"newest" in notify.body


def test_it_holds_after_a_restart_too() -> None:
    house = House(min_notify_interval=5)
    bob = watch(house)
    house.restart()
    house.after(0.1)
    bob.news()
    house.publish(ALICE, pidf("open"))
    assert bob.news() == []
    house.after(5.1)
    assert len(bob.news()) == 1


def test_by_default_every_change_is_told_at_once() -> None:
    house = House()
    bob = watch(house)
    house.publish(ALICE, pidf("closed"))
    house.publish(ALICE, pidf("open"))
    assert len(bob.news()) == 2


@pytest.mark.parametrize("seconds", [-1, 3601, "nan"])
def test_it_is_a_time_of_at_most_an_hour(seconds: object) -> None:
    with pytest.raises(ValidationError):
        Settings(min_notify_interval=seconds)
