"""Contacts: who may change which lists, and who may be put into them; a repository keeps them.

What a change does to the lists is in `presence.provisioning.contact_lists`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from presence.directory import shown
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
from sip.errors import BadRequest
from sip.uri import Uri, parse_uri

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

People = Callable[[Collection[str]], Mapping[str, str]]
"""Which of some addresses are users: each user's address or alias with the user's own AOR."""


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

    __slots__ = ("_domains", "_limit", "_repository")

    def __init__(
        self,
        repository: ContactRepository,
        domains: Collection[str] | None = None,
        limit: int | None = None,
    ) -> None:
        """`domains`: those that are served (None: that of the owner); `limit`: contacts of one user."""
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
            members = _Members(owner, self._domains, people, named)
            return [_one(lists, members, change) for change in changes]

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


class _Members:
    """The persons that the changes of one request name."""

    __slots__ = ("_aors", "_domain", "_domains", "_users")

    def __init__(
        self, owner: str, domains: frozenset[str] | None, people: People, texts: Iterable[str]
    ) -> None:
        self._domain = owner.rpartition("@")[2]
        self._domains = frozenset((self._domain,)) if domains is None else domains
        addresses = {aor for text in texts if (aor := self._address(text)) is not None}
        self._users = people(addresses)
        self._aors = frozenset(self._users.values())

    def aor(self, text: str) -> str | None:
        """The AOR of a member as it is kept; None: that is no SIP address."""
        address = self._address(text)
        return None if address is None else self._users.get(address, address)

    def is_user(self, aor: str) -> bool:
        return aor in self._aors

    def is_local(self, aor: str) -> bool:
        """Whether he is of a domain that is served here (or a user all the same)."""
        return aor.rpartition("@")[2].removeprefix("sip:") in self._domains or self.is_user(aor)

    def _address(self, text: str) -> str | None:
        text = text.strip()
        if text[:4].lower() != "sip:" and text[:5].lower() != "sips:":
            text = f"sip:{text}" if "@" in text else f"sip:{text}@{self._domain}"
        try:
            uri = parse_uri(text)
        except BadRequest:
            return None
        return uri.aor if isinstance(uri, Uri) else None


def _one(lists: ContactLists, members: _Members, change: ContactChange) -> Outcome:
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
                return no_contact(f"there is no user {shown(member)}")
            return lists.add_contact(group, member, index, nickname, on_phone, local=local)
        case ModifyContact(group, text, index, nickname, on_phone):
            return lists.modify_contact(group, members.aor(text) or text, index, nickname, on_phone)
        case DeleteContact(group, text):
            return lists.delete_contact(group, members.aor(text) or text)
