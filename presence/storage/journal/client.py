"""The journal as the server uses it: a queue, batches, answers (`sip.ports.Journal`).

While nothing is under way, what one turn of the reactor writes is sent at its end; while a batch is under way
writes collect, and the answer sends them off together: the busier the server, the larger the groups.  To send
the first write of a turn alone costs half as much more.  As long as groups are small they also wait a moment
(`linger`) for as many as there were lately: those who were just answered often ask again, and would go off
in another group than those who waited meanwhile.  A write that comes alone waits for nobody.

What can go wrong, and what happens then:

- one write is bad (the database refuses its values): it alone fails;
- the database is away, locked, full, read-only: the batch fails and everything that waits behind it, and the
  next write is the next attempt; a probe every second finds out when it is back;
- the writer process dies: it is started again and gets the unanswered batch again (to store a batch twice is
  to store it once);
- no answer within `deadline`: the writer is killed, which makes sure that it stores nothing later, and what
  has waited behind the batch for longer than `deadline` fails.

What is true already (`catch_up`) is kept in such a case and stored when the database works again: else a
delivered message would be delivered anew by the next start.

What was under way when the writer or its connection to PostgreSQL died may be stored or not: it is neither
done nor failed before the database is back and it was stored again, or nobody waits any more (35 seconds).

So a write that fails is not stored, unless nothing works for longer than anybody waits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall

from presence.storage.journal.frames import Answer, PlainRecord
from presence.storage.journal.process import WriterProcess
from presence.storage.journal.sent import Batch, Done, Owed, Pending, Refused, ignore
from presence.storage.journal.statistics import JournalStatistics
from presence.storage.kinds import LAYOUT
from sip.ports import JournalError, Record

log = logging.getLogger(__name__)

_TICK = 0.25
_ENOUGH = 32
"""Writes that go off without waiting: what a commit costs is shared by so many that more gain little."""
_RESTART_DELAYS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
_STABLE_AFTER = 10.0
_DOUBT = 35.0
"""Seconds after which nobody waits for an answer any more (RFC 3261 §17.1.2.2, Timer F)."""


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Times in seconds."""

    max_records: int = 500
    """Records per transaction (a single write may have more, it is never split)."""

    linger: float = 0.0005
    """How long a small batch waits for as many writes as there were lately; 0, or with as many: until the end
    of this turn of the reactor."""

    lock_timeout: float = 3.0
    """How long the writer waits for another process that writes (SQLite) or locks (PostgreSQL)."""

    deadline: float = 4.5
    """After this long without an answer a write fails."""

    probe_healthy: float = 5.0
    """How often the database is looked at while there is nothing to write."""

    probe_unhealthy: float = 1.0
    """The same while it is away."""


