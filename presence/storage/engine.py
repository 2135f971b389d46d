"""Engines: one way to connect to SQLite and to PostgreSQL, the same for server, writer and command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from presence.storage.errors import DatabaseUnavailable, DatabaseUnsupported

BUSY_TIMEOUT = 10.0
"""Seconds that a writer waits for another one (SQLite)."""

WRITE = "presentity_write"
"""Execution option of a connection whose transactions are going to write."""

BEGIN_WRITING = "BEGIN IMMEDIATE"
"""How such a transaction begins on SQLite (see `_begin_sqlite`)."""

_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_SQLITE = frozenset({"sqlite", "sqlite+pysqlite"})


def normalise(url: str) -> URL:
    """The URL as the engines need it: psycopg 3 as PostgreSQL's driver, an absolute path for SQLite.

    Raises DatabaseUnsupported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnsupported(
            "the database URL cannot be read; write sqlite:////path/to/file or postgresql://user@host/name"
        ) from None
    if parsed.drivername in _POSTGRESQL:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in _SQLITE:
        raise DatabaseUnsupported(
            f"database {parsed.drivername}: not supported; "
            "write sqlite:////path/to/file or postgresql://user@host/name"
        )
    path = parsed.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise DatabaseUnsupported("an SQLite database must be a plain file: several processes share it")
    return parsed.set(drivername="sqlite", database=os.path.abspath(path))


def shown(url: URL) -> str:
    """The URL for messages and logs, without its password."""
    return url.render_as_string(hide_password=True)


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def make_engine(url: URL, *, lock_timeout: float = BUSY_TIMEOUT, pool_size: int = 5) -> Engine:
    """An engine for a normalised URL; a new SQLite file is made readable by its owner alone.

    `lock_timeout` (seconds): how long a write waits for another writer.
    Raises DatabaseUnavailable, DatabaseUnsupported (driver not installed).
    """
    if is_sqlite(url):
        return _sqlite(url, lock_timeout, pool_size)
    return _postgresql(url, lock_timeout, pool_size)


def _sqlite(url: URL, lock_timeout: float, pool_size: int) -> Engine:
    assert url.database is not None
    _create_private(Path(url.database), url)
    engine = create_engine(
        url, connect_args={"timeout": lock_timeout}, pool_size=pool_size, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path, url: URL) -> None:
    # It holds HA1s, which are as good as passwords.  SQLite gives -wal and -shm the mode of the database.
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseUnavailable(f"database {shown(url)}: {error.strerror or error}") from None


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # Transactions begin where we say so, not where the driver sees the first INSERT.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that becomes a writer half-way fails at once when somebody else wrote meanwhile, whatever the
    # busy timeout: writers say at the beginning what they are.
    write = connection.get_execution_options().get(WRITE)
    connection.exec_driver_sql(BEGIN_WRITING if write else "BEGIN")


def _postgresql(url: URL, lock_timeout: float, pool_size: int) -> Engine:
    # A server that vanished without a word must not hold anybody for the kernel's quarter of an hour.
    arguments: dict[str, object] = {
        "connect_timeout": 2,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "application_name": "presentity",
    }
    for name in arguments.keys() & url.query.keys():
        del arguments[name]
    try:
        # Positional parameters, as SQLite has them: a journal record is a tuple for either.
        engine = create_engine(
            url, connect_args=arguments, pool_size=pool_size, paramstyle="format", hide_parameters=True
        )
    except ModuleNotFoundError:
        raise DatabaseUnsupported(
            'PostgreSQL needs the driver psycopg: pip install "presentity[postgres]"'
        ) from None
    milliseconds = int(lock_timeout * 1000)

    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine
