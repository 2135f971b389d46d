"""Rates of notification (RFC 6446), by numbers."""

from __future__ import annotations

import pytest

from sip.usage.notifier.rates import Rates


def rates(least: float = 0.0, lifetime: float = 3600.0, **wishes: str) -> Rates:
    """Rates adopted at second 0; `max_rate="0.5"` is the parameter max-rate."""
    adopted = Rates(least)
    adopted.adopt({name.replace("_", "-"): value for name, value in wishes.items()}, lifetime, now=0.0)
    return adopted


def test_without_wishes_nothing_is_limited_and_nothing_is_said() -> None:
    free = rates()
    free.sent(10.0)
    assert (free.allowed_at(), free.due_at(), free.params()) == (10.0, None, "")


def test_max_rate_keeps_its_interval() -> None:
    slow = rates(max_rate="0.1")
    slow.sent(10.0)
    assert slow.allowed_at() == 20.0
    assert slow.params() == ";max-rate=0.1"


def test_the_first_notify_waits_for_nothing() -> None:
    assert rates(max_rate="0.1").allowed_at() < 0


def test_the_server_has_a_least_interval_of_its_own() -> None:
    slow = rates(least=5.0, max_rate="1")
    slow.sent(0.0)
    assert slow.allowed_at() == 5.0


def test_a_max_rate_that_would_never_notify_is_raised_to_the_lifetime() -> None:
    # RFC 6446 §5.3.
    paused = rates(lifetime=600, max_rate="0.0001")
    paused.sent(0.0)
    assert paused.allowed_at() == pytest.approx(600.0)
    assert paused.params() == ";max-rate=0.0016666667"


def test_min_rate_says_when_to_notify_although_nothing_changed() -> None:
    steady = rates(min_rate="0.05")
    steady.sent(100.0)
    assert steady.due_at() == 120.0


def test_min_rate_is_never_above_max_rate() -> None:
    # RFC 6446 §8.
    assert rates(max_rate="0.1", min_rate="0.5").params() == ";max-rate=0.1;min-rate=0.1"


def test_min_rate_does_not_count_beside_a_lower_adaptive_one() -> None:
    assert rates(min_rate="0.5", adaptive_min_rate="0.1").params() == ";adaptive-min-rate=0.1"


def test_min_rate_does_not_count_beside_an_equal_adaptive_one_but_a_lower_one_does() -> None:
    assert rates(min_rate="0.1", adaptive_min_rate="0.1").params() == ";adaptive-min-rate=0.1"
    both = rates(min_rate="0.05", adaptive_min_rate="0.1")
    assert both.params() == ";min-rate=0.05;adaptive-min-rate=0.1"
    for second in range(40):
        both.sent(second / 10)
    assert both.due_at() == pytest.approx(3.9 + 20.0), "the least rate holds however busy it was"


def test_adaptive_is_never_above_max_rate() -> None:
    # RFC 6446 §8.
    assert rates(max_rate="0.1", adaptive_min_rate="0.5").params() == ";max-rate=0.1;adaptive-min-rate=0.1"
    all_three = rates(max_rate="0.1", min_rate="0.2", adaptive_min_rate="0.5")
    assert all_three.params() == ";max-rate=0.1;adaptive-min-rate=0.1"


def test_adaptive_keeps_the_interval_of_max_rate() -> None:
    # RFC 6446 §7.4, equation (2).
    quiet = rates(max_rate="0.1", adaptive_min_rate="0.1")
    quiet.sent(1000.0)
    assert quiet.due_at() == pytest.approx(1010.0)


def test_the_period_of_the_average_is_longer_than_the_interval() -> None:
    # RFC 6446 §7.4: greater than the reciprocal of the rate, which is 10 seconds here.
    twice, once = rates(adaptive_min_rate="0.1"), rates(adaptive_min_rate="0.1")
    twice.sent(0.0)
    for one in (twice, once):
        one.sent(12.0)
    assert (twice.due_at() or 0) > (once.due_at() or 0), "what went out 12 seconds ago still counts"


def test_adaptive_waits_the_interval_when_the_average_is_what_was_asked_for() -> None:
    adaptive = rates(adaptive_min_rate="0.1")
    adaptive.sent(0.0)
    assert adaptive.due_at() == pytest.approx(10.0)


def test_adaptive_waits_longer_after_a_burst_and_shorter_after_silence() -> None:
    adaptive = rates(adaptive_min_rate="0.1")
    for second in range(10):
        adaptive.sent(float(second))
    assert adaptive.due_at() > 9.0 + 15.0
    adaptive.sent(95.0)
    assert adaptive.due_at() < 95.0 + 12.0


def test_a_refresh_without_the_parameters_ends_them() -> None:
    slow = rates(max_rate="0.1")
    slow.adopt({}, 3600.0, now=5.0)
    assert slow.params() == ""


@pytest.mark.parametrize("nonsense", ["", "0", "-1", "fast", "inf", "nan", "1e9"])
def test_what_is_no_rate_is_not_there(nonsense: str) -> None:
    assert rates(max_rate=nonsense).params() == ""


@pytest.mark.parametrize(
    "nonsense", ["1e-200", "1e-320", "0.00000000001", "0." + "0" * 320 + "1", "1e-3", ".5", "5."]
)
@pytest.mark.parametrize("name", ["max_rate", "min_rate", "adaptive_min_rate"])
def test_what_the_grammar_cannot_say_is_not_there(name: str, nonsense: str) -> None:
    # RFC 6446 §9.2: 1*2DIGIT ["." 1*10DIGIT]
    free = rates(**{name: nonsense})
    free.sent(0.0)
    assert (free.params(), free.allowed_at(), free.due_at()) == ("", 0.0, None)


@pytest.mark.parametrize("nonsense", ["100", "٣", " 1", "1\n", "1_0", "+1"])
def test_nothing_but_digits_and_a_point_is_a_rate(nonsense: str) -> None:
    assert rates(max_rate=nonsense).params() == ""


@pytest.mark.parametrize("rate", ["0.0000000001", "99.9999999999", "00.5"])
def test_the_edges_of_the_grammar_are_rates(rate: str) -> None:
    for name in ("max_rate", "min_rate", "adaptive_min_rate"):
        edge = rates(**{name: rate})
        edge.sent(1000.0)
        assert edge.params()
        assert 1000.0 <= edge.allowed_at() < 1e12
        assert 1000.0 <= (edge.due_at() or 1000.0) < 1e12


def test_decimals_beyond_the_tenth_do_not_count() -> None:
    # What a subscriber gets who divides one by thirty.
    assert rates(max_rate="0.03333333333333333").params() == ";max-rate=0.0333333333"


def test_a_lifetime_that_is_nearly_over_gives_a_rate_that_can_be_said() -> None:
    assert rates(lifetime=0.001, max_rate="0.1").params() == ";max-rate=99.9999999999"
