"""Plain counters of the stack, read by whoever shows metrics; counting costs one addition."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sip.headers.cseq import METHODS

OTHER: Final = "OTHER"
"""What methods that nobody defined are counted as: a stranger may invent as many as he likes."""


class Stats:
    """Monotonic counters since start."""

    __slots__ = (
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
        """Requests that were refused at the door because there was too much to do; `requests` has them as
        503."""

    def count(self, method: str, status: int) -> None:
        """A request was answered for good."""
        self.requests[method if method in METHODS else OTHER, status] += 1

    def count_again(self, method: str) -> None:
        """A request, or an answer to one, was sent again."""
        self.retransmissions[method if method in METHODS else OTHER] += 1
