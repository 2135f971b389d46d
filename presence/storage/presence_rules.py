"""The repository of users' presence rules (`presence.provisioning.presence_rules`) in the database.

They are documents of rules as others are; every change writes its outbox entries in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Connection, delete, insert

from presence.policy.stored import CISCO, POLICY_CHANGED, PolicyDocument
from presence.provisioning.presence_rules import RuleWork
from presence.storage.database import Database
from presence.storage.models import PolicyDocument as PolicyRow
from presence.storage.people import aor_of, people
from presence.storage.policies import document_values
from presence.storage.rows import announce, begin_announcing, read_policies

T = TypeVar("T")


class SqlPresenceRulesRepository:
    """Rules in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, owner: str) -> Sequence[PolicyDocument] | None:
        """The rules of the user with the AOR or alias `owner`, by name; None: there is no such user."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            return None if aor is None else _rules(connection, aor)

    def edit(self, owner: str, work: RuleWork[T]) -> T | None:
        """Have `work` say what changes and store it, all in one transaction.  None: no such owner."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            result, changes = work(
                aor, _rules(connection, aor), lambda addresses: people(connection, addresses)
            )
            for name, document in changes.documents.items():
                this = (PolicyRow.owner == aor) & (PolicyRow.source == CISCO) & (PolicyRow.name == name)
                connection.execute(delete(PolicyRow).where(this))
                if document is not None:
                    connection.execute(insert(PolicyRow).values(document_values(document)))
            announce(connection, ((topic, aor, payload) for topic, payload in changes.news))
            changed = ((POLICY_CHANGED, aor, {"source": CISCO, "name": it}) for it in changes.documents)
            announce(connection, changed)
            return result


def _rules(connection: Connection, aor: str) -> list[PolicyDocument]:
    return [it for it in read_policies(connection, [aor]) if it.source == CISCO]
