"""The repository of recent communications (`presence.provisioning.history`) in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from presence.provisioning.stored import HistoryRecord
from presence.storage.database import Database
from presence.storage.people import aor_of
from presence.storage.provisioning_models import RecentCommunication as Row

_NEWEST_FIRST = (Row.at.desc(), Row.id.desc())


class SqlHistoryRepository:
    """Records in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, owner: str, at: float, record: HistoryRecord, limit: int) -> bool:
        """Add a record of the time `at` (epoch seconds) for the user with the AOR or alias `owner`.

        Only the newest `limit` stay.  False: no such user.
        """
        with self._database.writing() as connection:
            aor = aor_of(connection, owner)
            if aor is None:
                return False
            timestamp, kind, data = record
            row = insert(Row).values(owner=aor, at=at, timestamp=timestamp, type=kind, data=data)
            connection.execute(row)
            newest = select(Row.id).where(Row.owner == aor).order_by(*_NEWEST_FIRST)
            too_many = connection.scalars(newest.offset(limit)).all()
            if too_many:
                connection.execute(delete(Row).where(Row.id.in_(too_many)))
            return True

    def list(self, owner: str) -> Sequence[HistoryRecord] | None:
        """By time, the newest first, of equals the one that was stored last; None: no such user."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            columns = select(Row.timestamp, Row.type, Row.data)
            rows = connection.execute(columns.where(Row.owner == aor).order_by(*_NEWEST_FIRST))
            return [HistoryRecord(*row) for row in rows]
