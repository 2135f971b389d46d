"""The repository of system properties (`presence.provisioning.configuration.ConfigurationRepository`).

Every change writes its outbox entries in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, delete, insert

from presence.provisioning.configuration import Owned, property_news
from presence.storage.database import Database
from presence.storage.people import aor_of
from presence.storage.profiles import read_person, read_tables, read_values
from presence.storage.provisioning_models import SystemProperty
from presence.storage.rows import announce, begin_announcing


class SqlConfigurationRepository:
    """Properties in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def values(self) -> Mapping[str, str]:
        """Name to value, of what is set."""
        with self._database.reading() as connection:
            return read_values(connection)

    def edit(self, work: Callable[[dict[str, str]], None]) -> Mapping[str, str]:
        """Have `work` change the values and store them, in one transaction; what was set before it."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            before = read_values(connection)
            after = dict(before)
            work(after)
            _store(connection, before, after)
            announce(connection, property_news(before, after))
            return before

    def of_user(self, owner: str) -> Owned | None:
        """None: there is no user with the AOR or alias `owner`."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            return Owned(read_values(connection), read_person(connection, aor), read_tables(connection))


def _store(connection: Connection, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    gone = [name for name in before if after.get(name) != before[name]]
    new = [{"name": name, "value": it} for name, it in after.items() if before.get(name) != it]
    if gone:
        connection.execute(delete(SystemProperty).where(SystemProperty.name.in_(gone)))
    if new:
        connection.execute(insert(SystemProperty), new)
