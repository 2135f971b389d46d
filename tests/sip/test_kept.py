"""What is kept for speed stays within its bounds, and losing the oldest costs the same with any number."""

from __future__ import annotations

import pytest

from sip.kept import make_room
from tests.support import costs
from tests.support.costs import Counter


def kept(count: int) -> dict[int, str]:
    return dict.fromkeys(range(count), "")


def test_where_there_is_room_everything_stays() -> None:
    some = kept(31)
    make_room(some, 32)
    assert some == kept(31)


def test_where_it_is_full_the_oldest_go() -> None:
    full = kept(32)
    make_room(full, 32)
    assert list(full) == list(range(3, 32))


def test_a_bound_that_was_set_lower_holds_from_then_on() -> None:
    many = kept(1000)
    make_room(many, 10)
    assert len(many) < 10
    assert 999 in many


@pytest.mark.parametrize("most", [1, 2, 100])
def test_there_is_never_more_than_the_bound(most: int) -> None:
    some: dict[int, str] = {}
    for number in range(5 * most):
        make_room(some, most)
        some[number] = ""
        assert len(some) <= most
        assert number in some


@pytest.mark.skipif(not costs.interpreted(), reason="the compiled form has no bytecode to count")
def test_most_newcomers_move_nobody() -> None:
    some = kept(1600)
    make_room(some, 1600)
    with Counter() as counter:
        for _ in range(50):
            make_room(some, 1600)
    with Counter() as alone:
        make_room({}, 1600)
    assert counter.instructions < 60 * alone.instructions
