"""Rows of the tables of contacts as the types of the domain.

Positions are texts with ten decimal places: SQLite would make floating point of a number, scaled integers
would end at nine digits before the point, and one form for both databases can be compared as it stands.
Texts do not sort as numbers, so sorting is done here: who reads contacts reads all of an owner anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from presence.lists.book import BookGroup
from presence.provisioning.contact_lists import Contact, ContactLists, Group
from presence.storage.models import Contact as ContactRow
from presence.storage.models import ContactGroup as GroupRow

_FETCH = 2000

_ROWS = (
    select(
        GroupRow.owner,
        GroupRow.id,
        GroupRow.name,
        GroupRow.position,
        ContactRow.member,
        ContactRow.position.label("place"),
        ContactRow.nickname,
        ContactRow.display_on_phone,
        ContactRow.local,
    )
    .outerjoin(ContactRow, ContactRow.group_id == GroupRow.id)
    .order_by(GroupRow.owner, GroupRow.id, ContactRow.id)
)


def read_lists(connection: Connection, owner: str) -> tuple[ContactLists, dict[str, int]]:
    """The lists of an owner, and the id of each of his groups that has a row."""
    rows = connection.execute(_ROWS.where(GroupRow.owner == owner)).all()
    found = [(ident, *_group(list(members))) for ident, members in groupby(rows, lambda row: row.id)]
    return (
        ContactLists((group, contacts) for _, group, contacts in found),
        {group.name: ident for ident, group, _ in found},
    )


def read_book(
    connection: Connection, owners: Sequence[str] | None = None
) -> Iterator[tuple[str, tuple[BookGroup, ...]]]:
    """What `owners` (a few hundred at most; None: all) have, for those who have anything."""
    rows = _ROWS if owners is None else _ROWS.where(GroupRow.owner.in_(owners))
    with connection.execute(rows, execution_options={"yield_per": _FETCH}) as result:
        for owner, of_owner in groupby(result, lambda row: row.owner):
            lists = ContactLists(_group(list(it)) for _, it in groupby(of_owner, lambda row: row.id))
            # The default group is always there, and in the way where nobody uses it.
            yield owner, tuple(_book_group(*it) for it in lists if it[0].name or it[1])


def books_by_owner(connection: Connection, owners: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """The same for `presence.storage.rows.CURRENT`."""
    return {owner: groups for owner, groups in read_book(connection, owners)}  # noqa: C416


def _group(rows: Sequence[Any]) -> tuple[Group, tuple[Contact, ...]]:
    return Group(rows[0].name, Decimal(rows[0].position)), tuple(_contacts(rows))


def _contacts(rows: Iterable[Any]) -> Iterator[Contact]:
    for row in rows:
        # The outer join gives an empty group one row without a contact.
        if row.member is not None:
            yield Contact(row.member, Decimal(row.place), row.nickname, row.display_on_phone, row.local)


def _book_group(group: Group, contacts: Sequence[Contact]) -> BookGroup:
    return BookGroup(group.name, tuple(it.member for it in contacts), tuple(it.nickname for it in contacts))
