"""The journal's writer process: takes batches from its socket, commits each as one transaction, answers.

It has the writer's seat of the database (`presence.storage.seats`) from before its first answer to its end.

Started by `process` as `python -m presence.storage.journal.writer FD`.  It ends when the other end of its
socket is closed, after everything that was received completely is committed; signals of the terminal or of a
service manager are for the server, which ends it.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from time import perf_counter, time
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from presence.storage.database import Database
from presence.storage.engine import WRITE, is_sqlite, normalise
from presence.storage.errors import DatabaseError, DatabaseInDoubt, one_line
from presence.storage.journal.batch import RecordError, Statements, checked
from presence.storage.journal.frames import Answer, PlainWrite, Unpacker, pack
from presence.storage.kinds import LAYOUT
from presence.storage.seats import Held, Seat, seat_connection, take

# PostgreSQL's classes of errors (SQLSTATE) that tell of the data or the statement, not of the server:
# unsupported, data, integrity, syntax or access, limits ("index row size exceeds maximum").
_RECORD_CLASSES = frozenset({"0A", "22", "23", "42", "54"})
_RETRY_CLASSES = frozenset({"40", "57", "08"})
# By name, so that no driver has to be imported: sqlite3's, and psycopg's without SQLSTATE.
_DATABASE_ERRORS = frozenset({"OperationalError", "DatabaseError", "InternalError"})
OTHER_LAYOUT = "the journal's writer is of another version of presentity than the server: restart the server"
_CHUNK = 1 << 16
"""Bytes to ask the socket for; memory for many more comes from the system and goes back each time."""
_SQLITE_CACHE = "PRAGMA cache_size = -16384"
"""KiB: as much as the inner pages and indexes of some hundred thousand rows."""


def is_database_failure(error: DBAPIError) -> bool:
    """Whether the database is to blame (away, locked, full, read-only), not one record."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return state[:2] not in _RECORD_CLASSES
    return type(error.orig).__name__ in _DATABASE_ERRORS


