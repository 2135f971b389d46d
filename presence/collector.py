"""Python's collector of cycles, set for a process with millions of objects that live for hours.

Requests leave no cycles behind (`tests/presence/test_memory.py` holds them to it): what the collector looks
at is nearly always alive, and a look at everything stops the reactor for as long as it takes.  So it looks
seldom and at little; see docs/decisions/0017-the-collector.md.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

THRESHOLDS: Final = (5_000, 1_000_000, 10_000)
"""Of `gc.set_threshold`: a look at the youngest after 5000 more objects were made than freed, which takes a
millisecond or two.  `Second` says when there is another one at those that were left."""

LOOKS: Final = 4
"""Looks at the youngest after which those that were left (20,000) are looked at again, some ten milliseconds:
the longest that the reactor is kept from others."""

FEW: Final = LOOKS * THRESHOLDS[0] // 100
"""Objects found in cycles by so many looks that are no reason for another: Twisted's pool of threads leaves
four with each call."""

AGAIN: Final = (5_000, 0, 10_000)
"""Of `gc.set_threshold`: the next look is such a second one."""


class Second:
    """Decides on the second look at what was left by the first: of `gc.callbacks`.

    Where several looks have found next to nothing in cycles, next to none are being made, and what is left is
    what the server keeps.  It is frozen then, never to be looked at (with what few cycles were in use just
    then).  Otherwise some of it may be cycles by now that were in use at the first look, and a second one
    follows.
    """

    def __init__(self) -> None:
        self._looks = 0
        self._found = 0

    def __call__(self, phase: str, info: Mapping[str, Any]) -> None:
        """The collector begins or ends a look."""
        if phase != "stop":
            return
        if info["generation"]:
            self._begin()
            return
        self._looks += 1
        self._found += info["collected"]
        if self._looks < LOOKS:
            return
        if self._found > FEW:
            gc.set_threshold(*AGAIN)
            return
        gc.freeze()
        self._begin()

    def _begin(self) -> None:
        self._looks = self._found = 0
        gc.set_threshold(*THRESHOLDS)


def look_seldom() -> None:
    """Set the thresholds; once, for the process."""
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(Second())


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
