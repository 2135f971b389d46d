"""get-contact-list, add-contact, modify-contact, delete-contact (SPEC R65 to R69, R73 to R75).

Examples 26, 27 and 34 to 39.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from presence.provisioning.contacts import (
    AddContact,
    ContactChange,
    DeleteContact,
    ModifyContact,
    Status,
)
from presence.provisioning.positions import trimmed
from soapapi.addresses import bare
from soapapi.messages import Attribute, Message, Value, many
from soapapi.operation import Call, Service, operation

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
_TEXTS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.DONE: SUCCEEDED,
        Status.FAILED: FAILED,
        Status.NO_CONTACT: "Contact does not exist in.",
        Status.NO_GROUP: "The Contact Group does not exist.",
    }
)
"""As they are printed (R73)."""


class Persona(Message):
    """A person in a group."""

    index = Attribute
    nickname = Attribute
    display_on_phone = Attribute
    member = Value


class ContactGroup(Message):
    """A group with its persons."""

    name = Attribute
    index = Attribute
    persona_id = many(Persona)


class ContactList(Message):
    """All groups."""

    group = many(ContactGroup)


class PersonasOfGroup(Message):
    """Persons by the group that they are in or are to be put into."""

    name = Attribute
    persona_id = many(Persona)


class PersonasByGroup(Message):
    """Any number of groups."""

    group = many(PersonasOfGroup)


class ContactStatus(Message):
    """What became of a person; attributes as they were sent (R55)."""

    persona_id = Attribute
    group = Attribute
    index = Attribute
    nickname = Attribute
    display_on_phone = Attribute
    text = Value


class ContactStatuses(Message):
    """One a person, in their order, whatever the group."""

    status = many(ContactStatus)


def contact_list(call: Call) -> ContactList:
    """What get-contact-list answers, which get-all-config has a part of."""
    return ContactList(
        group=[
            ContactGroup(
                name=group.name,
                index=trimmed(group.position),
                persona_id=[
                    Persona(
                        index=trimmed(contact.position),
                        nickname=contact.nickname,
                        display_on_phone="true" if contact.display_on_phone else "false",
                        member=bare(contact.member, call.owner),
                    )
                    for contact in contacts
                ],
            )
            for group, contacts in call.services.contacts.list(call.owner)
            # The default group as nobody has touched it: Example 19 shows nothing of it.
            if group.name or contacts or group.position
        ]
    )


def change_contacts(call: Call, changes: Sequence[ContactChange | None]) -> list[str]:
    """Make the changes in order in one transaction, and tell the text of each.

    None is an item that names nothing: it fails, and keeps no other from being made (R56).
    """
    outcomes = iter(call.services.contacts.apply(call.owner, [it for it in changes if it is not None]))
    return [FAILED if it is None else _TEXTS[next(outcomes).status] for it in changes]


class Contacts(Service):
    """The persons in the groups."""

    @operation("get-contact-list", response=ContactList)
    def get_contact_list(call: Call) -> ContactList:
        """Groups and persons by their indexes, empty groups too (R65 to R69, Q34; Examples 26, 27)."""
        return contact_list(call)

    @operation("add-contact", PersonasByGroup, ContactStatuses)
    def add_contact(call: Call, request: PersonasByGroup) -> ContactStatuses:
        """Persons into groups: the person is looked at first (R73, Q30 to Q32; Examples 34 and 35)."""
        return _changed(call, request, AddContact)

    @operation("modify-contact", PersonasByGroup, ContactStatuses)
    def modify_contact(call: Call, request: PersonasByGroup) -> ContactStatuses:
        """Change what is given: the group is looked at first (R74, Q31, Q35; Examples 36 and 37)."""
        return _changed(call, request, ModifyContact)

    @operation("delete-contact", PersonasByGroup, ContactStatuses)
    def delete_contact(call: Call, request: PersonasByGroup) -> ContactStatuses:
        """Persons out of groups: the group is looked at first (R75; Examples 38 and 39)."""
        return _changed(call, request, DeleteContact)


def _changed(
    call: Call, request: PersonasByGroup, kind: type[AddContact | ModifyContact | DeleteContact]
) -> ContactStatuses:
    items = [(group.name, it) for group in request.group or () for it in group.persona_id or ()]
    texts = change_contacts(call, [_change(group, it, kind) for group, it in items])
    return ContactStatuses(
        status=[
            ContactStatus(
                persona_id=it.member.strip(),
                group=group,
                index=it.index,
                nickname=it.nickname,
                display_on_phone=it.display_on_phone,
                text=text,
            )
            for (group, it), text in zip(items, texts, strict=True)
        ]
    )


def _change(
    group: str | None, item: Persona, kind: type[AddContact | ModifyContact | DeleteContact]
) -> ContactChange | None:
    if group is None:
        return None
    if issubclass(kind, DeleteContact):
        return kind(group, item.member)
    return kind(group, item.member, item.index, item.nickname, item.display_on_phone)
