"""Turns: operations on one key wait for each other, others do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.ports import KeyedQueue


def test_jobs_of_one_key_run_one_after_the_other() -> None:
    queue, order, releases = KeyedQueue(), [], []

    def job(name: str) -> Callable[[Callable[[], None]], None]:
        def run(release: Callable[[], None]) -> None:
            order.append(name)
            releases.append(release)

        return run

    queue.run("alice", job("first"))
    queue.run("alice", job("second"))
    queue.run("bob", job("other key"))
    assert order == ["first", "other key"]
    releases[0]()
    assert order == ["first", "other key", "second"]


def test_nothing_stays_when_all_jobs_are_done() -> None:
    queue = KeyedQueue()
    queue.run("alice", lambda release: release())
    assert len(queue) == 0


def test_a_job_that_raises_gives_up_its_turn() -> None:
    queue, order = KeyedQueue(), []

    def refuse(release: Callable[[], None]) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        queue.run("alice", refuse)
    queue.run("alice", lambda release: order.append("next"))
    assert order == ["next"]


def test_releasing_twice_does_not_start_two_jobs() -> None:
    queue, order, releases = KeyedQueue(), [], []
    queue.run("a", releases.append)
    queue.run("a", lambda release: order.append("second"))
    queue.run("a", lambda release: order.append("third"))
    releases[0]()
    releases[0]()
    assert order == ["second"]


def test_many_waiting_jobs_do_not_exhaust_the_stack() -> None:
    queue, done, releases = KeyedQueue(), [], []
    queue.run("a", releases.append)

    def quick(release: Callable[[], None]) -> None:
        done.append(1)
        release()

    for _ in range(5000):
        queue.run("a", quick)
    releases[0]()
    assert len(done) == 5000
