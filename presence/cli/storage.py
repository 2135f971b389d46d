"""The database as the commands use it: migrated, opened, closed, its faults one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from presence.settings import Settings, StartError

if TYPE_CHECKING:
    from presence.storage.database import Database


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database of these settings, brought up to date first.

    Raises:
        StartError: it cannot be opened, migrated, read or written.
    """
    # SQLAlchemy and Alembic take their time to import; `presentity --help` does without.
    from presence.storage.database import open_database
    from presence.storage.errors import DatabaseError
    from presence.storage.migrate import upgrade

    try:
        upgrade(settings.database_url)
        database = open_database(settings.database_url)
        try:
            yield database
        finally:
            database.close()
    except DatabaseError as error:
        raise StartError(str(error)) from None
