"""The repository of contacts (`presence.provisioning.contacts.ContactRepository`) in the database.

Every change writes its outbox entry in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, update

from presence.provisioning.contact_lists import CONTACT_ADDED, Contact, ContactLists, Edit, Group
from presence.provisioning.contacts import People
from presence.provisioning.positions import stored
from presence.storage.contact_rows import read_lists
from presence.storage.database import Database
from presence.storage.models import Contact as ContactRow
from presence.storage.models import ContactGroup as GroupRow
from presence.storage.people import aor_of, people
from presence.storage.rows import announce, begin_announcing

T = TypeVar("T")


class SqlContactRepository:
    """Contacts in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, owner: str) -> ContactLists | None:
        """The lists of the user with the AOR or alias `owner`; None: there is no such user."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            return None if aor is None else read_lists(connection, aor)[0]

    def edit(self, owner: str, work: Callable[[str, ContactLists, People], T]) -> T | None:
        """Have `work` change the lists and store what it changed, all in one transaction.

        `work` gets the AOR of the owner, the lists, and who is a user.  None: there is no such owner.
        """
        with self._database.writing() as connection:
            # It also makes changes take turns: nobody else has the highest position of a group in his hands.
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            lists, ids = read_lists(connection, aor)
            result = work(aor, lists, lambda addresses: people(connection, addresses))
            writer = _Writer(connection, aor, ids)
            for edit in lists.edits:
                writer.write(edit)
            writer.flush()
            announce(connection, ((edit.topic, aor, edit.payload()) for edit in lists.edits))
            return result


class _Writer:
    """Makes rows of the edits of one owner; contacts that are added in a row go in together."""

    __slots__ = ("_added", "_connection", "_ids", "_owner")

    def __init__(self, connection: Connection, owner: str, ids: dict[str, int]) -> None:
        self._connection = connection
        self._owner = owner
        self._ids = ids
        self._added: list[dict[str, object]] = []

    def write(self, edit: Edit) -> None:
        if edit.topic != CONTACT_ADDED:
            self.flush()
        item = edit.new or edit.old
        if isinstance(item, Group):
            self._write_group(edit, item)
        elif isinstance(item, Contact):
            self._write_contact(edit, item)

    def flush(self) -> None:
        """Write what was held back."""
        if self._added:
            self._connection.execute(insert(ContactRow), self._added)
            self._added = []

    def _write_group(self, edit: Edit, group: Group) -> None:
        if edit.old is None:
            self._ids[group.name] = self._insert(group)
        elif edit.new is None:
            ident = self._ids.pop(group.name)
            self._connection.execute(delete(GroupRow).where(GroupRow.id == ident))
        else:
            ident = self._id(edit.group)
            self._connection.execute(
                update(GroupRow)
                .where(GroupRow.id == ident)
                .values(name=group.name, position=stored(group.position))
            )
            del self._ids[edit.group.name]
            self._ids[group.name] = ident

    def _write_contact(self, edit: Edit, contact: Contact) -> None:
        group_id = self._id(edit.group)
        values: dict[str, object] = {
            "position": stored(contact.position),
            "nickname": contact.nickname,
            "display_on_phone": contact.display_on_phone,
            "local": contact.local,
        }
        if edit.old is None:
            self._added.append({"group_id": group_id, "member": contact.member, **values})
            return
        this = (ContactRow.group_id == group_id) & (ContactRow.member == contact.member)
        if edit.new is None:
            self._connection.execute(delete(ContactRow).where(this))
        else:
            self._connection.execute(update(ContactRow).where(this).values(values))

    def _id(self, group: Group) -> int:
        ident = self._ids.get(group.name)
        if ident is None:
            # The default group: everybody has it, and it gets a row when there is something to keep.
            ident = self._ids[group.name] = self._insert(group)
        return ident

    def _insert(self, group: Group) -> int:
        row = insert(GroupRow).values(owner=self._owner, name=group.name, position=stored(group.position))
        return self._connection.execute(row.returning(GroupRow.id)).scalar_one()
