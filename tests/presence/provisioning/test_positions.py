"""Positions: decimal numbers with ten places, exact."""

from __future__ import annotations

from decimal import Decimal

import pytest

from presence.provisioning.positions import after, position, stored, trimmed


@pytest.mark.parametrize(
    ("written", "kept", "shown"),
    [
        ("1", "1.0000000000", "1"),
        ("-33.3", "-33.3000000000", "-33.3"),
        (" +1000.90 ", "1000.9000000000", "1000.9"),
        (".5", "0.5000000000", "0.5"),
        ("7.", "7.0000000000", "7"),
        ("-0", "0.0000000000", "0"),
        ("200", "200.0000000000", "200"),
        ("0.12345678905", "0.1234567891", "0.1234567891"),
        ("999999999999999999.9999999999", "999999999999999999.9999999999", "999999999999999999.9999999999"),
        (3, "3.0000000000", "3"),
        (Decimal("0.1"), "0.1000000000", "0.1"),
    ],
)
def test_a_position_is_kept_with_ten_places_and_shown_without_the_zeros(written, kept, shown):
    assert stored(position(written)) == kept
    assert trimmed(position(written)) == shown


@pytest.mark.parametrize(
    "written",
    [
        "",
        "one",
        "1e3",
        "0x1",
        "1,5",
        "1.2.3",
        "--1",
        "NaN",
        "inf",
        "٣",
        "1" * 19,
        "999999999999999999.99999999999",
    ],
)
def test_what_is_no_decimal_number_is_refused(written):
    with pytest.raises(ValueError):
        position(written)


def test_no_number_is_refused_for_its_length_without_being_counted():
    with pytest.raises(ValueError, match="not a decimal number"):
        position("0." + "1" * 1_000_000)


def test_behind_all_others_is_one_more_than_the_highest():
    assert after([]) == 1
    assert after([Decimal("1000.9"), Decimal(-3)]) == Decimal("1001.9")
    assert after([Decimal("-200")]) == -199


def test_behind_the_largest_number_there_is_no_room():
    with pytest.raises(ValueError, match="at most 18 digits"):
        after([Decimal("999999999999999999")])
