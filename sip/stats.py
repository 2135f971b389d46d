"""Plain counters of the stack, read by whoever shows metrics; counting costs one addition."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from sip.headers.cseq import METHODS

OTHER: Final = "OTHER"
"""What methods that nobody defined are counted as: a stranger may invent as many as he likes."""

log = logging.getLogger(__name__)

LIMIT_TOLD_EVERY: Final = 10.0
"""Seconds between two lines of the log about one limit: a flood must not become a flood of lines."""


class Stats:
    """Monotonic counters since start."""

    __slots__ = (
        "_told",
        "limits",
        "malformed",
        "notifies_failed",
        "notifies_sent",
        "requests",
        "retransmissions",
        "retransmissions_absorbed",
        "shed",
        "stray_responses",
    )

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """Requests received, by method and the status of our final answer."""
        self.malformed = 0
        self.notifies_sent = 0
        self.notifies_failed = 0
        self.retransmissions: Counter[str] = Counter()
        """Requests and responses that we sent again because no answer came, by the request's method."""
        self.retransmissions_absorbed = 0
        """Requests that a transaction answered again without troubling anyone."""
        self.stray_responses = 0
        self.shed = 0
        """Requests that were refused or dropped at the door because there was too much to do; `requests` has
        them as 503."""
        self.limits: Counter[str] = Counter()
        """What was refused because a limit was reached, by the name of its setting."""
        self._told: dict[str, tuple[float, int]] = {}

    def count(self, method: str, status: int) -> None:
        """A request was answered for good."""
        self.requests[method if method in METHODS else OTHER, status] += 1

    def count_again(self, method: str) -> None:
        """A request, or an answer to one, was sent again."""
        self.retransmissions[method if method in METHODS else OTHER] += 1

    def limit_reached(self, limit: str, now: float, peer: str) -> None:
        """Something of `peer` (an address or a user) was refused because of the setting `limit`.

        The log hears of it now and then only; `now` is monotonic seconds.
        """
        count = self.limits[limit] = self.limits[limit] + 1
        told = self._told.get(limit)
        if told is None or now - told[0] >= LIMIT_TOLD_EVERY:
            since = count if told is None else count - told[1]
            self._told[limit] = (now, count)
            log.warning("limit.reached", extra={"limit": limit, "peer": peer, "times": since})
