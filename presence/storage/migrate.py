"""Migrations: bring a database to the revision that this presentity was written for."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

import migrations
from presence.storage.database import Database, open_database
from presence.storage.engine import is_sqlite, normalise, shown
from presence.storage.errors import DatabaseNotMigrated, DatabaseTooNew, DatabaseUnavailable

# Any number will do as long as nobody else takes it: "PRES" and a running number (2 is the outbox).
_ADVISORY_LOCK = 0x5052_4553_0001


def upgrade(url: str) -> None:
    """Run all missing migrations, as one transaction.

    Two processes that start at once do not hurt each other: the second waits and then finds nothing to do.
    Raises DatabaseUnsupported, DatabaseUnavailable, DatabaseTooNew.
    """
    database = open_database(url)
    try:
        scripts = _scripts()
        with database.reading() as connection:
            if _revision(connection) == scripts.get_current_head():
                return
        with database.writing() as connection:
            # SQLite: BEGIN IMMEDIATE has shut out every other writer already.
            if not is_sqlite(database.url):
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            _check_not_newer(database, connection, scripts)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()


def exists(url: str) -> bool:
    """Whether there is a database of a presentity, of any revision; nothing is created by looking.

    Raises DatabaseUnsupported, DatabaseUnavailable.
    """
    parsed = normalise(url)
    if is_sqlite(parsed):
        file = Path(parsed.database or "")
        try:
            # To open an empty one is to write to it.
            if not file.is_file() or not file.stat().st_size:
                return False
        except OSError as error:
            raise DatabaseUnavailable(f"database {shown(parsed)}: {error.strerror or error}") from None
    database = open_database(url)
    try:
        with database.reading() as connection:
            return _revision(connection) is not None
    finally:
        database.close()


def check_revision(database: Database) -> None:
    """Make sure that the tables are those of this presentity.

    Raises DatabaseNotMigrated, DatabaseTooNew, DatabaseUnavailable.
    """
    scripts = _scripts()
    with database.reading() as connection:
        if _revision(connection) == scripts.get_current_head():
            return
        _check_not_newer(database, connection, scripts)
    raise DatabaseNotMigrated(f"database {database.name}: older than this presentity, not migrated yet")


def _check_not_newer(database: Database, connection: Connection, scripts: ScriptDirectory) -> None:
    revision = _revision(connection)
    if revision is None:
        return
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise DatabaseTooNew(
            f"database {database.name}: newer than this presentity (revision {revision})"
        ) from None


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    assert migrations.__file__ is not None
    # ConfigParser reads % as interpolation.
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
