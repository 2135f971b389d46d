"""The repository of users (`presence.provisioning.users.UserRepository`) in the database.

Every change writes its outbox entry in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, insert, or_, select, update

from presence.directory import USER_ADDED, USER_CHANGED, USER_DELETED, Credentials, User
from presence.provisioning.users import Taken
from presence.storage.database import Database
from presence.storage.models import (
    Binding,
    Message,
    PolicyDocument,
    Publication,
    Subscription,
    UserAlias,
    Waiting,
)
from presence.storage.models import User as UserRow
from presence.storage.provisioning_models import SoapSession
from presence.storage.rows import announce, begin_announcing, credential_values, read_users, user_values


class SqlUserRepository:
    """Users in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, users: Sequence[User]) -> Sequence[Taken | None]:
        """Add, in one transaction, each user whose addresses are free; tell per user what was taken."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            owners = _owners(connection, users)
            refused: list[Taken | None] = []
            added: list[User] = []
            for user in users:
                taken = next(
                    (Taken(it, owners[it]) for it in (user.aor, *user.aliases) if it in owners), None
                )
                refused.append(taken)
                if taken is None:
                    added.append(user)
                    owners[user.aor] = None
                    owners.update((alias, user.aor) for alias in user.aliases)
            if added:
                connection.execute(insert(UserRow), [user_values(user) for user in added])
            if aliases := [{"alias": it, "aor": user.aor} for user in added for it in user.aliases]:
                connection.execute(insert(UserAlias), aliases)
            announce(connection, ((USER_ADDED, user.aor, {}) for user in added))
            return refused

    def set_credentials(self, aor: str, credentials: Credentials) -> bool:
        """False: there is no such user."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            changed = connection.execute(
                update(UserRow).where(UserRow.aor == aor).values(**credential_values(credentials))
            )
            if not changed.rowcount:
                return False
            # Whoever came in by the old one is not to stay.
            connection.execute(delete(SoapSession).where(SoapSession.owner == aor))
            announce(connection, [(USER_CHANGED, aor, {"changed": ["password"]})])
            return True

    def delete(self, aor: str) -> bool:
        """Delete him and what is his: on either side where it is about somebody watching somebody."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aliases = list(connection.scalars(select(UserAlias.alias).where(UserAlias.aor == aor)))
            # First what the journal writes, in the order in which it writes it: no deadlock between the two.
            names = [aor, *aliases]
            connection.execute(delete(Binding).where(Binding.aor.in_(names)))
            connection.execute(delete(Publication).where(Publication.aor.in_(names)))
            # Subscriptions to him stay for the server to end, now or at its next start: their watchers have
            # to be told.  Those of his own end with his right to refresh them.
            connection.execute(delete(Subscription).where(Subscription.watcher.in_(names)))
            connection.execute(delete(Message).where(Message.recipient.in_(names)))
            connection.execute(delete(Waiting).where(or_(Waiting.aor.in_(names), Waiting.watcher.in_(names))))
            connection.execute(delete(PolicyDocument).where(PolicyDocument.owner == aor))
            connection.execute(delete(UserAlias).where(UserAlias.aor == aor))
            gone = connection.execute(delete(UserRow).where(UserRow.aor == aor))
            if not gone.rowcount:
                return False
            announce(connection, [(USER_DELETED, aor, {"aliases": aliases})])
            return True

    def get(self, aor: str) -> User | None:
        """The user, None if there is none (an alias is not looked up)."""
        with self._database.reading() as connection:
            return next(iter([*read_users(connection, [aor])]), None)

    def list(self) -> Iterator[User]:
        """All, in the order of their AORs, as of one moment."""
        with self._database.reading() as connection:
            yield from read_users(connection)


def _owners(connection: Connection, users: Sequence[User]) -> dict[str, str | None]:
    """Which addresses of `users` are taken: address -> None (a user's own), or the AOR whose alias it is."""
    wanted = list({address for user in users for address in (user.aor, *user.aliases)})
    owners: dict[str, str | None] = {}
    for aor in connection.scalars(select(UserRow.aor).where(UserRow.aor.in_(wanted))):
        owners[aor] = None
    for alias, aor in connection.execute(
        select(UserAlias.alias, UserAlias.aor).where(UserAlias.alias.in_(wanted))
    ):
        owners[alias] = aor
    return owners
