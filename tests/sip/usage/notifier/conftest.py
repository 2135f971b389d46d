"""What tests of the notifier have in common."""

from __future__ import annotations

import pytest

from tests.sip.house import House


@pytest.fixture
def house() -> House:
    return House()