class Writer:
    """One connection to the database, kept as long as it works; with it the writer's seat.

    `patience`: seconds to wait for a writer before this one to be gone.
    """

    __slots__ = ("_connection", "_database", "_patience", "_seat", "_statements")

    def __init__(self, database: Database, patience: float = 0.0) -> None:
        self._database = database
        self._patience = patience
        self._seat: Held | None = None
        self._connection: Connection | None = None
        self._statements: Statements | None = None

    def check(self) -> None:
        """See whether the database takes writes now, by writing. Raises DatabaseError."""
        try:
            self._work(lambda connection, statements: statements.beat(connection, time()))
        except DBAPIError as error:
            # A missing right or table: whoever's fault, no write can succeed.
            raise self._database.error(error) from error

    def commit(self, writes: list[PlainWrite]) -> dict[int, str] | None:
        """Store `writes` in one transaction; returns which of them were refused, and why.

        Raises DatabaseError: the database could not, nothing is stored.
        """
        try:
            self._attempt(lambda connection, statements: statements.commit(writes))
        except DBAPIError:
            pass
        # What a driver itself says to values that it cannot pass on (UnicodeError is a ValueError).
        except (KeyError, ValueError, TypeError, OverflowError):
            pass
        else:
            return None
        return self._one_by_one(writes)

    def _one_by_one(self, writes: list[PlainWrite]) -> dict[int, str] | None:
        refusals: dict[int, str] = {}

        def work(connection: Connection, statements: Statements) -> None:
            refusals.clear()
            for index, write in enumerate(writes):
                reason = _attempt(connection, statements, write)
                if reason is not None:
                    refusals[index] = reason
            # If all were refused, nothing else has shown that the database takes writes.
            statements.beat(connection, time())

        self._work(work)
        return refusals or None

    def _work(self, work: Callable[[Connection, Statements], None]) -> None:
        """Run `work` in a transaction, as `_attempt`; what `work` raises passes through after a rollback."""

        def within(connection: Connection, statements: Statements) -> None:
            statements.committing = False
            with connection.begin():
                work(connection, statements)
                statements.committing = True

        self._attempt(within)

    def _attempt(self, work: Callable[[Connection, Statements], None]) -> None:
        """Run `work`, which is one transaction; once more if the connection was found dead or a deadlock
        chose us.

        Raises DatabaseError, DatabaseInDoubt; what else `work` raises passes through.
        """
        doubt = False
        for last in (False, True):
            fresh = self._connection is None
            committing = False
            try:
                connection, statements = self._connected()
                try:
                    work(connection, statements)
                finally:
                    committing = statements.committing
                return
            except DBAPIError as error:
                if not is_database_failure(error):
                    raise
                self._disconnect()
                state = getattr(error.orig, "sqlstate", None) or ""
                doubt = doubt or (committing and bool(error.connection_invalidated))
                lost = error.connection_invalidated and not fresh
                if last or not (lost or state[:2] in _RETRY_CLASSES):
                    raise self._failure(error, doubt) from error
            except SQLAlchemyError as error:
                self._disconnect()
                raise self._failure(error, doubt) from error

    def _failure(self, error: SQLAlchemyError, doubt: bool) -> DatabaseError:
        failure = self._database.error(error)
        return DatabaseInDoubt(str(failure)) if doubt else failure

    def _connected(self) -> tuple[Connection, Statements]:
        connection, statements = self._connection, self._statements
        if connection is None or statements is None:
            connection = self._database.engine.connect().execution_options(**{WRITE: True})
            try:
                self._sit_down(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            statements = Statements(connection)
            self._connection, self._statements = connection, statements
        return connection, statements

    def _sit_down(self, connection: Connection) -> None:
        if not is_sqlite(self._database.url):
            seat_connection(self._database, connection, Seat.WRITER, self._patience)
            return
        if self._seat is None:
            # Kept over connections that failed, which hold nothing here.
            self._seat = take(self._database, Seat.WRITER, self._patience)
        driver: Any = connection.connection.dbapi_connection
        # By the driver alone: SQLAlchemy would begin a transaction first.
        driver.execute(_SQLITE_CACHE).close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.invalidate()
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None

    def close(self) -> None:
        self._disconnect()
        if self._seat is not None:
            self._seat.release()
            self._seat = None
        self._database.close()


def _attempt(connection: Connection, statements: Statements, write: PlainWrite) -> str | None:
    """One write in a savepoint of its own; why it was refused."""
    savepoint = connection.begin_nested()
    try:
        statements.apply(connection, [checked(write)])
    except DBAPIError as error:
        if is_database_failure(error):
            raise
        reason = one_line(error)
    except (RecordError, ValueError, TypeError, OverflowError) as error:
        reason = one_line(error)
    else:
        savepoint.commit()
        return None
    savepoint.rollback()
    return reason


def contents(connection: socket.socket) -> Iterator[Any]:
    """What arrives in whole frames, until the other side is gone."""
    unpacker = Unpacker()
    while True:
        try:
            data = connection.recv(_CHUNK)
        except ConnectionError:
            return
        if not data:
            return
        yield from unpacker.feed(data)


def serve(connection: socket.socket) -> None:
    """Serve one client until it is gone."""
    received = contents(connection)
    settings = next(received, None)
    if settings is None:
        return
    if settings["layout"] != LAYOUT:
        # Another presentity was installed while the server runs, and then its writer had to be started again.
        for number in chain((0,), (number for number, _ in received)):
            _answer(connection, (number, OTHER_LAYOUT, None, 0.0))
        return
    writer: Writer | None = None
    try:
        patience = settings["lock_timeout"]
        writer = Writer(Database(normalise(settings["url"]), lock_timeout=patience), patience)
        failure = _failure(writer.check)
        _answer(connection, (0, failure, None, 0.0))
        for number, writes in received:
            _answer(connection, _serve_batch(writer, number, writes))
    except DatabaseError as error:
        # Not even an engine: the client shows why, and tries again.
        _answer(connection, (0, str(error), None, 0.0))
    finally:
        if writer is not None:
            writer.close()


def _serve_batch(writer: Writer, number: int, writes: list[PlainWrite]) -> Answer:
    begin = perf_counter()
    refusals: dict[int, str] | None = None
    try:
        if writes:
            refusals = writer.commit(writes)
        else:
            writer.check()
    except DatabaseInDoubt as error:
        return number, str(error), {}, perf_counter() - begin
    except DatabaseError as error:
        return number, str(error), None, perf_counter() - begin
    return number, None, refusals, perf_counter() - begin


def _failure(check: Callable[[], None]) -> str | None:
    try:
        check()
    except DatabaseError as error:
        return str(error)
    return None


def _answer(connection: socket.socket, answer: Answer) -> None:
    # A server that died does not hear the answer; what it had sent is committed all the same.
    with suppress(ConnectionError):
        connection.sendall(pack(answer))


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
