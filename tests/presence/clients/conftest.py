"""What tests of real clients have in common."""

from __future__ import annotations

import pytest

from tests.presence.house import House


@pytest.fixture
def house() -> House:
    return House()
