"""The database: open it, take part in transactions, read everything back in one snapshot.

Reads go through Core: a restart loads some hundred thousand rows, and ORM instances would only be
thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from presence.directory import Change, User
from presence.lists.book import BookGroup
from presence.policy.stored import PolicyDocument
from presence.provisioning.stored import StandingStatus
from presence.storage import models
from presence.storage.contact_rows import read_book
from presence.storage.engine import BUSY_TIMEOUT, WRITE, is_sqlite, make_engine, normalise, shown
from presence.storage.errors import DatabaseError, DatabaseNotMigrated, DatabaseUnavailable, one_line
from presence.storage.fetching import fetched
from presence.storage.kinds import KINDS, originals
from presence.storage.profile_rows import read_profiles
from presence.storage.provisioning_rows import read_privacy, read_standing
from presence.storage.rows import read_changes, read_policies, read_users
from sip.ports import Value

_CHANGES = 500

Key = tuple[Value, ...]
Row = tuple[Value, ...]


class Snapshot:
    """One moment of the whole database; every read of it sees the same moment."""

    __slots__ = ("_connection", "outbox_position")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        newest = connection.execute(select(func.max(models.Outbox.id))).scalar()
        self.outbox_position: int = newest or 0
        """The newest outbox entry whose change this snapshot shows: a follower begins after it."""

    def load(self, kind: str) -> Iterator[tuple[Key, Row]]:
        """Every (key, row) of a kind, in the order of its key (messages: order of arrival)."""
        what = KINDS[kind]
        width = len(what.key)
        statement = select(what.table).order_by(*what.table.primary_key.columns)
        for rows in fetched(self._connection, statement):
            for values in originals(rows):
                yield values[:width], values[width:]

    def users(self) -> Iterator[User]:
        """Every user with aliases, in the order of the AORs."""
        return read_users(self._connection)

    def policies(self) -> Iterator[PolicyDocument]:
        """Every document of presence rules, in the order of owner, source and name."""
        return read_policies(self._connection)

    def profiles(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The profiles of users who have some of their own: AOR, and family to name."""
        return read_profiles(self._connection)

    def changes(self, after: int) -> Iterator[Change]:
        """The outbox entries after id `after`, up to `outbox_position`."""
        while after < self.outbox_position:
            changes = read_changes(self._connection, after, _CHANGES)
            yield from changes
            after = changes[-1].id if changes else self.outbox_position

    def contacts(self) -> Iterator[tuple[str, tuple[BookGroup, ...]]]:
        """The groups of everybody who has contacts, in the order of the owners."""
        return read_book(self._connection)

    def standing(self) -> Iterator[StandingStatus]:
        """The long-term status of everybody who has one, in the order of the owners."""
        return read_standing(self._connection)

    def privacy(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of the properties of the default privacy policy that are set."""
        return read_privacy(self._connection)


class Database:
    """A way to one database; cheap to open, safe to use from any thread."""

    __slots__ = ("engine", "name", "url")

    def __init__(self, url: URL, *, lock_timeout: float = BUSY_TIMEOUT) -> None:
        self.url = url
        self.name = shown(url)
        self.engine = make_engine(url, lock_timeout=lock_timeout)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database. Raises DatabaseError."""
        with self._transaction({} if is_sqlite(self.url) else {"isolation_level": "REPEATABLE READ"}) as it:
            yield it

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back by an exception.

        Raises DatabaseError.
        """
        with self._transaction({WRITE: True}) as it:
            yield it

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read everything as of one moment. Raises DatabaseError."""
        with self.reading() as connection:
            yield Snapshot(connection)

    @contextmanager
    def _transaction(self, options: dict[str, object]) -> Iterator[Connection]:
        try:
            with self.engine.connect() as plain:
                connection = plain.execution_options(**options)
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            raise self.error(error) from error

    def error(self, error: SQLAlchemyError) -> DatabaseError:
        """The one clear line of what the driver said."""
        if isinstance(error, DBAPIError) and _is_missing_table(error):
            return DatabaseNotMigrated(f"database {self.name}: not migrated yet ({one_line(error)})")
        return DatabaseUnavailable(f"database {self.name}: {one_line(error)}")

    def close(self) -> None:
        self.engine.dispose()


def _is_missing_table(error: DBAPIError) -> bool:
    undefined_table = "42P01"
    state = getattr(error.orig, "sqlstate", None)
    return state == undefined_table or "no such table" in str(error.orig)


def open_database(url: str, *, lock_timeout: float = BUSY_TIMEOUT) -> Database:
    """Open the database that `url` names and make sure that it answers; it is not migrated by this.

    SQLite: the file is created (mode 0600, folder 0700) if it is missing.
    Raises DatabaseUnsupported, DatabaseUnavailable.
    """
    database = Database(normalise(url), lock_timeout=lock_timeout)
    try:
        with database.reading() as connection:
            connection.execute(select(1))
            if is_sqlite(database.url):
                # SELECT 1 touches no page: a file that is something else would show only later.
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except DatabaseError:
        database.close()
        raise
    return database


def load(database: Database, kind: str) -> Iterator[tuple[Key, Row]]:
    """Every (key, row) of one kind; for several kinds of one moment use `Database.snapshot`."""
    with database.snapshot() as snapshot:
        yield from snapshot.load(kind)