class JournalClient:
    """`sip.ports.Journal` over a writer process.

    `url`: the database, migrated already; `clock`: monotonic seconds; `around` calls what answers all writes
    of a batch.
    """

    __slots__ = (
        "_around",
        "_batch",
        "_clock",
        "_delivering",
        "_doubtful",
        "_expected",
        "_failures",
        "_heard_at",
        "_linger",
        "_number",
        "_owed",
        "_process",
        "_reactor",
        "_ready",
        "_restart",
        "_settings",
        "_started",
        "_started_at",
        "_stopped",
        "_stopping",
        "_tick_at",
        "_ticker",
        "_url",
        "_waiting",
        "failure",
        "statistics",
    )

    def __init__(
        self,
        reactor: Any,
        url: str,
        settings: JournalSettings | None = None,
        clock: Callable[[], float] = monotonic,
        around: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self._reactor: IReactorTime = reactor
        self._url = url
        self._settings = settings or JournalSettings()
        self._clock = clock
        self._around = around
        self._waiting: deque[Pending] = deque()
        self._owed = Owed()
        self._doubtful: deque[Pending] = deque()
        """Sent to a writer or a database that went away before it answered: stored, or not."""
        self._batch: Batch | None = None
        self._number = 0
        self._process: WriterProcess | None = None
        self._ready = False
        self._delivering = False
        self._expected = 1
        self._linger: IDelayedCall | None = None
        self._restart: IDelayedCall | None = None
        self._failures = 0
        self._started_at = 0.0
        self._heard_at = 0.0
        self._tick_at = 0.0
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self._started: Deferred[None] | None = None
        self._stopping: list[Deferred[None]] = []
        self._stopped = False
        self.failure: str | None = "the journal has not been started"
        """Why the journal does not work now, one line; None while it does."""
        self.statistics = JournalStatistics()

    # -- what the server asks

    def start(self) -> Deferred[None]:
        """Start the writer; fires when it has found the database in order, or fails with JournalError.

        After a failure the journal goes on trying all the same.
        """
        self._started = started = Deferred[None]()
        self._tick_at = self._clock()
        self._ticker.start(_TICK, now=False)
        self._launch()
        return started

    def write(self, records: Sequence[Record], done: Done) -> None:
        """Store `records` atomically, then call `done` with None, or with the error that kept them out.

        Calls of `done` come in the order of the writes, never from within `write` itself.
        """
        if self._stopped:
            self._reactor.callLater(0, done, JournalError("the journal has been stopped"))
            return
        # marshal knows tuples, not their subclasses.
        self._waiting.append(([*map(tuple, records)], done, self._clock()))  # type: ignore[list-item]
        if self._batch is None and self._ready and not self._delivering:
            if self._linger is None:
                self._send_soon()
            elif len(self._waiting) == self._expected:
                self._linger.reset(0)

    def catch_up(self, records: Sequence[Record], done: Done) -> None:
        """As `write`, for what is true already: if it cannot be stored now it is when the database works."""
        plain: list[PlainRecord] = [*map(tuple, records)]  # type: ignore[list-item]
        self.write(records, self._owed.until_stored(plain, done, self._clock()))

    def stop(self) -> Deferred[None]:
        """Make everything durable that was written, end the writer; fires when it is gone. Never fails."""
        if self._stopped or self._ticker.running is False:
            self._stopped = True
            return succeed(None)
        stopping = Deferred[None]()
        self._stopping.append(stopping)
        if self._restart is not None and (self._waiting or self._doubtful):
            # Whoever stops does not wait for a polite moment.
            self._restart.cancel()
            self._launch()
        self._proceed()
        return stopping

    @property
    def healthy(self) -> bool:
        """Whether a write would be stored now, as far as is known."""
        return self.failure is None

    @property
    def waiting(self) -> int:
        """Records that are not durable yet, or not known to be."""
        under_way = 0 if self._batch is None else self._batch.records
        rest = chain(self._doubtful, self._waiting)
        return under_way + sum(len(records) for records, _, _ in rest)

    @property
    def backlog(self) -> int:
        """Writes that are to be sent to the writer yet, or that it has to store once more."""
        again = len(self._batch.writes) if self._batch is not None and self._batch.again else 0
        return again + len(self._doubtful) + len(self._waiting)

    @property
    def lag(self) -> float:
        """Age in seconds of the oldest write that is not known to be durable yet, 0 if there is none."""
        under_way = [] if self._batch is None else self._batch.writes
        oldest = [queue[0][2] for queue in (self._doubtful, under_way, self._waiting) if queue]
        return self._clock() - min(oldest) if oldest else 0.0

    @property
    def pid(self) -> int | None:
        """The writer's process id, None while it is not running."""
        return None if self._process is None else self._process.pid

    # -- batches out

    def _send_soon(self) -> None:
        waiting = len(self._waiting)
        if waiting >= self._settings.max_records or self._stopping:
            self._send()
            return
        seconds = 0.0 if waiting >= self._expected else self._settings.linger
        self._linger = self._reactor.callLater(seconds, self._lingered)

    def _lingered(self) -> None:
        self._linger = None
        if self._batch is None and self._ready:
            self._send()

    def _send(self) -> None:
        """Send the oldest writes that fit one transaction; without any it is a probe.

        What is in doubt goes first: after what was written later it would take the place of it.  To store it
        twice is to store it once.
        """
        process = self._process
        if process is None:
            return
        again = bool(self._doubtful)
        queue, room = self._doubtful if again else self._waiting, self._settings.max_records
        writes: list[Pending] = []
        while queue and (room >= len(queue[0][0]) or not writes):
            room -= len(queue[0][0])
            writes.append(queue.popleft())
        self._number += 1
        self._batch = Batch(self._number, writes, self._clock(), again=again)
        process.send(self._batch.frame)

    def _proceed(self) -> None:
        """Do what is next, now that nothing is under way."""
        if self._batch is not None or self._delivering:
            return
        if self._ready and self.failure is None:
            if self._doubtful:
                self._send()
                return
            if self._owed:
                self._pay()
        if self._waiting:
            if self._ready and self._linger is None:
                self._send_soon()
        elif self._stopping and (self._ready or not self._doubtful):
            self._end()

    def _pay(self) -> None:
        """Send what is owed, before all that was written later and may be of the same keys."""
        owed = self._owed.take()
        log.info("journal.catches-up", extra={"records": len(owed)})
        now, size = self._clock(), self._settings.max_records
        for start in range(0, len(owed), size):
            part = owed[start : start + size]
            self._waiting.appendleft((part, self._owed.until_stored(part, ignore, now), now))

    # -- answers in

    def _answered(self, answer: Answer) -> None:
        number, failure, refusals, seconds = answer
        self._heard_at = self._clock()
        if number == 0:
            self._ready = True
            self._settle(failure)
            self._proceed()
            return
        batch = self._batch
        if batch is None or batch.number != number:
            return
        self._batch = None
        self._expected = min(len(batch.writes) + len(self._waiting), _ENOUGH)
        self._settle(failure)
        if failure is not None:
            # Whoever waits would only wait for the same database.
            writes = [*self._waiting]
            if batch.again or refusals is not None:
                # To say that it was not stored might be wrong.
                self._doubtful.extendleft(reversed(batch.writes))
            else:
                writes[:0] = batch.writes
            self._waiting.clear()
            self._fail(writes, failure)
        elif batch.writes:
            self._count(batch, seconds)
            if refusals:
                batch.refusals.update(refusals)
            self._around(partial(self._succeed, batch))
        self._proceed()

    def _count(self, batch: Batch, seconds: float) -> None:
        statistics = self.statistics
        statistics.batches += 1
        statistics.batch_size.observe(batch.records)
        statistics.commit_seconds.observe(seconds)

    def _succeed(self, batch: Batch) -> None:
        statistics, refusals = self.statistics, batch.refusals
        statistics.writes += len(batch.writes) - len(refusals)
        statistics.records += batch.records
        statistics.failed += len(refusals)
        if self._owed:
            self._owed.forget(batch)
        self._delivering = True
        for index, (records, done, _) in enumerate(batch.writes):
            error = None
            if refusals and index in refusals:
                statistics.records -= len(records)
                error = Refused(refusals[index])
                log.error("journal.refused", extra={"kinds": _kinds(records), "reason": refusals[index]})
            _call(done, error)
        self._delivering = False

    def _fail(self, writes: list[Pending], reason: str) -> None:
        self.statistics.failed += len(writes)
        delivering, self._delivering = self._delivering, True
        for _, done, _ in writes:
            _call(done, JournalError(reason))
        self._delivering = delivering

    def _settle(self, failure: str | None) -> None:
        """Take note of how the database is."""
        if failure != self.failure:
            if failure is None:
                log.info("journal.works", extra={"pid": self.pid})
            else:
                log.error("journal.fails", extra={"reason": failure})
        self.failure = failure
        started, self._started = self._started, None
        if started is not None:
            if failure is None:
                started.callback(None)
            else:
                started.errback(JournalError(failure))

    # -- the writer's life

    def _launch(self) -> None:
        self._restart = None
        self._started_at = self._heard_at = self._clock()
        settings = {"url": self._url, "lock_timeout": self._settings.lock_timeout, "layout": LAYOUT}
        try:
            self._process = WriterProcess(self._reactor, settings, self._answered, self._gone)
        except OSError as error:
            self._gone_because(f"the journal's writer cannot be started: {error.strerror or error}")

    def _gone(self, code: int) -> None:
        self._process = None
        self._ready = False
        if self._stopped:
            self._finish()
            return
        if self._clock() - self._started_at > _STABLE_AFTER:
            self._failures = 0
        self._gone_because(f"the journal's writer ended unexpectedly (exit code {code})")

    def _gone_because(self, reason: str) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            self._doubtful.extendleft(reversed(batch.writes))
        self._settle(reason)
        self.statistics.restarts += 1
        delay = _RESTART_DELAYS[min(self._failures, len(_RESTART_DELAYS) - 1)]
        self._failures += 1
        self._restart = self._reactor.callLater(delay, self._launch)
        self._proceed()

    def _tick(self) -> None:
        now = self._clock()
        late, self._tick_at = now - self._tick_at, now
        if late > 4 * _TICK:
            # It was us who stood still; the answers may lie in the socket.
            return
        process, batch, deadline = self._process, self._batch, self._settings.deadline
        if process is not None and (batch is not None or not self._ready):
            silent_since = self._started_at if batch is None else batch.sent_at
            if now - silent_since > deadline:
                log.error("journal.silent", extra={"pid": process.pid, "seconds": now - silent_since})
                process.kill()
        self._expire(now - deadline)
        self._despair(now - (deadline if self._stopping else _DOUBT))
        interval = self._settings.probe_healthy if self.healthy else self._settings.probe_unhealthy
        if self._batch is None and self._ready and not self._waiting and now - self._heard_at >= interval:
            self._send()

    def _expire(self, before: float) -> None:
        """Fail what waits since `before`; what is under way can only be failed when the writer is gone."""
        if self._batch is not None or not self._waiting or self._waiting[0][2] > before:
            return
        expired: list[Pending] = []
        while self._waiting and self._waiting[0][2] <= before:
            expired.append(self._waiting.popleft())
        self._fail(expired, self.failure or f"not stored within {self._settings.deadline:g} seconds")
        self._proceed()

    def _despair(self, before: float) -> None:
        """Fail what has been in doubt since `before`."""
        over = [write for write in self._doubtful if write[2] <= before]
        if over and self._batch is None:
            self._doubtful = deque(write for write in self._doubtful if write[2] > before)
            self._fail(over, self.failure or "the journal's writer ended")
            self._proceed()

    def _end(self) -> None:
        self._stopped = True
        doubtful = [*self._doubtful]
        self._doubtful.clear()
        self._fail(doubtful, self.failure or "the journal has been stopped")
        if self._ticker.running:
            self._ticker.stop()
        for call in (self._linger, self._restart):
            if call is not None and call.active():
                call.cancel()
        self._linger = self._restart = None
        if self._process is not None:
            self._process.close()
        else:
            self._finish()

    def _finish(self) -> None:
        self.failure = "the journal has been stopped"
        started, self._started = self._started, None
        if started is not None:
            started.errback(JournalError(self.failure))
        for stopping in self._stopping:
            stopping.callback(None)
        self._stopping.clear()


def _call(done: Done, error: JournalError | None) -> None:
    try:
        done(error)
    except Exception:
        # One write's owner must not take the answers of all the others with him.
        log.exception("journal.callback")


def _kinds(records: list[PlainRecord]) -> str:
    return ",".join(sorted({kind for kind, _, _ in records}))
