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
    """The change could not be made durable; nothing of it was stored."""


class Journal(Protocol):
    """Group commit behind an interface (SQLite, PostgreSQL, later a cluster's engine)."""

    def write(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        """Store `records` atomically, then call `done` with None, or with the error that kept them out.

        Calls of `done` come in the order of the writes, never from within `write` itself.
        """


Job = Callable[[Callable[[], None]], None]


class KeyedQueue:
    """Runs jobs of one key one after the other; jobs of different keys do not wait for each other.

    A job gets a `release` function and calls it exactly once, when the next job of its key may start.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Job]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def run(self, key: Hashable, job: Job) -> None:
        """Start `job` now if nothing of `key` is under way, otherwise when its turn comes."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(job)
            return
        self._waiting[key] = deque()
        self._start(key, job)

    def _start(self, key: Hashable, job: Job) -> None:
        released = False

        def release() -> None:
            nonlocal released
            if released:
                return
            released = True
            self._next(key)

        try:
            job(release)
        except BaseException:
            # The job refused before it began: its turn is over, whoever waits must not wait for ever.
            release()
            raise

    def _next(self, key: Hashable) -> None:
        waiting = self._waiting[key]
        if waiting:
            self._start(key, waiting.popleft())
        else:
            del self._waiting[key]
