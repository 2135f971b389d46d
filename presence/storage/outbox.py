"""The outbox follower: a running server hears within a second what another process changed.

A cheap sign (`signs`) says that there may be something new, a thread reads it, the reactor delivers it.
Entries come in the order of their ids, each once; `rows.begin_announcing` says why none can appear behind one
that was delivered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from presence.directory import Change
from presence.storage.database import Database
from presence.storage.engine import is_sqlite, normalise
from presence.storage.errors import DatabaseError
from presence.storage.models import Outbox
from presence.storage.rows import read_changes
from presence.storage.signs import DataVersion, Listener, Sign

log = logging.getLogger(__name__)

T = TypeVar("T")

_READ_AT_ONCE = 500
_PRUNE_EVERY = 3600.0


@dataclass(frozen=True, slots=True)
class FollowerSettings:
    """Times in seconds."""

    poll: float = 0.2
    """How often to look for a sign."""

    fallback: float = 5.0
    """How often to read without a sign; also when a failure is tried again."""

    keep: float = 7 * 86400.0
    """How long entries are kept."""


class OutboxFollower:
    """Calls `on_entries` in the reactor with each new entry after `position`.

    `position`: the id of the last entry that is known already (`Snapshot.outbox_position`).
    """

    __slots__ = (
        "_again",
        "_database",
        "_failing",
        "_on_entries",
        "_pruner",
        "_reactor",
        "_read_at",
        "_reading",
        "_settings",
        "_sign",
        "_stopping",
        "_ticker",
        "_under_way",
        "position",
    )

    def __init__(
        self,
        reactor: Any,
        url: str,
        position: int,
        on_entries: Callable[[Sequence[Change]], None],
        settings: FollowerSettings | None = None,
    ) -> None:
        self._reactor = reactor
        self._settings = settings or FollowerSettings()
        self._database = Database(normalise(url))
        self._on_entries = on_entries
        self._reading = self._again = self._failing = self._stopping = False
        self._read_at = 0.0
        self._under_way: set[Deferred[Any]] = set()
        self._sign: Sign
        if is_sqlite(self._database.url):
            self._sign = DataVersion(self._database)
        else:
            self._sign = Listener(
                reactor, self._database, self.read, self._in_thread, self._settings.fallback
            )
        self._ticker, self._pruner = LoopingCall(self._look), LoopingCall(self._prune)
        self._ticker.clock = self._pruner.clock = reactor
        self.position = position
        """The id of the last entry that was delivered."""

    @property
    def healthy(self) -> bool:
        """Whether the last look at the outbox worked."""
        return not self._failing

    def start(self) -> None:
        """Begin to follow; the first read is under way when this returns."""
        self._sign.start()
        self._ticker.start(self._settings.poll, now=False)
        self._pruner.start(_PRUNE_EVERY)
        self.read()

    def stop(self) -> Deferred[None]:
        """Stop following; fires when no thread works for it any more. Nothing is delivered after the call."""
        self._stopping = True
        for loop in (self._ticker, self._pruner):
            if loop.running:
                loop.stop()
        self._sign.stop()
        quiet = DeferredList([_watched(it) for it in self._under_way])
        return quiet.addCallback(lambda _: self._database.close())

    def read(self) -> None:
        """Look for new entries now."""
        if self._stopping:
            return
        if self._reading:
            self._again = True
            return
        self._reading, self._again = True, False
        self._read_at = self._reactor.seconds()
        self._in_thread(self._new_entries).addCallbacks(self._deliver, self._failed)

    def _look(self) -> None:
        age = self._reactor.seconds() - self._read_at
        if age >= self._settings.fallback or (not self._failing and self._sign.changed()):
            self.read()

    def _new_entries(self) -> list[Change]:
        with self._database.reading() as connection:
            return read_changes(connection, self.position, _READ_AT_ONCE)

    def _deliver(self, entries: list[Change]) -> None:
        self._reading = False
        if self._stopping:
            return
        if self._failing:
            self._failing = False
            log.info("outbox.works")
        # One at a time: an entry that nobody can digest must not take those behind it with it.
        for entry in entries:
            self.position = entry.id
            try:
                self._on_entries((entry,))
            except Exception:
                log.exception("outbox.callback", extra={"position": entry.id, "topic": entry.topic})
        if self._again or len(entries) == _READ_AT_ONCE:
            self.read()

    def _failed(self, failure: Failure) -> None:
        self._reading = False
        if failure.check(DatabaseError) is None:
            log.error("outbox.fails", exc_info=(failure.type, failure.value, failure.getTracebackObject()))  # type: ignore[arg-type]
        elif not self._failing:
            log.error("outbox.fails", extra={"reason": failure.getErrorMessage()})
        self._failing = True

    def _prune(self) -> None:
        before = time.time() - self._settings.keep

        def prune() -> None:
            with self._database.writing() as connection:
                connection.execute(delete(Outbox).where(Outbox.created_at < before))

        def failed(failure: Failure) -> None:
            failure.trap(DatabaseError)
            log.warning("outbox.not_pruned", extra={"reason": failure.getErrorMessage()})

        self._in_thread(prune).addErrback(failed)

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        running: Deferred[T] = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
        self._under_way.add(running)

        def over(result: T | Failure) -> T | Failure:
            self._under_way.discard(running)
            return result

        return running.addBoth(over)


def _watched(deferred: Deferred[Any]) -> Deferred[None]:
    """Fires when `deferred` has, whatever it had; leaves its result to whoever waits for it."""
    watcher: Deferred[None] = Deferred()

    def over(result: Any) -> Any:
        watcher.callback(None)
        return result

    deferred.addBoth(over)
    return watcher
