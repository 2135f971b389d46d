"""Signs that there may be something new in the outbox, cheap enough for the reactor.

SQLite: `PRAGMA data_version` on a connection of its own changes when another connection committed anything;
it costs microseconds.  PostgreSQL: a connection that LISTENs, watched by the reactor.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from presence.storage.database import Database
from presence.storage.errors import one_line
from presence.storage.rows import NOTIFY_CHANNEL

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_DELAY = 0.125
_MOST_FAILURES = 16


class Sign(Protocol):
    """Tells the follower when it is worth looking."""

    def start(self) -> None:
        """From now on changes are noticed."""

    def changed(self) -> bool:
        """Whether there may be something new since the last call; to be polled."""

    def stop(self) -> None:
        """Let go of everything."""


class DataVersion:
    """The sign of SQLite."""

    __slots__ = ("_connection", "_database", "_version")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def start(self) -> None:
        self.changed()

    def changed(self) -> bool:
        try:
            version = self._read()
        except sqlite3.Error:
            # Locked, or gone: the reading thread finds out which, and says so.
            self.stop()
            return True
        changed, self._version = version != self._version, version
        return changed

    def _read(self) -> int:
        if self._connection is None:
            # No waiting for locks: this runs in the reactor.
            self._connection = sqlite3.connect(self._database.url.database or "", timeout=0)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@implementer(IReadDescriptor)
class Listener:
    """The sign of PostgreSQL; it calls `on_sign` by itself, and comes back when the connection was lost.

    At once the first time, then after longer and longer, up to `retry_after` seconds.
    """

    def __init__(
        self,
        reactor: Any,
        database: Database,
        on_sign: Callable[[], None],
        in_thread: Callable[[Callable[[], Any]], Deferred[Any]],
        retry_after: float,
    ) -> None:
        self._reactor = reactor
        self._database = database
        self._on_sign = on_sign
        self._in_thread = in_thread
        self._retry_after = retry_after
        self._retry: IDelayedCall | None = None
        self._failures = 0
        self._connected_at = 0.0
        self._connection: Any = None
        self._descriptor = -1
        self._stopped = False

    def start(self) -> None:
        self._retry = None
        self._in_thread(self._connect).addCallbacks(self._connected, self._not_connected)

    def changed(self) -> bool:
        return False

    def stop(self) -> None:
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._drop()

    def _connect(self) -> Any:
        pooled = self._database.engine.raw_connection()
        connection = pooled.driver_connection
        # It is ours now, never to be used for anything else.
        pooled.detach()
        assert connection is not None
        connection.autocommit = True
        connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
        return connection

    def _connected(self, connection: Any) -> None:
        if self._stopped:
            connection.close()
            return
        self._connection = connection
        self._connected_at = self._reactor.seconds()
        # A duplicate: libpq closes its own when the server goes, behind the back of the reactor, and its
        # number may be somebody else's before we notice.
        self._descriptor = os.dup(connection.fileno())
        self._reactor.addReader(self)
        # What was committed before LISTEN was heard.
        self._on_sign()

    def _not_connected(self, failure: Failure) -> None:
        failure.trap(SQLAlchemyError, self._driver_error)
        if not self._stopped:
            log.warning("outbox.not_listening", extra={"reason": " ".join(failure.getErrorMessage().split())})
            self._again()

    @property
    def _driver_error(self) -> type[Exception]:
        error: type[Exception] = self._database.engine.dialect.loaded_dbapi.Error
        return error

    def _drop(self) -> None:
        if self._connection is not None:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._connection.close()
            self._connection = None

    # -- IReadDescriptor

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "outbox"

    def doRead(self) -> None:
        notified = False
        wire = self._connection.pgconn
        try:
            wire.consume_input()
            while wire.notifies() is not None:
                notified = True
        except self._driver_error as error:
            self._lost(one_line(error))
            return
        if notified:
            self._on_sign()

    def connectionLost(self, reason: Failure) -> None:
        self._lost(reason.getErrorMessage())

    def _lost(self, reason: str) -> None:
        self._drop()
        if not self._stopped and self._retry is None:
            log.warning("outbox.not_listening", extra={"reason": reason})
            if self._reactor.seconds() - self._connected_at >= self._retry_after:
                self._failures = 0
            self._again()

    def _again(self) -> None:
        delay = 0.0 if not self._failures else min(_FIRST_DELAY * 2.0**self._failures, self._retry_after)
        # No further: 2.0 ** 1024 is too much for a float.
        self._failures = min(self._failures + 1, _MOST_FAILURES)
        self._retry = self._reactor.callLater(delay, self.start)
