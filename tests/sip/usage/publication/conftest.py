"""What tests of publications have in common."""

from __future__ import annotations

import pytest

from tests.sip.usage.publication.publishing import House


@pytest.fixture
def house() -> House:
    return House()
