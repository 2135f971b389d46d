"""The repository of sessions (`presence.provisioning.sessions`) in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, or_, select, update

from presence.directory import Credentials
from presence.provisioning.stored import OpenSession
from presence.storage.database import Database
from presence.storage.models import User, UserAlias
from presence.storage.people import aor_of
from presence.storage.provisioning_models import SoapSession as Row

_SESSIONS = select(Row.owner, Row.created_at, Row.used_at)
_HA1S = (User.ha1_md5, User.ha1_md5_full, User.ha1_sha256, User.ha1_sha256_full)


class SqlSessionRepository:
    """Sessions in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def credentials(self, address: str) -> tuple[str, Credentials] | None:
        """AOR and HA1s of the user with the AOR or alias `address`; None: nobody."""
        # One statement whoever it is: how long it takes does not tell.
        alias_of = select(UserAlias.aor).where(UserAlias.alias == address)
        user = select(User.aor, *_HA1S).where(or_(User.aor == address, User.aor.in_(alias_of)))
        with self._database.reading() as connection:
            row = connection.execute(user).first()
            return None if row is None else (row[0], Credentials(*row[1:]))

    def open(self, owner: str, key_hash: str, now: float, used_after: float | None) -> bool:
        """Begin a session of the user `owner` in place of the one that he has.

        `used_after`: not if that was used after this time.  False: it was, or there is no such user.
        """
        with self._database.writing() as connection:
            # Two logins of one user take turns at his row (SQLite has one writer at a time anyway).
            user = select(User.aor).where(User.aor == owner).with_for_update()
            if connection.execute(user).first() is None:
                return False
            old = delete(Row).where(Row.owner == owner)
            connection.execute(old if used_after is None else old.where(Row.used_at <= used_after))
            if connection.execute(select(Row.owner).where(Row.owner == owner)).first() is not None:
                return False
            connection.execute(
                insert(Row).values(owner=owner, key_hash=key_hash, created_at=now, used_at=now)
            )
            return True

    def find(self, key_hash: str) -> OpenSession | None:
        """The session of a key, however old."""
        with self._database.reading() as connection:
            row = connection.execute(_SESSIONS.where(Row.key_hash == key_hash)).first()
            return None if row is None else OpenSession(*row)

    def touch(self, key_hash: str, used_at: float) -> None:
        """Note a use."""
        with self._database.writing() as connection:
            connection.execute(update(Row).where(Row.key_hash == key_hash).values(used_at=used_at))

    def close(self, key_hash: str) -> str | None:
        """End a session; the AOR of its owner, None if there is none."""
        with self._database.writing() as connection:
            ended = delete(Row).where(Row.key_hash == key_hash).returning(Row.owner)
            return connection.execute(ended).scalar()

    def close_of(self, owner: str) -> OpenSession | None:
        """End the session of the user with the AOR or alias `owner`, and give it back if there is one."""
        with self._database.writing() as connection:
            aor = aor_of(connection, owner)
            ended = delete(Row).where(Row.owner == aor).returning(Row.owner, Row.created_at, Row.used_at)
            row = connection.execute(ended).first()
            return None if row is None else OpenSession(*row)

    def list(self) -> Sequence[OpenSession]:
        """All, in the order of the owners."""
        with self._database.reading() as connection:
            return [OpenSession(*row) for row in connection.execute(_SESSIONS.order_by(Row.owner))]
