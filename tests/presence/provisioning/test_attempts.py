"""Limits of attempts in a sliding window."""

from __future__ import annotations

import threading

from presence.provisioning import attempts
from presence.provisioning.attempts import Attempts


def test_so_many_within_the_window_and_no_more() -> None:
    limit = Attempts(2, 10.0)
    assert [limit.take("a", now) for now in (0.0, 4.0, 5.0)] == [0, 1, None]
    assert limit.take("b", 5.0) == 0


def test_the_window_slides_and_what_was_refused_does_not_count() -> None:
    limit = Attempts(2, 10.0)
    for now in (0.0, 4.0, 9.0, 9.5):
        limit.take("a", now)
    assert [limit.take("a", now) for now in (9.9, 10.0, 13.9, 14.0)] == [None, 1, None, 1]


def test_one_that_was_given_back_never_was() -> None:
    limit = Attempts(1, 10.0)
    limit.take("a", 0.0)
    limit.give_back("a", 0.0)
    limit.give_back("a", 0.0)
    assert limit.take("a", 1.0) == 0


def test_a_clock_that_is_set_back_lets_in() -> None:
    limit = Attempts(1, 10.0)
    limit.take("a", 1000.0)
    assert limit.take("a", 0.0) == 0


def test_memory_is_bounded_and_forgets_who_was_quiet_for_longest(monkeypatch) -> None:
    monkeypatch.setattr(attempts, "_MOST_KEYS", 3)
    limit = Attempts(1, 10.0)
    for key in "abcd":
        limit.take(key, 0.0)
    assert [limit.take(key, 1.0) for key in "dcb"] == [None, None, None]
    assert limit.take("a", 1.0) == 0


def test_at_once_is_no_more_than_one_after_the_other() -> None:
    limit = Attempts(5, 10.0)
    barrier = threading.Barrier(8)
    taken: list[int | None] = []

    def one() -> None:
        barrier.wait(10)
        taken.append(limit.take("a", 0.0))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(it for it in taken if it is not None) == [0, 1, 2, 3, 4]
