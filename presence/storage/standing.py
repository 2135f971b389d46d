"""The repository of long-term status (`presence.provisioning.standing`) in the database.

Every change writes its outbox entry in the same transaction; the document itself is not in the entry.
"""

from __future__ import annotations

from sqlalchemy import delete, insert

from presence.provisioning.news import STANDING_CHANGED
from presence.provisioning.stored import StandingStatus
from presence.storage.database import Database
from presence.storage.people import aor_of
from presence.storage.provisioning_models import StandingStatus as StandingRow
from presence.storage.provisioning_rows import read_standing
from presence.storage.rows import announce, begin_announcing


class SqlStandingRepository:
    """Documents in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, owner: str, document: bytes, published_at: float) -> bool:
        """Set it for the user with the AOR or alias `owner`, in place of another. False: no such user."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return False
            connection.execute(delete(StandingRow).where(StandingRow.owner == aor))
            row = insert(StandingRow).values(owner=aor, document=document, published_at=published_at)
            connection.execute(row)
            announce(connection, [(STANDING_CHANGED, aor, {})])
            return True

    def delete(self, owner: str) -> bool | None:
        """Whether there was one; None: no such user."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            if not connection.execute(delete(StandingRow).where(StandingRow.owner == aor)).rowcount:
                return False
            announce(connection, [(STANDING_CHANGED, aor, {})])
            return True

    def get(self, owner: str) -> StandingStatus | None:
        """What there is."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            return None if aor is None else next(iter([*read_standing(connection, [aor])]), None)
