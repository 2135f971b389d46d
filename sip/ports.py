"""What the usages ask of the house they live in: a journal that makes state durable, and turns to take.

A usage never answers 2xx before the journal said that the change is durable, and it changes its memory
only then: memory never runs ahead of what a restart would find.  `KeyedQueue` keeps operations on one key
(an AOR, a presentity, a dialog) in order while one of them waits for the journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Protocol

Value = str | bytes | int | float | None


class Record(NamedTuple):
    """One durable change: the row stored under `key`, or its deletion when `row` is None."""

    kind: str
    key: tuple[Value, ...]
    row: tuple[Value, ...] | None


class JournalError(Exception):
    """The change could not be made durable; nothing of it was stored (yet: `Journal.catch_up`)."""


class Journal(Protocol):
    """Group commit behind an interface (SQLite, PostgreSQL, later a cluster's engine)."""

    def write(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        """Store `records` atomically, then call `done` with None, or with the error that kept them out.

        Calls of `done` come in the order of the writes, never from within `write` itself.
        """

    def catch_up(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        """As `write`, for what is true in memory already: expired, delivered, ended by the server.

        What cannot be stored now is stored when that is possible again, unless a later write of the same key
        was; `done` is called with the error all the same, and only once.
        """


Job = Callable[[Callable[[], None]], None]


class KeyedQueue:
    """Runs jobs of one key one after the other; jobs of different keys do not wait for each other.

    A job gets a `release` function and calls it exactly once, when the next job of its key may start.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Job] | None] = {}
        """What is under way, and what waits for it: None where nothing does, which is nearly always."""

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, key: Hashable, job: Job) -> None:
        """Start `job` now if nothing of `key` is under way, otherwise when its turn comes."""
        if key not in self._waiting:
            self._waiting[key] = None
            self._work(key, job)
            return
        waiting = self._waiting[key]
        if waiting is None:
            waiting = self._waiting[key] = deque()
        waiting.append(job)

    def _work(self, key: Hashable, job: Job | None) -> None:
        # A loop and not a chain of calls: a thousand jobs that end at once must not nest a thousand deep.
        while job is not None:
            turn = _Turn(self, key)
            try:
                job(turn.release)
            except BaseException:
                # The job refused: its turn is over, whoever waits must not wait for ever.
                turn.released = True
                self._work(key, self._next(key))
                raise
            turn.running = False
            if not turn.released:
                return
            job = self._next(key)

    def _next(self, key: Hashable) -> Job | None:
        """Whose turn it is now; without anybody, nothing of `key` is under way any more."""
        waiting = self._waiting[key]
        if waiting:
            return waiting.popleft()
        del self._waiting[key]
        return None


class _Turn:
    """One job's turn: over when `release` was called, whether the job itself has returned or not."""

    __slots__ = ("_key", "_queue", "released", "running")

    def __init__(self, queue: KeyedQueue, key: Hashable) -> None:
        self._queue = queue
        self._key = key
        self.running = True
        self.released = False

    def release(self) -> None:
        if self.released:
            return
        self.released = True
        if not self.running:
            self._queue._work(self._key, self._queue._next(self._key))
