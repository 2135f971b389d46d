"""The contact lists of one user and every rule of changing them, without a database.

A change is applied at once and written down as an `Edit`; whoever keeps the lists stores the edits and
announces them.  A refusal is an `Outcome`, not an exception: a request may hold many changes, one that is
refused undoes no other, and each has its own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from presence.provisioning.positions import after, position, stored
from presence.provisioning.texts import check_text

__all__ = [
    "CONTACT_ADDED",
    "CONTACT_CHANGED",
    "CONTACT_DELETED",
    "DEFAULT_GROUP",
    "DONE",
    "GROUP_ADDED",
    "GROUP_CHANGED",
    "GROUP_DELETED",
    "TOPICS",
    "Contact",
    "ContactLists",
    "Edit",
    "Group",
    "Outcome",
    "Position",
    "Status",
]

GROUP_ADDED: Final = "contacts.group-added"
GROUP_CHANGED: Final = "contacts.group-changed"
GROUP_DELETED: Final = "contacts.group-deleted"
CONTACT_ADDED: Final = "contacts.added"
CONTACT_CHANGED: Final = "contacts.changed"
CONTACT_DELETED: Final = "contacts.deleted"
TOPICS: Final = (
    GROUP_ADDED,
    GROUP_CHANGED,
    GROUP_DELETED,
    CONTACT_ADDED,
    CONTACT_CHANGED,
    CONTACT_DELETED,
)
"""Of the outbox; the key is the owner's AOR."""

DEFAULT_GROUP: Final = ""
"""The group that every user has: it can be moved, but neither renamed nor deleted."""

Position = str | Decimal | int
"""As it comes in: a text is read as xs:decimal."""


class Status(Enum):
    """What became of one change."""

    DONE = "done"
    FAILED = "failed"
    NO_CONTACT = "no contact"
    """The person does not exist, or is not in the group."""
    NO_GROUP = "no group"


class Outcome(NamedTuple):
    """What became of one change, and for a refusal why, in one line for people."""

    status: Status
    why: str = ""
    changed: bool = False
    """True if what was to be added was there already, and was modified."""

    @property
    def done(self) -> bool:
        return self.status is Status.DONE


DONE: Final = Outcome(Status.DONE)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of contacts."""

    name: str
    position: Decimal


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact in one group; the same person may be in others, with another nickname and place."""

    member: str
    """AOR."""
    position: Decimal
    nickname: str = ""
    display_on_phone: bool = False
    local: bool = True
    """Whether the member is of a domain that is served here."""


class Edit(NamedTuple):
    """One change that was made: `old` is what was there, `new` what is there now.

    `group` is the group of a contact (as it is when the change is made), and of a group what it was called
    before the change (after it, for a new one).  Exactly the pair that fits the topic is given.
    """

    topic: str
    group: Group
    old: Group | Contact | None
    new: Group | Contact | None

    def payload(self) -> dict[str, object]:
        """For the outbox: `old` and `new` (each only where there is one) with plain values.

        A group has `name` and `index`; a contact has `group`, `group-index`, `member`, `index`, `nickname`,
        `display-on-phone` and `local`.  Indexes are texts with ten decimal places.
        """
        sides = {"old": self.old, "new": self.new}
        return {side: self._values(it) for side, it in sides.items() if it is not None}

    def _values(self, item: Group | Contact) -> dict[str, object]:
        if isinstance(item, Group):
            return {"name": item.name, "index": stored(item.position)}
        return {
            "group": self.group.name,
            "group-index": stored(self.group.position),
            "member": item.member,
            "index": stored(item.position),
            "nickname": item.nickname,
            "display-on-phone": item.display_on_phone,
            "local": item.local,
        }


@dataclass(slots=True)
class _Row:
    """A group and its contacts by member, either in the order of insertion."""

    group: Group
    contacts: dict[str, Contact]


