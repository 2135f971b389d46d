"""add-group, modify-group, delete-group (SPEC R70 to R72; Examples 28 to 33)."""

from __future__ import annotations

from presence.provisioning.contacts import AddGroup, DeleteGroup, ModifyGroup
from soapapi.messages import Attribute, Message, Value, many
from soapapi.operation import Call, Service, operation
from soapapi.operations.contacts import change_contacts


class NamedGroup(Message):
    """A group and where it is to stand."""

    name = Attribute
    index = Attribute


class GroupsToAdd(Message):
    """Any number."""

    group = many(NamedGroup)


class GroupStatus(Message):
    """What became of a group; attributes as they were sent (R55)."""

    name = Attribute
    index = Attribute
    text = Value


class GroupStatuses(Message):
    """One a group, in their order."""

    status = many(GroupStatus)


class GroupChange(Message):
    """Another name or place for a group."""

    old_name = Attribute
    new_name = Attribute
    index = Attribute


class GroupsToModify(Message):
    """Any number."""

    group = many(GroupChange)


class GroupChangeStatus(Message):
    """What became of it; attributes as they were sent."""

    old_name = Attribute
    new_name = Attribute
    index = Attribute
    text = Value


class GroupChangeStatuses(Message):
    """One a group, in their order."""

    status = many(GroupChangeStatus)


class GoneGroup(Message):
    """A group by its name alone: whatever else is said of it does not count."""

    name = Attribute


class GroupsToDelete(Message):
    """Any number."""

    group = many(GoneGroup)


class Groups(Service):
    """The groups of the contact list."""

    @operation("add-group", GroupsToAdd, GroupStatuses)
    def add_group(call: Call, request: GroupsToAdd) -> GroupStatuses:
        """New groups, behind all others unless they have an index (R70, Q30, Q31; Examples 28 and 29)."""
        items = request.group or []
        texts = change_contacts(
            call, [None if it.name is None else AddGroup(it.name, it.index) for it in items]
        )
        return GroupStatuses(
            status=[
                GroupStatus(name=it.name, index=it.index, text=text)
                for it, text in zip(items, texts, strict=True)
            ]
        )

    @operation("modify-group", GroupsToModify, GroupChangeStatuses)
    def modify_group(call: Call, request: GroupsToModify) -> GroupChangeStatuses:
        """Rename and move groups; the default group keeps its name (R68, R71, Q32; Examples 30 and 31)."""
        items = request.group or []
        texts = change_contacts(
            call,
            [
                None if it.old_name is None else ModifyGroup(it.old_name, it.new_name, it.index)
                for it in items
            ],
        )
        return GroupChangeStatuses(
            status=[
                GroupChangeStatus(old_name=it.old_name, new_name=it.new_name, index=it.index, text=text)
                for it, text in zip(items, texts, strict=True)
            ]
        )

    @operation("delete-group", GroupsToDelete, GroupStatuses)
    def delete_group(call: Call, request: GroupsToDelete) -> GroupStatuses:
        """Groups go with their contacts; one that is not there is gone (R72, Q33; Examples 32, 33)."""
        items = request.group or []
        texts = change_contacts(call, [None if it.name is None else DeleteGroup(it.name) for it in items])
        return GroupStatuses(
            status=[GroupStatus(name=it.name, text=text) for it, text in zip(items, texts, strict=True)]
        )
