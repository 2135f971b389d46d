"""How a batch of writes becomes statements: the last word on each key, then one bulk statement per kind.

Within one transaction only the last operation on a key matters, so a batch is first reduced to that; then the
order between different keys is free, and each kind is one executemany of upserts and one of deletions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, FromClause, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from presence.storage.engine import BEGIN_WRITING
from presence.storage.journal.frames import PlainRecord, PlainWrite
from presence.storage.kinds import KINDS, Kind, storable
from presence.storage.models import Heartbeat
from sip.ports import Value

Values = tuple[Value, ...]

_ORDER = {name: index for index, name in enumerate(KINDS)}


class RecordError(Exception):
    """A record that no database could take."""


class Statements:
    """The two statements of each kind, compiled once, with positional parameters in the order of a record."""

    __slots__ = ("_beat", "_begin", "_cursor", "_deletes", "_dialect", "_driver", "_upserts", "committing")

    def __init__(self, connection: Connection) -> None:
        """For this connection, as long as it works."""
        self._dialect = dialect = connection.dialect
        driver: Any = connection.connection.dbapi_connection
        self._driver = driver
        self._cursor: Any = driver.cursor()
        self.committing = False
        """The last transaction got as far as its COMMIT."""
        self._begin = BEGIN_WRITING if dialect.name == "sqlite" else None
        self._upserts = {
            name: _upsert(kind.table, kind.key, kind.row, dialect) for name, kind in KINDS.items()
        }
        self._deletes = {name: _delete(kind, dialect) for name, kind in KINDS.items()}
        self._beat = _upsert(Heartbeat.__table__, ("id",), ("at",), dialect)

    def beat(self, connection: Connection, at: float) -> None:
        """Write something that does no harm, for nothing less shows that writes work; `at`: epoch seconds."""
        connection.exec_driver_sql(self._beat, (1, at))

    def apply(self, connection: Connection, writes: Iterable[PlainWrite]) -> None:
        """Carry out the writes within the transaction of `connection`."""
        for statement, rows in self._bulk(writes):
            # The driver's executemany as it is: SQLAlchemy's own would build a dict per record.
            connection.exec_driver_sql(statement, rows)

    def commit(self, writes: Iterable[PlainWrite]) -> None:
        """Carry out the writes in a transaction of their own, by the driver alone.

        SQLAlchemy's layers around BEGIN, two statements and COMMIT cost more than these.  The connection is
        in no transaction, before and afterwards; after an error nothing is stored.

        Raises DBAPIError as SQLAlchemy would.
        """
        driver, cursor = self._driver, self._cursor
        self.committing = False
        try:
            try:
                if self._begin is not None:
                    cursor.execute(self._begin)
                for statement, rows in self._bulk(writes):
                    cursor.executemany(statement, rows)
                self.committing = True
                if self._begin is not None:
                    # What the driver's own method does, but for reading the word anew each time.
                    cursor.execute("COMMIT")
                else:
                    driver.commit()
            except BaseException:
                driver.rollback()
                raise
        except self._driver_error as error:
            raise self._wrapped(error) from error

    @property
    def _driver_error(self) -> type[Exception]:
        module: Any = self._dialect.dbapi
        found: type[Exception] = module.Error
        return found

    def _wrapped(self, error: Exception) -> Exception:
        dialect = self._dialect
        return DBAPIError.instance(
            None,
            None,
            error,
            self._driver_error,
            connection_invalidated=dialect.is_disconnect(error, self._driver, None),  # type: ignore[arg-type]
            dialect=dialect,
        )

    def _bulk(self, writes: Iterable[PlainWrite]) -> Iterator[tuple[str, list[Values]]]:
        for name, last in reduced(writes).items():
            upserts: list[Values] = []
            deletes: list[Values] = []
            for key, row in last.items():
                if row is None:
                    deletes.append(key)
                else:
                    upserts.append(key + row)
            if upserts:
                yield self._upserts[name], upserts
            if deletes:
                yield self._deletes[name], deletes


def reduced(writes: Iterable[PlainWrite]) -> dict[str, dict[Values, Values | None]]:
    """By kind, in the order of KINDS: the last row of each key, None where it was deleted last."""
    last: dict[str, dict[Values, Values | None]] = {}
    for write in writes:
        for kind, key, row in write:
            rows = last.get(kind)
            if rows is None:
                rows = last[kind] = {}
            rows[key] = row
    if len(last) > 1:
        return {kind: last[kind] for kind in sorted(last, key=_ORDER.__getitem__)}
    return last


def checked(write: PlainWrite) -> PlainWrite:
    """The write with its text in storable form.

    Raises RecordError if its shape is not that of its kind; whether the values fit is up to the database.
    """
    return [_checked(record) for record in write]


def _checked(record: PlainRecord) -> PlainRecord:
    name, key, row = record
    kind = KINDS.get(name)
    if kind is None:
        raise RecordError(f"there is no kind {name!r}")
    if len(key) != len(kind.key) or (row is not None and len(row) != len(kind.row)):
        raise RecordError(f"a {name} has {len(kind.key)} + {len(kind.row)} values")
    return name, storable(key), None if row is None else storable(row)


def _upsert(table: FromClause, key: Sequence[str], row: Sequence[str], dialect: Dialect) -> str:
    # Each dialect has an insert() of its own for this clause.
    module: Any = postgresql if dialect.name == "postgresql" else sqlite
    statement = module.insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in row}
    )
    return _positional(statement, dialect, (*key, *row))


def _delete(kind: Kind, dialect: Dialect) -> str:
    columns = kind.table.columns
    statement = delete(kind.table).where(*(columns[name] == bindparam(name) for name in kind.key))
    return _positional(statement, dialect, kind.key)


def _positional(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> str:
    compiled = statement.compile(dialect=dialect)
    assert tuple(compiled.positiontup) == names
    return str(compiled)
