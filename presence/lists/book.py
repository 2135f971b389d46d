"""The contact book: everybody's contacts in memory, as the resource lists need them.

It is loaded from a snapshot at start and follows the outbox: with each entry comes what its owner has now
(`Change.current`), so applying one twice does no harm.  A hundred thousand contacts are a few megabytes: a
contact is two references to texts of which each exists once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from presence.directory import USER_DELETED, Change

CONTACTS: Final = "contacts."
"""What the topics of all changes of contacts and groups begin with."""


class BookGroup(NamedTuple):
    """A group of somebody's contacts, in order."""

    name: str
    """Empty: the default group."""
    members: tuple[str, ...] = ()
    """AORs."""
    nicknames: tuple[str, ...] = ()
    """One a member, or none at all when none has one."""


class ContactBook:
    """The groups of every owner who has any contacts."""

    __slots__ = ("_groups", "on_change")

    def __init__(self) -> None:
        self._groups: dict[str, tuple[BookGroup, ...]] = {}
        self.on_change: list[Callable[[str], None]] = []
        """Called with the AOR of an owner whose groups may be others than before."""

    def __len__(self) -> int:
        """The number of contacts, each as often as it is in a group."""
        return sum(len(group.members) for groups in self._groups.values() for group in groups)

    def groups(self, owner: str) -> tuple[BookGroup, ...]:
        """Of the user with that AOR, in order; the default group only when somebody is in it."""
        return self._groups.get(owner, ())

    def load(self, rows: Iterable[tuple[str, tuple[BookGroup, ...]]]) -> None:
        """Take in what owners have, without telling anybody."""
        for owner, groups in rows:
            self._set(owner, groups)

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow the outbox; each owner's news are told once."""
        touched: dict[str, None] = {}
        for change in changes:
            if change.topic.startswith(CONTACTS):
                self._set(change.key, tuple(it for it in change.current if isinstance(it, BookGroup)))
            elif change.topic == USER_DELETED:
                # Also when somebody has his address by now: the new one's contacts have entries of their own.
                if self._groups.pop(change.key, None) is None:
                    continue
            else:
                continue
            touched[change.key] = None
        for owner in touched:
            for callback in tuple(self.on_change):
                callback(owner)

    def _set(self, owner: str, groups: tuple[BookGroup, ...]) -> None:
        if groups:
            self._groups[owner] = tuple(map(_compact, groups))
        else:
            self._groups.pop(owner, None)


def _compact(group: BookGroup) -> BookGroup:
    nicknames = group.nicknames if any(group.nicknames) else ()
    return BookGroup(
        sys.intern(group.name),
        tuple(map(sys.intern, group.members)),
        tuple(map(sys.intern, nicknames)),
    )
