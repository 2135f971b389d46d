"""When the collector of cycles looks at what."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from presence.collector import resting


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
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
