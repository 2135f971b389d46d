"""When the collector of cycles looks at what."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from presence.collector import THRESHOLDS, look_seldom, resting


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
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


def test_no_look_but_the_last_is_at_more_than_some_ten_thousand_objects() -> None:
    look_seldom()
    young, middle, old = gc.get_threshold()
    assert (young, middle, old) == THRESHOLDS
    # What has come since the last look at the middle generation: it is the longest that comes often.
    assert young * (middle + 1) <= 25_000
    assert young * middle * old >= 200_000_000
