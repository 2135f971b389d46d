"""The repository of users' settings (`presence.provisioning.user_settings`) in the database.

Every change writes its outbox entry in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select

from presence.provisioning.user_settings import Setting, UserSettings
from presence.storage.database import Database
from presence.storage.people import aor_of
from presence.storage.provisioning_models import UserSetting as Row
from presence.storage.rows import announce, begin_announcing

T = TypeVar("T")


class SqlUserSettingsRepository:
    """Settings in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, owner: str) -> UserSettings | None:
        """The settings of the user with the AOR or alias `owner`; None: there is no such user."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            return None if aor is None else _read(connection, aor)

    def edit(self, owner: str, work: Callable[[UserSettings], T]) -> T | None:
        """Have `work` change the settings and store what it changed, in one transaction; None as above."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            settings = _read(connection, aor)
            result = work(settings)
            # The last word on each.
            for name, new in {edit.name: edit.new for edit in settings.edits}.items():
                connection.execute(delete(Row).where(Row.owner == aor, Row.name == name))
                if new is not None:
                    connection.execute(insert(Row).values(owner=aor, **new._asdict()))
            announce(connection, ((edit.topic, aor, edit.payload()) for edit in settings.edits))
            return result


def _read(connection: Connection, aor: str) -> UserSettings:
    rows = connection.execute(select(Row.name, Row.value, Row.is_public).where(Row.owner == aor))
    return UserSettings(Setting(*row) for row in rows)
