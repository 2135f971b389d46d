"""Looks at the load from time to time, and tells the operator when there is too much and when it is over."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sip.load import Load
from sip.stats import Stats

log = logging.getLogger(__name__)


class LoadWatch:
    """Args: `load` is told what is seen; `full` says what is too much beside waiting times; `now`: its
    clock."""

    def __init__(
        self, load: Load, stats: Stats, full: Callable[[], str | None], now: Callable[[], float]
    ) -> None:
        self._load = load
        self._stats = stats
        self._full = full
        self._now = now
        self._began: float | None = None
        self._shed = 0

    def look(self, late: float) -> None:
        """The loop came `late` (seconds) to this look."""
        now = self._now()
        load = self._load
        over = load.looked(late, self._full(), now)
        if over and self._began is None:
            self._began = load.began or now
            log.warning(
                "overload.began",
                extra={"reason": load.why, "wait": round(load.waited, 3), "late": round(late, 3)},
            )
        elif not over and self._began is not None:
            log.warning(
                "overload.ended",
                extra={"seconds": round(now - self._began, 1), "shed": self._stats.shed - self._shed},
            )
            self._began = None
        if self._began is None:
            self._shed = self._stats.shed
