"""The repository of presence rules (`presence.provisioning.policies.PolicyRepository`) in the database.

Every change writes its outbox entry in the same transaction; the document itself is not in the entry.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from presence.policy.stored import POLICY_CHANGED, PolicyDocument
from presence.storage.database import Database
from presence.storage.models import PolicyDocument as PolicyRow
from presence.storage.models import User
from presence.storage.rows import announce, begin_announcing, read_policies


class SqlPolicyRepository:
    """Documents in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, document: PolicyDocument) -> bool:
        """Add the document or replace the one of its owner, source and name. False: no such user."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            if connection.execute(select(User.aor).where(User.aor == document.owner)).first() is None:
                return False
            _delete(connection, document.owner, document.source, document.name)
            connection.execute(insert(PolicyRow).values(document_values(document)))
            _announce(connection, document.owner, document.source, document.name)
            return True

    def get(self, owner: str, source: str, name: str) -> PolicyDocument | None:
        """The document, None if there is none."""
        with self._database.reading() as connection:
            found = read_policies(connection, [owner])
            return next((it for it in [*found] if (it.source, it.name) == (source, name)), None)

    def delete(self, owner: str, source: str, name: str) -> bool:
        """False: there is no such document."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            if not _delete(connection, owner, source, name):
                return False
            _announce(connection, owner, source, name)
            return True

    def list(self, owner: str | None = None, source: str | None = None) -> Iterator[PolicyDocument]:
        """Those of an owner or of all, of a source or of all, in the order of owner, source and name."""
        with self._database.reading() as connection:
            for document in read_policies(connection, None if owner is None else [owner]):
                if source is None or document.source == source:
                    yield document


def document_values(document: PolicyDocument) -> dict[str, object]:
    """A document as its row."""
    return {
        "owner": document.owner,
        "source": document.source,
        "name": document.name,
        "content_type": document.content_type,
        "document": document.document,
        "updated_at": document.updated_at,
    }


def _delete(connection: Connection, owner: str, source: str, name: str) -> bool:
    return bool(connection.execute(delete(PolicyRow).where(*_is(owner, source, name))).rowcount)


def _is(owner: str, source: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (PolicyRow.owner == owner, PolicyRow.source == source, PolicyRow.name == name)


def _announce(connection: Connection, owner: str, source: str, name: str) -> None:
    announce(connection, [(POLICY_CHANGED, owner, {"source": source, "name": name})])
