"""Limits of attempts in a sliding window, in memory.

Times come in as arguments.  It may be used from several threads at once.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Final

_MOST_KEYS: Final = 20_000


class Attempts:
    """At most `limit` attempts a key within `window` seconds."""

    __slots__ = ("_limit", "_lock", "_times", "_window")

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._times: dict[str, deque[float]] = {}
        """Keys in the order of their latest attempts."""
        self._lock = Lock()

    def take(self, key: str, now: float) -> int | None:
        """Count an attempt at `now` (seconds of any clock); the number of those before it in the window.

        None: there were too many, and this one is not counted: the window moves on while somebody tries.
        """
        with self._lock:
            times = self._times.pop(key, None) or deque()
            self._times[key] = times
            # A clock that was set back must not make attempts last for ever.
            while times and not 0 <= now - times[0] < self._window:
                times.popleft()
            before = len(times)
            if before >= self._limit:
                return None
            times.append(now)
            self._forget(now)
            return before

    def give_back(self, key: str, now: float) -> None:
        """The attempt that was counted at `now` was a good one."""
        with self._lock:
            times = self._times.get(key)
            if times is not None and now in times:
                times.remove(now)
                if not times:
                    del self._times[key]

    def _forget(self, now: float) -> None:
        """Keys whose attempts are too old; with too many keys, those that were quiet for longest."""
        while self._times:
            key, times = next(iter(self._times.items()))
            if len(self._times) <= _MOST_KEYS and times and 0 <= now - times[-1] < self._window:
                return
            del self._times[key]
