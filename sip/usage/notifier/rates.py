"""How often a subscription is notified (RFC 6446): at most, at least, and at least on average.

Pure arithmetic over the moments at which NOTIFYs were sent; who calls it has the timers.  A limit delays a
notification and never loses one: what is sent when the time has come is the newest state.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from typing import Final

PERIODS: Final = 10
"""The rolling average of the adaptive rate spans so many intervals of it (RFC 6446 §7.4: several times)."""

FASTEST: Final = 1.0
"""Notifications a second that a watcher may ask for as his minimum: more would load others for nothing."""

_RATE: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,10})?)(?:(?<=\.[0-9]{10})[0-9]+)?")
_LARGEST: Final = 99.9999999999
"""The largest that its grammar can say."""


class Rates:
    """The rates of one subscription, as adopted; seconds and notifications a second.

    Args:
        least_interval: what the server itself leaves between two NOTIFYs, 0 for nothing.
        sent_at: when the last NOTIFY went out.
    """

    __slots__ = ("_adaptive", "_history", "_least", "_max", "_min", "_sent_at")

    def __init__(self, least_interval: float = 0.0, sent_at: float = -math.inf) -> None:
        self._least = least_interval
        self._max: float | None = None
        self._min: float | None = None
        self._adaptive: float | None = None
        self._sent_at = sent_at
        self._history: deque[float] = deque()

    def adopt(self, params: Mapping[str, str | None], lifetime: float, now: float) -> None:
        """Take the wishes of a SUBSCRIBE: Event parameters `max-rate`, `min-rate`, `adaptive-min-rate`.

        A refresh without them ends them.  What makes no sense is put right as §5.3 and §8 say, and what is no
        positive number is not there.
        """
        self._max = _number(params.get("max-rate"))
        if self._max is not None and lifetime > 0:
            # Slower than that would be: never again before it expires.
            self._max = max(self._max, min(1.0 / lifetime, _LARGEST))
        self._min = self._at_most(_number(params.get("min-rate")))
        self._adaptive = self._at_most(_number(params.get("adaptive-min-rate")))
        if self._min is not None and self._adaptive is not None and self._min >= self._adaptive:
            self._min = None
        self._history.clear()
        if self._adaptive is not None:
            # As if it had always been so (§7.2, step 1).
            interval = 1.0 / self._adaptive
            self._history.extend(now - interval * back for back in range(PERIODS, 0, -1))

    def resume(self, params: str, now: float) -> None:
        """Go on with what `params` has said before a restart; it was put right then."""
        self.adopt(dict(part.partition("=")[::2] for part in params.split(";") if part), 0.0, now)

    def _at_most(self, rate: float | None) -> float | None:
        if rate is None:
            return None
        return min(rate, FASTEST, self._max if self._max is not None else FASTEST)

    @property
    def interval(self) -> float:
        """Seconds that have to lie between two NOTIFYs."""
        return max(self._least, 1.0 / self._max if self._max else 0.0)

    def allowed_at(self) -> float:
        """When the next NOTIFY may go out that nobody asked for just now."""
        return self._sent_at + self.interval

    def due_at(self) -> float | None:
        """When a NOTIFY has to go out even if nothing changes, None for never."""
        waits = []
        if self._min is not None:
            waits.append(1.0 / self._min)
        if self._adaptive is not None:
            period = PERIODS / self._adaptive
            count = len(self._history)
            waits.append(count / (self._adaptive**2 * period))
        return self._sent_at + max(self.interval, min(waits)) if waits else None

    def sent(self, now: float) -> None:
        """A NOTIFY goes out."""
        self._sent_at = now
        if self._adaptive is not None:
            self._history.append(now)
            oldest = now - PERIODS / self._adaptive
            while self._history and self._history[0] <= oldest:
                self._history.popleft()

    @classmethod
    def agreed(cls, params: Mapping[str, str | None], lifetime: float) -> str:
        """What `params` would say after `adopt`."""
        rates = cls()
        rates.adopt(params, lifetime, 0.0)
        return rates.params()

    def params(self) -> str:
        """What the Subscription-State says of the rates that are kept (§5.2, §6.2, §7.2)."""
        named = (("max-rate", self._max), ("min-rate", self._min), ("adaptive-min-rate", self._adaptive))
        return "".join(f";{name}={_text(rate)}" for name, rate in named if rate is not None)


def _number(text: str | None) -> float | None:
    """1*2DIGIT ["." 1*10DIGIT] (§9.2), None for what is not; of more decimals the first ten count."""
    match = _RATE.fullmatch(text or "")
    return (float(match[1]) or None) if match is not None else None


def _text(rate: float) -> str:
    return f"{rate:.10f}".rstrip("0").rstrip(".")
