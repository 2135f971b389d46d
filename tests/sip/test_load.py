"""When there is too much to do, and when there is not: waiting times by a clock by hand."""

from __future__ import annotations

from sip.load import ALERT, LATE, WAITING, Load


def queue(load: Load, waits: list[float], step: float = 0.03, begin: float = 100.0) -> list[str | None]:
    """What the load says after each of these waiting times, seen every `step` seconds."""
    said: list[str | None] = []
    for number, waited in enumerate(waits):
        load.queued(waited, begin + number * step)
        said.append(load.reason)
    return said


class TestQueue:
    def test_a_queue_that_stands_for_the_interval_is_overload(self):
        said = queue(Load(0.1, 0.1), [0.15] * 8)
        assert said == [None] * 4 + [WAITING] * 4

    def test_a_single_long_turn_is_none(self):
        assert queue(Load(0.1, 0.1), [0.29, 0.21, 0.12, 0.08, 0.01]) == [None] * 5

    def test_waiting_less_than_the_limit_is_none_however_long_it_lasts(self):
        assert queue(Load(0.1, 0.1), [0.1] * 500) == [None] * 500

    def test_one_message_that_waited_less_starts_the_interval_anew(self):
        assert queue(Load(0.1, 0.1), [0.2] * 4 + [0.05] + [0.2] * 4) == [None] * 9

    def test_it_ends_with_the_first_message_that_waited_less(self):
        assert queue(Load(0.1, 0.1), [0.2] * 8 + [0.09])[-2:] == [WAITING, None]

    def test_a_queue_that_is_much_too_long_is_not_waited_for(self):
        assert queue(Load(0.1, 0.1), [0.2, 0.31]) == [None, WAITING]

    def test_within_the_alert_it_begins_again_at_once(self):
        load = Load(0.1, 0.1)
        queue(load, [0.2] * 8 + [0.0])
        assert queue(load, [0.11], begin=101.0) == [WAITING]
        load.queued(0.0, 101.1)
        assert queue(load, [0.11], begin=101.1 + 2 * ALERT) == [None]

    def test_requests_within_dialogs_go_as_well_when_all_come_twice_for_long(self):
        load = Load(0.1, 0.1)
        queue(load, [1.1] * 60)
        assert not load.everything
        queue(load, [1.1] * 10, begin=102.0)
        assert load.everything
        load.queued(0.9, 102.4)
        assert not load.everything

    def test_a_limit_of_0_sheds_nothing(self):
        load = Load(0.0)
        assert queue(load, [9.0] * 100) == [None] * 100
        for number in range(10):
            load.looked(9.0, None, float(number))
        assert load.reason is None


class TestLooks:
    def test_a_loop_that_is_late_three_times_in_turn_is_overload(self):
        load = Load(0.1)
        said = []
        for number, late in enumerate([0.2, 0.2, 0.2, 0.01]):
            load.looked(late, None, number / 4)
            said.append(load.reason)
        assert said == [None, None, LATE, None]

    def test_what_is_full_is_told_as_it_is(self):
        load = Load(0.1)
        load.looked(0.0, "Too many transactions", 1.0)
        assert load.reason == "Too many transactions"
        load.looked(0.0, None, 1.25)
        assert load.reason is None

    def test_overload_is_over_when_nothing_was_shed_for_a_while(self):
        load = Load(0.1)
        assert load.looked(0.0, "full", 10.0)
        assert load.began == 10.0
        assert load.looked(0.0, None, 10.25)
        assert load.looked(0.0, None, 10.0 + ALERT - 0.1)
        assert not load.looked(0.0, None, 10.25 + ALERT)
        assert load.began is None


class TestRetryAfter:
    def test_it_is_spread_over_once_more_the_least(self):
        load = Load(retry_after=5)
        said = {load.retry(f"z9hG4bK{number}")[0] for number in range(500)}
        assert said == {("Retry-After", str(seconds)) for seconds in range(5, 11)}

    def test_the_same_request_is_told_the_same(self):
        assert Load().retry("z9hG4bKa") == Load().retry("z9hG4bKa")
