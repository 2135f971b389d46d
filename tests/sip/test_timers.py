"""The timer wheel: when timers fire, and that nothing of them stays."""

from __future__ import annotations

import logging
import sys

import pytest

from sip.timers import Lane, Recent, TimerWheel


def test_a_timer_fires_when_it_is_due_and_not_before() -> None:
    wheel, fired = TimerWheel(now=100.0), []
    wheel.after(0.5, fired.append, "T")
    wheel.advance(100.49)
    assert fired == []
    wheel.advance(100.51)
    assert fired == ["T"]


def test_timers_fire_in_the_order_in_which_they_are_due() -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(2, fired.append, "second")
    wheel.after(1, fired.append, "first")
    wheel.advance(5)
    assert fired == ["first", "second"]


def test_a_cancelled_timer_never_fires_and_leaves_the_wheel_at_once() -> None:
    wheel, fired = TimerWheel(), []
    timer = wheel.after(1, fired.append, "T")
    timer.cancel()
    timer.cancel()
    assert (len(wheel), timer.active) == (0, False)
    wheel.advance(2)
    assert fired == []


def test_a_timer_may_cancel_one_that_is_due_at_the_same_moment() -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(1, lambda: victim.cancel())
    victim = wheel.after(1, fired.append, "victim")
    wheel.advance(2)
    assert fired == []


def test_a_timer_set_by_a_timer_counts_from_the_present() -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(1, lambda: wheel.after(1, fired.append, wheel.now))
    wheel.advance(1.01)
    wheel.advance(2.0)
    assert fired == []
    wheel.advance(2.02)
    assert fired == [1.01]


def test_next_due_tells_how_long_the_driver_may_sleep() -> None:
    wheel = TimerWheel()
    assert wheel.next_due() is None
    timer = wheel.after(1, print)
    wheel.after(3, print)
    assert wheel.next_due() == pytest.approx(1.0)
    timer.cancel()
    assert wheel.next_due() == pytest.approx(3.0)


def test_time_never_runs_backwards() -> None:
    wheel = TimerWheel(now=10)
    wheel.advance(5)
    assert wheel.now == 10


def test_one_failing_callback_does_not_keep_others_from_their_time(caplog: pytest.LogCaptureFixture) -> None:
    wheel, fired = TimerWheel(), []
    wheel.after(1, lambda: 1 / 0)
    wheel.after(1, fired.append, "next")
    with caplog.at_level(logging.ERROR):
        wheel.advance(2)
    assert fired == ["next"]
    assert "timer.failed" in caplog.text


def test_a_lane_calls_with_each_item_after_its_delay() -> None:
    wheel = TimerWheel()
    called: list[tuple[str, float]] = []
    lane: Lane[str] = Lane(wheel, 5.0, lambda item: called.append((item, wheel.now)))
    lane.add("first")
    wheel.advance(2.0)
    lane.add("second")
    for now in (4.9, 5.0, 6.9, 7.0, 30.0):
        wheel.advance(now)
    assert called == [("first", 5.0), ("second", 7.0)]
    assert (len(lane), len(wheel)) == (0, 0)


def test_a_lane_needs_one_timer_however_many_wait_in_it() -> None:
    wheel = TimerWheel()
    lane: Lane[int] = Lane(wheel, 5.0, lambda item: None)
    for number in range(100):
        lane.add(number)
        wheel.advance(number / 1000)
    assert (len(lane), len(wheel)) == (100, 1)


def test_an_item_that_fails_in_a_lane_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    wheel = TimerWheel()
    called: list[int] = []

    def callback(item: int) -> None:
        called.append(item)
        if item == 1:
            raise LookupError

    lane = Lane(wheel, 1.0, callback)
    for number in (1, 2):
        lane.add(number)
    wheel.advance(1.0)
    assert called == [1, 2]
    assert "timer.failed" in caplog.messages


def test_what_is_added_to_a_lane_while_it_is_worked_off_has_a_delay_of_its_own() -> None:
    wheel = TimerWheel()
    called: list[float] = []

    def callback(item: int) -> None:
        called.append(wheel.now)
        if item:
            lane.add(item - 1)

    lane: Lane[int] = Lane(wheel, 1.0, callback)
    lane.add(1)
    wheel.advance(1.0)
    wheel.advance(2.0)
    assert called == [1.0, 2.0]


def test_slots_whose_timers_are_all_cancelled_keep_no_room():
    wheel = TimerWheel()
    timers = [wheel.after(3600.0, print) for _ in range(100)]
    for timer in timers:
        timer.cancel()
    (slot,) = wheel._slots.values()
    assert sys.getsizeof(slot) == sys.getsizeof({})


def test_a_recent_name_is_remembered_for_its_time_and_a_tenth_longer_at_most() -> None:
    wheel = TimerWheel()
    recent = Recent(wheel, 5.0)
    wheel.advance(0.3)
    recent.add("first", "one")
    wheel.advance(0.7)
    recent.add("second", "two")
    wheel.advance(5.69)
    assert (recent.find("first"), recent.find("second")) == ("one", "two")
    wheel.advance(6.35)
    assert (recent.find("first"), recent.find("second"), len(recent)) == (None, None, 0)


def test_nothing_is_waited_for_while_no_name_is_recent() -> None:
    wheel = TimerWheel()
    recent = Recent(wheel, 5.0)
    assert len(wheel) == 0
    recent.add("name", "one")
    recent.add("another", "two")
    assert len(wheel) == 1
    wheel.advance(60.0)
    assert (len(recent), len(wheel)) == (0, 0)


def test_a_name_is_remembered_again_after_a_time_without_any() -> None:
    wheel = TimerWheel()
    recent = Recent(wheel, 5.0)
    recent.add("first", "one")
    wheel.advance(60.0)
    recent.add("second", "two")
    wheel.advance(64.9)
    assert recent.find("second") == "two"
    wheel.advance(65.6)
    assert len(recent) == 0
