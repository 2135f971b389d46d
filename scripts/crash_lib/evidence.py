"""What was asked and answered, and what that proves of a server that was killed."""

from __future__ import annotations

import threading
import time
from collections import Counter


class Lost(Exception):
    """The server was killed before it answered: whether it did what was asked is not known."""


class Wrong(Exception):
    """Something that must not be; `str()` says what."""


class Evidence:
    """What all clients share: whether the server is up, what was answered, what was wrong.

    The journal is written in the order in which requests came.  So an answer 2xx to a request proves more
    than itself: everything that the server had been told before that request was sent is stored as well.
    """

    def __init__(self) -> None:
        self.down = threading.Event()
        """The server is gone: nobody waits for an answer of it, and nobody repeats a request."""
        self.over = threading.Event()
        """The load is to end; what is under way gets its answer."""
        self.answers: Counter[str] = Counter()
        """How often which kind of operation was answered how: "PUBLISH 200", "PUBLISH lost"."""
        self.repeated = 0
        """Messages that came twice, as they may: the answer to the first was lost with the server."""
        self._lock = threading.Lock()
        self._proved = 0.0
        self._killed_at = 0.0
        self._proved_then = 0.0
        self._wrongs: list[str] = []

    def answered(self, what: str, outcome: int | str) -> None:
        with self._lock:
            self.answers[f"{what} {outcome}"] += 1

    def stored(self, sent_at: float) -> None:
        """A request that was sent at `sent_at` (monotonic seconds) and had to be stored was answered 2xx."""
        with self._lock:
            self._proved = max(self._proved, sent_at)

    def killed(self) -> None:
        """The server was killed, all its answers were read, and the next one has not begun."""
        with self._lock:
            self._killed_at, self._proved_then = time.monotonic(), self._proved

    def may_be_forgotten(self, told_at: float) -> bool:
        """Whether what the server was told at `told_at` (monotonic seconds) may have died with it."""
        return self._proved_then <= told_at < self._killed_at

    def wrong(self, what: str) -> None:
        with self._lock:
            self._wrongs.append(what)

    def wrongs(self) -> list[str]:
        """What was wrong since the last call."""
        with self._lock:
            found, self._wrongs = self._wrongs, []
        return found

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the load."""
        end = time.monotonic() + seconds
        while not self.over.is_set() and not self.down.is_set() and (left := end - time.monotonic()) > 0:
            self.over.wait(min(left, 0.05))

    def total(self, *outcomes: str) -> int:
        """Operations with an outcome that begins with one of these."""
        return sum(count for name, count in self.answers.items() if name.split()[-1].startswith(outcomes))
