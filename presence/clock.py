"""Clocks that go on evenly, so that no change of the system's time moves an expiry."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from sip.timers import TimerWheel


def steady(
    wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """A clock of epoch seconds that goes on evenly from now, whatever is done to the system's time.

    For what is stored in epoch seconds and compared with them by one process: how long something was idle.
    """
    ahead = wall() - monotonic()
    return lambda: monotonic() + ahead


TICK = 0.02
"""Seconds between two looks at the wheel."""


class WheelDriver:
    """Advances a wheel while the reactor runs."""

    def __init__(
        self, reactor: IReactorTime, timers: TimerWheel, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._timers = timers
        self._now = now
        self._loop = LoopingCall(self.look)
        self._loop.clock = reactor

    def start(self) -> None:
        """Begin to tick."""
        self._loop.start(TICK, now=False)

    def stop(self) -> None:
        """Tick no more."""
        if self._loop.running:
            self._loop.stop()

    def look(self) -> None:
        """Bring the wheel to the present; called for each message too, so that its time is exact."""
        self._timers.advance(self._now())
