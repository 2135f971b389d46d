"""The values of XML Schema in presence documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.documents.xsd import epoch


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_time_in_utc_to_the_second_is_the_same_as_with_a_zone_and_a_fraction(moment: datetime) -> None:
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    expected = moment.replace(microsecond=0, tzinfo=UTC).timestamp()
    assert epoch(f"{text}Z") == epoch(f"{text}.0+00:00") == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:60Z",
        "2026-01-31T2a:59:59Z",
        "2026-01-31T23:٥٩:59Z",
        "2026-01-31 23:59:59Z",
        "not-a-dateT10:00:00Z",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert epoch(text) is None
