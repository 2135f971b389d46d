"""When a subscription is notified (RFC 6446): its rates, and the timer that keeps to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sip.timers import Timer, TimerWheel
from sip.usage.notifier.rates import Rates


class Pacing:
    """The rates of one subscription on the wheel.

    Args:
        rates: how often he may or must hear.
        wake: called when a rate allows the next NOTIFY, or wants one.
    """

    __slots__ = ("_timers", "_wait", "_wake", "rates")

    def __init__(self, timers: TimerWheel, rates: Rates, wake: Callable[[], None]) -> None:
        self.rates = rates
        self._timers = timers
        self._wake = wake
        self._wait: Timer | None = None

    @property
    def agreed(self) -> str:
        """The rates as the Subscription-State says them; they outlive a restart."""
        return self.rates.params()

    def adopt(self, params: Mapping[str, str | None], lifetime: float) -> bool:
        """Take other wishes of who has rates (see `Rates.adopt`); whether that makes them others."""
        before = self.agreed
        self.rates.adopt(params, lifetime, self._timers.now)
        return self.agreed != before

    def held_until(self) -> float | None:
        """The moment before which nothing may go out that was not asked for; None: it may now."""
        allowed = self.rates.allowed_at()
        return allowed if allowed > self._timers.now else None

    def wait_if_early(self) -> bool:
        """True if the rate does not allow it yet; then the wheel brings us back."""
        allowed = self.held_until()
        if allowed is None:
            return False
        self._wake_at(allowed)
        return True

    def is_due(self) -> bool:
        """Whether a NOTIFY has to go out although nothing has changed."""
        due = self.rates.due_at()
        return due is not None and self._timers.now >= due

    def wait_for_due(self) -> None:
        """Come back when one has to go out."""
        # A wish that was taken back wakes nobody any more.
        self.stop()
        due = self.rates.due_at()
        if due is not None:
            self._wake_at(max(due, self._timers.now))

    def sent(self) -> None:
        """A NOTIFY goes out: what was held back until now is in it."""
        self.stop()
        self.rates.sent(self._timers.now)

    def stop(self) -> None:
        """Wait for nothing."""
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    def _wake_at(self, when: float) -> None:
        self.stop()
        self._wait = self._timers.at(when, self._rung)

    def _rung(self) -> None:
        self._wait = None
        self._wake()
