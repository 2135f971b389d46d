"""When the collector of cycles looks at what."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from presence.collector import FEW, LOOKS, THRESHOLDS, look_seldom, resting


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, callbacks = gc.get_threshold(), gc.callbacks.copy()
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


def test_it_rests_while_much_is_made_and_never_looks_at_it_afterwards() -> None:
    frozen = gc.get_freeze_count()
    with resting():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(made)


def test_it_works_on_after_a_restore_that_failed() -> None:
    with pytest.raises(ValueError, match="row"), resting():
        raise ValueError("row")
    assert gc.isenabled()


class Knot:
    """A cycle by itself."""

    def __init__(self) -> None:
        self.myself = self


def keep(looks: float) -> list[list[int]]:
    """Make as much that stays as there is between so many looks."""
    return [[number] for number in range(int(THRESHOLDS[0] * looks))]


def seconds(found: list[int]) -> None:
    """Has `found` filled with the generations that are looked at."""
    gc.callbacks.append(lambda phase, info: found.append(info["generation"]) if phase == "start" else None)


def test_what_is_left_by_looks_that_found_nothing_is_never_looked_at_again() -> None:
    looks: list[int] = []
    gc.collect()
    look_seldom()
    seconds(looks)
    frozen = gc.get_freeze_count()
    kept = keep(4 * LOOKS)
    assert looks.count(0) >= 3 * LOOKS
    assert set(looks) == {0}
    assert gc.get_freeze_count() - frozen > len(kept) / 2


def test_where_cycles_are_made_what_is_left_is_looked_at_once_more() -> None:
    looks: list[int] = []
    gc.collect()
    look_seldom()
    seconds(looks)
    kept = []
    for _ in range(6 * LOOKS):
        kept.append(keep(0.5))
        for _ in range(FEW // LOOKS):
            Knot()
    assert 1 in looks
    assert looks.count(1) <= looks.count(0) / (LOOKS - 1)


def test_a_few_cycles_are_no_reason_for_a_second_look() -> None:
    looks: list[int] = []
    gc.collect()
    look_seldom()
    seconds(looks)
    frozen = gc.get_freeze_count()
    kept = []
    for _ in range(6 * LOOKS):
        kept.append(keep(0.5))
        Knot()
    assert set(looks) == {0}
    assert gc.get_freeze_count() > frozen


def test_a_cycle_that_was_in_use_at_the_first_look_goes_with_the_second() -> None:
    class Told(Knot):
        gone = 0

        def __del__(self) -> None:
            Told.gone += 1

    gc.collect()
    look_seldom()
    in_use = [Told()]
    kept = [keep(1.5)]
    in_use.clear()
    knots = [Knot() for _ in range(2 * FEW)]
    knots.clear()
    kept.append(keep(LOOKS + 1))
    assert Told.gone == 1


def test_no_look_but_the_last_is_at_more_than_some_ten_thousand_objects() -> None:
    # What has come since the last second look, or was frozen.
    assert THRESHOLDS[0] * (LOOKS + 1) <= 25_000
    assert THRESHOLDS[0] * THRESHOLDS[1] >= 200_000_000
