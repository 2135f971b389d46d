"""The database as the commands use it: migrated, opened, closed, its faults one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from presence.settings import Settings, StartError

if TYPE_CHECKING:
    from presence.storage.database import Database


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The database of these settings, brought up to date first; `create`: made if there is none.

    Raises:
        StartError: it cannot be opened, migrated, read or written.
    """
    # SQLAlchemy and Alembic take their time to import; `presentity --help` does without.
    from presence.storage.database import open_database
    from presence.storage.errors import DatabaseError
    from presence.storage.migrate import exists, upgrade

    try:
        if not create and not exists(settings.database_url):
            raise StartError(f"no database at {_place(settings.database_url)}")
        upgrade(settings.database_url)
        database = open_database(settings.database_url)
        try:
            yield database
        finally:
            database.close()
    except DatabaseError as error:
        raise StartError(str(error)) from None


def _place(url: str) -> str:
    """Where the database would be: the file, or the address without its password."""
    from presence.storage.engine import is_sqlite, normalise, shown

    parsed = normalise(url)
    return parsed.database or "" if is_sqlite(parsed) else shown(parsed)
