"""How late the event loop is: the time between when a call was due and when the reactor came round to it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class LoopLag:
    """Measures every `interval` seconds by the reactor's clock and hands each lag (seconds) to `observe`."""

    def __init__(
        self, reactor: IReactorTime, observe: Callable[[float], None], interval: float = 0.25
    ) -> None:
        self._reactor = reactor
        self._observe = observe
        self._interval = interval
        self._call: IDelayedCall | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin; the first figure comes after one interval."""
        if self._call is None:
            self._schedule()

    def stop(self) -> None:
        """End; leaves nothing in the reactor."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _schedule(self) -> None:
        self._due = self._reactor.seconds() + self._interval
        self._call = self._reactor.callLater(self._interval, self._tick)

    def _tick(self) -> None:
        # Anything below zero is the rounding of the poll's timeout.
        self._observe(max(0.0, self._reactor.seconds() - self._due))
        self._schedule()
