"""Whether there is more to do than can be done, and what is not begun then.

Waiting times decide, not rates or lengths: what a request costs differs a thousandfold, what somebody waits
for does not.  As in CoDel (RFC 8289) a queue that comes and goes is no overload: only one that stands is, so
a single long turn of the reactor sheds nothing.  Time comes in with every call (monotonic seconds).
"""

from __future__ import annotations

import zlib
from typing import Final

WAITING: Final = "Server is overloaded"
LATE: Final = "Server is busy"

ALERT: Final = 5.0
"""Seconds after overload in which a queue that is too long counts at once: it is the same overload."""

URGENT: Final = 3.0
"""Times the limit from which the interval is not waited for: no turn of the reactor is so long."""

DROWNING: Final = 10.0
"""Times the limit from which requests within dialogs are refused as well: at the default beyond T1, where
every request comes a second time and makes it worse."""

DROWNING_FOR: Final = 2.0
"""Seconds for which that has to last although no new work was taken."""

LATE_LOOKS: Final = 3
"""Looks at the loop that have to be late one after the other."""


class Load:
    """What those who take messages in ask, and those who measure tell.

    Args:
        limit: seconds that a message may wait before it is looked at; 0: nothing is ever shed.
        interval: seconds for which all have to wait longer than that.
        retry_after: the least Retry-After in seconds; at most twice that is said, so that clients which were
            sent away together do not come again together.
    """

    __slots__ = (
        "_above_since",
        "_alert_until",
        "_drowning_since",
        "_full",
        "_late",
        "_late_for",
        "_queue",
        "began",
        "everything",
        "interval",
        "limit",
        "reason",
        "retry_after",
        "waited",
        "why",
    )

    def __init__(self, limit: float = 0.1, interval: float = 0.1, retry_after: int = 5) -> None:
        self.limit = limit
        self.interval = interval
        self.retry_after = retry_after
        self.reason: str | None = None
        """Why no new work is taken at present; None while it is."""
        self.why = ""
        """The last `reason` that there was."""
        self.everything = False
        """True if requests within dialogs are not taken either."""
        self.waited = 0.0
        """How long messages wait, as last seen (seconds)."""
        self.began: float | None = None
        """When this overload began; None when there is none."""
        self._above_since: float | None = None
        self._alert_until = 0.0
        self._drowning_since: float | None = None
        self._queue = False
        self._late = False
        self._late_for = 0
        self._full: str | None = None

    # -- what is measured ---------------------------------------------------------------------------------

    def queued(self, waited: float, now: float) -> None:
        """Messages wait so long now before they are looked at; 0: none waits."""
        self.waited = waited
        if not self.limit:
            return
        if waited <= self.limit:
            self._above_since = None
            if self._queue:
                self._queue = self.everything = False
                self._drowning_since = None
                self._say(now)
            return
        if self._above_since is None:
            self._above_since = now
        if (
            self._queue
            or now < self._alert_until
            or now - self._above_since >= self.interval
            or waited > URGENT * self.limit
        ):
            self._queue = True
            self._alert_until = now + ALERT
            if waited <= DROWNING * self.limit:
                self._drowning_since = None
                self.everything = False
            elif self._drowning_since is None:
                self._drowning_since = now
            elif now - self._drowning_since >= DROWNING_FOR:
                self.everything = True
            self._say(now)

    def looked(self, late: float, full: str | None, now: float) -> bool:
        """A look at the whole from time to time: the loop came `late` (seconds) to it, `full` says what is
        too much.

        Returns whether it is overload still, which ends `ALERT` seconds after the last thing that was shed.
        """
        self._late_for = self._late_for + 1 if self.limit and late > self.limit else 0
        self._late = self._late_for >= LATE_LOOKS
        self._full = full
        self._say(now)
        if self.reason is None and now >= self._alert_until:
            self.began = None
        return self.began is not None

    def _say(self, now: float) -> None:
        self.reason = WAITING if self._queue else LATE if self._late else self._full
        if self.reason is not None:
            self.why = self.reason
            self._alert_until = now + ALERT
            if self.began is None:
                self.began = now

    # -- what is answered ---------------------------------------------------------------------------------

    def retry(self, key: str) -> tuple[tuple[str, str], ...]:
        """The Retry-After header field (RFC 3261 §20.33), the same for the same `key` (a branch, a Call-
        ID)."""
        spread = zlib.crc32(key.encode("utf-8", "surrogateescape")) % (self.retry_after + 1)
        return (("Retry-After", str(self.retry_after + spread)),)
