"""One server per database: two seats, each taken by one process at a time.

The server takes its seat before it reads anything and keeps it.  Its journal's writer takes the other one
with the very connection that it writes by: so nothing that an earlier writer left behind can be committed
after a later one began, whoever was killed in between, and a server that finds another one in its place
writes nothing any more.  Whoever starts waits until the earlier writer is gone, and reads then.

SQLite: `flock` on a file beside the database.  PostgreSQL: an advisory lock of the session, which goes when
the server process of that session does.  Both end with their holder, whatever kills it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from presence.storage.database import Database
from presence.storage.engine import is_sqlite
from presence.storage.errors import DatabaseTaken, DatabaseUnavailable

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.05


class Seat(Enum):
    """Whose seat; the suffix of the file, the number of the lock ("PRES" and a running number)."""

    SERVER = ("-server", 0x5052_4553_0003)
    WRITER = ("-writer", 0x5052_4553_0004)

    @property
    def suffix(self) -> str:
        return self.value[0]

    @property
    def number(self) -> int:
        return self.value[1]


class Held:
    """A seat that was taken."""

    __slots__ = ("_release",)

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Let somebody else have it; a second call does nothing."""
        release, self._release = self._release, None
        if release is not None:
            release()


def take(database: Database, seat: Seat, patience: float) -> Held:
    """Take a seat with a file or connection of its own; waits up to `patience` seconds for it.

    Raises DatabaseTaken, DatabaseUnavailable.
    """
    return (
        _take_file(database, seat, patience)
        if is_sqlite(database.url)
        else _take_lock(database, seat, patience)
    )


def claim_database(database: Database, patience: float) -> Held:
    """The server's seat, once no writer of an earlier server is at work any more.

    Raises DatabaseTaken after `patience` seconds, DatabaseUnavailable.
    """
    end = time.monotonic() + patience
    held = take(database, Seat.SERVER, patience)
    try:
        take(database, Seat.WRITER, max(0.0, end - time.monotonic())).release()
    except BaseException:
        held.release()
        raise
    return held


def seat_connection(database: Database, connection: Connection, seat: Seat, patience: float) -> None:
    """Take a seat of PostgreSQL for as long as `connection` lives.

    Raises DatabaseTaken, SQLAlchemyError.
    """

    def attempt() -> bool:
        # A transaction of its own: the lock is the session's and stays.
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:number)"), {"number": seat.number}
        ).scalar()
        connection.commit()
        return bool(taken)

    _wait(database, attempt, patience)


def _wait(database: Database, attempt: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    if attempt():
        return
    log.info("database.taken", extra={"database": database.name, "patience": patience})
    while not attempt():
        if time.monotonic() >= end:
            raise DatabaseTaken(f"another server uses the database {database.name}")
        time.sleep(_LOOK_EVERY)


def _take_file(database: Database, seat: Seat, patience: float) -> Held:
    # Whichever link leads to the database.
    file = os.path.realpath(database.url.database or "") + seat.suffix
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"database {database.name}: cannot open {file}: {error.strerror}") from None

    def attempt() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        _wait(database, attempt, patience)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            raise DatabaseUnavailable(
                f"database {database.name}: cannot lock {file}: {error.strerror}"
            ) from None
        raise
    return Held(lambda: os.close(descriptor))


def _take_lock(database: Database, seat: Seat, patience: float) -> Held:
    try:
        connection = database.engine.connect()
    except SQLAlchemyError as error:
        raise database.error(error) from error

    def release() -> None:
        # Never back to the pool, with the lock on it.
        with suppress(SQLAlchemyError):
            connection.invalidate()
        with suppress(SQLAlchemyError):
            connection.close()

    try:
        seat_connection(database, connection, seat, patience)
    except SQLAlchemyError as error:
        release()
        raise database.error(error) from error
    except BaseException:
        release()
        raise
    return Held(release)
