"""Plain counters of the stack, read by whoever shows metrics; counting costs one addition."""

from __future__ import annotations

from collections import Counter


class Stats:
    """Monotonic counters since start."""

    __slots__ = (
        "malformed",
        "notifies_failed",
        "notifies_sent",
        "requests",
        "retransmissions",
        "retransmissions_absorbed",
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
