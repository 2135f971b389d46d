"""What the journal did and what it cost; plain numbers that the metrics read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts per bucket: `counts[i]` observations of at most `bounds[i]`, the last one of any more."""

    __slots__ = ("bounds", "count", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.count = 0
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.count += 1
        self.total += value


class JournalStatistics:
    """Counters since the start of the server."""

    __slots__ = ("batch_size", "batches", "commit_seconds", "failed", "records", "restarts", "writes")

    def __init__(self) -> None:
        self.batches = 0
        """Transactions committed."""
        self.writes = 0
        """Calls of `write` that became durable."""
        self.records = 0
        """Records that became durable."""
        self.failed = 0
        """Calls of `write` that ended with a JournalError."""
        self.restarts = 0
        """How often the writer process had to be started again."""
        self.batch_size = Histogram((1, 2, 5, 10, 20, 50, 100, 200, 500))
        """Records per transaction."""
        self.commit_seconds = Histogram(
            (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
        )
        """Seconds per transaction, as the writer measures them."""
