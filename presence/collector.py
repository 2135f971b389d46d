"""Python's collector of cycles, set for a process with millions of objects that live for hours.

Requests leave no cycles behind (`tests/presence/test_memory.py` holds them to it): what the collector looks
at is nearly always alive, and a look at everything stops the reactor for as long as it takes.  So it looks
seldom and at little; see docs/decisions/0017-the-collector.md.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (5_000, 4, 10_000)
"""Of `gc.set_threshold`.  How long a look takes goes by how many new objects it is at: for 5000 that is a
millisecond or two, and for those of four such looks (20,000) some ten: the longest that the reactor is kept
from others.  Everything is looked at only after two hundred million more objects were made than freed."""


def look_seldom() -> None:
    """Set the thresholds; once, for the process."""
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def resting() -> Iterator[None]:
    """Make much that stays: the collector rests meanwhile, and never looks at it afterwards.

    Whatever else is there by then, modules and settings, is not looked at any more either.  What of it is
    let go later is still freed at once, unless it is part of a cycle.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
