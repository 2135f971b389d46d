"""What tests of lists have in common."""

from __future__ import annotations

import pytest

from tests.presence.house import House
from tests.presence.lists.list_phones import contacts
from tests.presence.watchers import BOB, CAROL, pidf


@pytest.fixture
def house() -> House:
    """Alice has bob and carol in her list; bob is there."""
    house = House()
    contacts(house, BOB, CAROL)
    house.publish(BOB, pidf("open", mood="happy"))
    return house
