"""Contacts: who may change which lists, and who may be put into them; a repository keeps them.

What a change does to the lists is in `presence.provisioning.contact_lists`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from presence.directory import shown
from presence.lists.naming import ListNames
from presence.provisioning.addresses import canonical_aor, canonical_domain
from presence.provisioning.contact_lists import (
    DEFAULT_GROUP,
    Contact,
    ContactLists,
    Group,
    Outcome,
    Position,
    Status,
    no_contact,
)
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.members import Members, People

__all__ = [
    "DEFAULT_GROUP",
    "AddContact",
    "AddGroup",
    "Contact",
    "ContactChange",
    "ContactRepository",
    "ContactService",
    "DeleteContact",
    "DeleteGroup",
    "Group",
    "ModifyContact",
    "ModifyGroup",
    "Outcome",
    "People",
    "Status",
]

T = TypeVar("T")


class ContactRepository(Protocol):
    """Keeps contact lists; every change is announced to running servers in the same transaction."""

    def read(self, owner: str) -> ContactLists | None:
        """The lists of the user with the AOR or alias `owner`; None: there is no such user."""

    def edit(self, owner: str, work: Callable[[str, ContactLists, People], T]) -> T | None:
        """Have `work` change the lists and store what it changed, all in one transaction.

        `work` gets the AOR of the owner, the lists, and who is a user.  None: there is no such owner.
        """


# -- changes, as a request may hold many of them


@dataclass(frozen=True, slots=True)
class AddGroup:
    """A new group, behind all others unless it has an index."""

    name: str
    index: Position | None = None


@dataclass(frozen=True, slots=True)
class ModifyGroup:
    """Another name or place for a group."""

    name: str
    new_name: str | None = None
    index: Position | None = None


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """A group goes, with its contacts."""

    name: str


@dataclass(frozen=True, slots=True)
class AddContact:
    """A person into a group; `member` as for `ContactService.apply`."""

    group: str
    member: str
    index: Position | None = None
    nickname: str | None = None
    display_on_phone: bool | str | None = None


@dataclass(frozen=True, slots=True)
class ModifyContact:
    """What is None stays as it is."""

    group: str
    member: str
    index: Position | None = None
    nickname: str | None = None
    display_on_phone: bool | str | None = None


@dataclass(frozen=True, slots=True)
class DeleteContact:
    """A person goes out of one group."""

    group: str
    member: str


ContactChange = AddGroup | ModifyGroup | DeleteGroup | AddContact | ModifyContact | DeleteContact
_ABOUT_CONTACTS = (AddContact, ModifyContact, DeleteContact)


class ContactService:
    """What may be done with the contacts of a user.

    Every method raises ProvisioningError when there is no such owner, and nothing else: what becomes of a
    change is its Outcome.
    """

    __slots__ = ("_domains", "_limit", "_names", "_repository")

    def __init__(
        self,
        repository: ContactRepository,
        domains: Collection[str] | None = None,
        limit: int | None = None,
        names: ListNames | None = None,
    ) -> None:
        """`domains`: those that are served (None: that of the owner); `limit`: contacts of one user.

        `names`: the URIs of contact lists, which may be members of lists of the same owner.
        """
        self._names = names or ListNames()
        self._repository = repository
        self._domains = None if domains is None else frozenset(map(canonical_domain, domains))
        self._limit = limit

    def list(self, owner: str) -> tuple[tuple[Group, tuple[Contact, ...]], ...]:
        """Every group with its contacts in order, empty groups too; the default group is always there."""
        lists = self._repository.read(canonical_aor(owner))
        if lists is None:
            raise ProvisioningError(f"there is no user {shown(canonical_aor(owner))}")
        return tuple(lists)

    def apply(self, owner: str, changes: Sequence[ContactChange]) -> Sequence[Outcome]:
        """Make `changes` in order, all in one transaction, each seeing the ones before it.

        A change that is refused undoes no other.  `owner` is "name@domain" or an AOR; a member is a SIP URI,
        "name@domain", or a name in the domain of the owner.  An alias stands for its user.
        """
        aor = canonical_aor(owner)

        def work(owner: str, lists: ContactLists, people: People) -> Sequence[Outcome]:
            lists.limit = self._limit
            named = (it.member for it in changes if isinstance(it, _ABOUT_CONTACTS))
            members = Members(owner, self._domains, people, named, self._names)
            return [_one(owner, lists, members, change) for change in changes]

        outcomes = self._repository.edit(aor, work)
        if outcomes is None:
            raise ProvisioningError(f"there is no user {shown(aor)}")
        return outcomes

    def add_group(self, owner: str, name: str, index: Position | None = None) -> Outcome:
        return self._apply(owner, AddGroup(name, index))

    def modify_group(
        self, owner: str, name: str, new_name: str | None = None, index: Position | None = None
    ) -> Outcome:
        return self._apply(owner, ModifyGroup(name, new_name, index))

    def delete_group(self, owner: str, name: str) -> Outcome:
        return self._apply(owner, DeleteGroup(name))

    def add_contact(
        self,
        owner: str,
        group: str,
        member: str,
        index: Position | None = None,
        nickname: str | None = None,
        display_on_phone: bool | str | None = None,
    ) -> Outcome:
        return self._apply(owner, AddContact(group, member, index, nickname, display_on_phone))

    def modify_contact(
        self,
        owner: str,
        group: str,
        member: str,
        index: Position | None = None,
        nickname: str | None = None,
        display_on_phone: bool | str | None = None,
    ) -> Outcome:
        return self._apply(owner, ModifyContact(group, member, index, nickname, display_on_phone))

    def delete_contact(self, owner: str, group: str, member: str) -> Outcome:
        return self._apply(owner, DeleteContact(group, member))

    def _apply(self, owner: str, change: ContactChange) -> Outcome:
        (outcome,) = self.apply(owner, [change])
        return outcome


def _one(owner: str, lists: ContactLists, members: Members, change: ContactChange) -> Outcome:
    match change:
        case AddGroup(name, index):
            return lists.add_group(name, index)
        case ModifyGroup(name, new_name, index):
            return lists.modify_group(name, new_name, index)
        case DeleteGroup(name):
            return lists.delete_group(name)
        case AddContact(group, text, index, nickname, on_phone):
            # The person is checked before the group, and for all others the group before the person.
            member = members.aor(text)
            if member is None:
                return no_contact(f"{text!r} is not a SIP address")
            local = members.is_local(member)
            if local and not members.is_user(member):
                fault = _no_list(owner, lists, members, member)
                if fault:
                    return no_contact(fault)
            return lists.add_contact(group, member, index, nickname, on_phone, local=local)
        case ModifyContact(group, text, index, nickname, on_phone):
            return lists.modify_contact(group, members.aor(text) or text, index, nickname, on_phone)
        case DeleteContact(group, text):
            return lists.delete_contact(group, members.aor(text) or text)


def _no_list(owner: str, lists: ContactLists, members: Members, member: str) -> str:
    """Why an address of ours that is no user's is no list within this list either; empty if it is."""
    found = members.list_of(member)
    if found is None:
        return f"there is no user {shown(member)}"
    whose, group = found
    if whose != owner:
        return f"{shown(member)} is a contact list of {shown(whose)}, and for nobody else"
    if group is not None and group not in lists:
        return f"there is no group {group!r}"
    return ""