class ContactLists:
    """Groups and contacts of one user; `edits` are the changes since it was made."""

    __slots__ = ("_rows", "edits", "limit")

    def __init__(
        self, rows: Iterable[tuple[Group, Iterable[Contact]]] = (), limit: int | None = None
    ) -> None:
        """`rows`: in the order of insertion."""
        self.limit = limit
        """Most members, and most groups beside the default one; None: any number."""
        # Nobody made the default group, so it comes first among equals.
        self._rows = {DEFAULT_GROUP: _Row(Group(DEFAULT_GROUP, Decimal(0)), {})}
        for group, contacts in rows:
            self._rows[group.name] = _Row(group, {contact.member: contact for contact in contacts})
        self.edits: list[Edit] = []

    def __iter__(self) -> Iterator[tuple[Group, tuple[Contact, ...]]]:
        """Every group with its contacts, empty ones too, by position, then insertion."""
        for row in sorted(self._rows.values(), key=lambda it: it.group.position):
            yield row.group, tuple(sorted(row.contacts.values(), key=lambda it: it.position))

    def __contains__(self, group: str) -> bool:
        return group in self._rows

    def groups_of(self, member: str) -> list[str]:
        """The names of the groups that a member is in, in order."""
        return [group.name for group, _ in self if member in self._rows[group.name].contacts]

    # -- groups

    def add_group(self, name: str, index: Position | None = None) -> Outcome:
        """Without an index it goes behind all others."""
        if name in self._rows:
            return _failed(f"there is a group {name!r} already")
        if self.limit is not None and len(self._rows) > self.limit:
            return _failed(f"there are {self.limit} groups already")
        try:
            check_text(name)
            group = Group(name, self._place(index, (row.group.position for row in self._rows.values())))
        except ValueError as error:
            return _failed(str(error))
        self._rows[name] = _Row(group, {})
        return self._done(Edit(GROUP_ADDED, group, None, group))

    def modify_group(self, name: str, new_name: str | None = None, index: Position | None = None) -> Outcome:
        """Rename or move a group, or both; its contacts stay in it.

        The default group is moved, and keeps its name without a word.
        """
        row = self._rows.get(name)
        if row is None:
            return _failed(f"there is no group {name!r}")
        if new_name is None and index is None:
            return _failed("neither a new name nor an index is given")
        if new_name is None or name == DEFAULT_GROUP:
            new_name = name
        if new_name != name and new_name in self._rows:
            return _failed(f"there is a group {new_name!r} already")
        old = row.group
        try:
            check_text(new_name)
            new = Group(new_name, old.position if index is None else position(index))
        except ValueError as error:
            return _failed(str(error))
        if new == old:
            return DONE
        row.group = new
        # In its old place: a new name is no reason to come after others of the same position.
        self._rows = {it.group.name: it for it in self._rows.values()}
        return self._done(Edit(GROUP_CHANGED, old, old, new))

    def delete_group(self, name: str) -> Outcome:
        """Its contacts go with it.  A group that is not there is deleted as well as can be."""
        if name == DEFAULT_GROUP:
            return _failed("the default group cannot be deleted")
        row = self._rows.pop(name, None)
        if row is not None:
            self.edits += (Edit(CONTACT_DELETED, row.group, it, None) for it in row.contacts.values())
            self.edits.append(Edit(GROUP_DELETED, row.group, row.group, None))
        return DONE

    # -- contacts

    def add_contact(
        self,
        group: str,
        member: str,
        index: Position | None = None,
        nickname: str | None = None,
        display_on_phone: bool | str | None = None,
        *,
        local: bool = True,
    ) -> Outcome:
        """Add the AOR `member`, who is known to exist; one who is in the group already is modified.

        Without an index the contact goes behind all others of the group.
        """
        row = self._rows.get(group)
        if row is None:
            return _no_group(group)
        if member in row.contacts:
            outcome = self.modify_contact(group, member, index, nickname, display_on_phone)
            return outcome._replace(changed=outcome.done)
        if self.limit is not None and self._is_full(member):
            return _failed(f"there are {self.limit} contacts already")
        try:
            place = self._place(index, (it.position for it in row.contacts.values()))
            contact = _with(Contact(member, place, local=local), None, nickname, display_on_phone)
        except ValueError as error:
            return _failed(str(error))
        row.contacts[member] = contact
        return self._done(Edit(CONTACT_ADDED, row.group, None, contact))

    def modify_contact(
        self,
        group: str,
        member: str,
        index: Position | None = None,
        nickname: str | None = None,
        display_on_phone: bool | str | None = None,
    ) -> Outcome:
        """Change only what is given; an empty nickname takes it away."""

        def change(row: _Row, old: Contact) -> Outcome:
            try:
                new = _with(old, index, nickname, display_on_phone)
            except ValueError as error:
                return _failed(str(error))
            if new == old:
                return DONE
            row.contacts[member] = new
            return self._done(Edit(CONTACT_CHANGED, row.group, old, new))

        return self._of_contact(group, member, change)

    def delete_contact(self, group: str, member: str) -> Outcome:
        """Take him out of this group; he stays in others."""

        def change(row: _Row, old: Contact) -> Outcome:
            del row.contacts[member]
            return self._done(Edit(CONTACT_DELETED, row.group, old, None))

        return self._of_contact(group, member, change)

    def _of_contact(self, group: str, member: str, change: Callable[[_Row, Contact], Outcome]) -> Outcome:
        row = self._rows.get(group)
        if row is None:
            return _no_group(group)
        contact = row.contacts.get(member)
        if contact is None:
            return no_contact(f"{member.removeprefix('sip:')} is not in group {group!r}")
        return change(row, contact)

    def _is_full(self, member: str) -> bool:
        members = {it for row in self._rows.values() for it in row.contacts}
        return member not in members and len(members) >= (self.limit or 0)

    @staticmethod
    def _place(index: Position | None, others: Iterable[Decimal]) -> Decimal:
        return after(others) if index is None else position(index)

    def _done(self, edit: Edit) -> Outcome:
        self.edits.append(edit)
        return DONE


def _with(
    contact: Contact, index: Position | None, nickname: str | None, display_on_phone: bool | str | None
) -> Contact:
    if index is not None:
        contact = replace(contact, position=position(index))
    if nickname is not None:
        check_text(nickname)
        contact = replace(contact, nickname=nickname)
    if display_on_phone is not None:
        contact = replace(contact, display_on_phone=_boolean(display_on_phone))
    return contact


_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def _boolean(value: bool | str) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return found


def no_contact(why: str) -> Outcome:
    return Outcome(Status.NO_CONTACT, why)


def _no_group(name: str) -> Outcome:
    return Outcome(Status.NO_GROUP, f"there is no group {name!r}")


def _failed(why: str) -> Outcome:
    return Outcome(Status.FAILED, why)
