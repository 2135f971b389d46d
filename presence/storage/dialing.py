"""The repository of dialing rules (`presence.provisioning.dialing.DialingRepository`) in the database.

Every change writes its outbox entry in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from presence.provisioning.dial_rules import DialingRule, RuleBook
from presence.storage.database import Database
from presence.storage.provisioning_models import DialingRule as RuleRow
from presence.storage.rows import announce, begin_announcing

T = TypeVar("T")


class SqlDialingRepository:
    """Dialing rules in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> RuleBook:
        """All rules, as of one moment."""
        with self._database.reading() as connection:
            return _read(connection)

    def edit(self, work: Callable[[RuleBook], T]) -> T:
        """Have `work` change the book and store its edits, in one transaction."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            book = _read(connection)
            result = work(book)
            _store(connection, book)
            announce(connection, (edit.news() for edit in book.edits))
            return result


def _store(connection: Connection, book: RuleBook) -> None:
    """Each kind of edit in one go: an import holds up the journal of a running server while it writes."""
    gone = [_key(it.old) for it in book.edits if it.old is not None and it.new is None]
    changed = [
        _key(it.old) | asdict(it.new) for it in book.edits if it.old is not None and it.new is not None
    ]
    added = [asdict(it.new) for it in book.edits if it.old is None and it.new is not None]
    this = (RuleRow.kind == bindparam("old_kind"), RuleRow.name == bindparam("old_name"))
    if gone:
        connection.execute(delete(RuleRow).where(*this), gone)
    if changed:
        values: dict[str, Any] = {it.name: bindparam(it.name) for it in fields(DialingRule)}
        connection.execute(update(RuleRow).where(*this).values(values), changed)
    if added:
        connection.execute(insert(RuleRow), added)


def _key(rule: DialingRule) -> dict[str, object]:
    return {"old_kind": rule.kind, "old_name": rule.name}


def _read(connection: Connection) -> RuleBook:
    columns = select(
        RuleRow.kind,
        RuleRow.name,
        RuleRow.description,
        RuleRow.priority,
        RuleRow.begins_with,
        RuleRow.number_of_digits,
        RuleRow.digits_to_remove,
        RuleRow.prefix,
    )
    rules = (DialingRule(*row) for row in connection.execute(columns.order_by(RuleRow.id)))
    return RuleBook({it.key: it for it in rules})
