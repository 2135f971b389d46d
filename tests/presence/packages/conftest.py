"""What tests of event packages have in common."""

from __future__ import annotations

import pytest

from tests.presence.house import House
from tests.presence.watchers import ALICE, pidf


@pytest.fixture
def house() -> House:
    """Alice is there."""
    house = House()
    house.publish(ALICE, pidf("open", "hello", "happy"))
    return house
