"""The rules of contacts, without a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from lxml import etree

from presence.provisioning.contact_lists import ContactLists, Edit
from presence.provisioning.contacts import (
    AddContact,
    AddGroup,
    ContactChange,
    ContactService,
    DeleteContact,
    DeleteGroup,
    ModifyContact,
    ModifyGroup,
    Outcome,
    People,
    Status,
)
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.positions import trimmed

T = TypeVar("T")

ALICE = "sip:alice@example.com"
DONE, FAILED, NO_CONTACT, NO_GROUP = Status.DONE, Status.FAILED, Status.NO_CONTACT, Status.NO_GROUP


class Memory:
    """The smallest repository: one owner, and who is a user."""

    def __init__(self, *users: str, aliases: Mapping[str, str] | None = None) -> None:
        self.people = {f"sip:{name}@example.com": f"sip:{name}@example.com" for name in users}
        self.people |= aliases or {}
        self.lists = ContactLists()
        self.edits: list[Edit] = []

    def read(self, owner: str) -> ContactLists | None:
        return self.lists if owner in self.people else None

    def edit(self, owner: str, work: Callable[[str, ContactLists, People], T]) -> T | None:
        if owner not in self.people:
            return None
        result = work(self.people[owner], self.lists, self.among)
        self.edits += self.lists.edits
        self.lists.edits = []
        return result

    def among(self, addresses: Collection[str]) -> Mapping[str, str]:
        return {it: self.people[it] for it in addresses if it in self.people}


@pytest.fixture
def memory() -> Memory:
    return Memory("alice", "bob", "carol", "dave", aliases={"sip:b@example.com": "sip:bob@example.com"})


@pytest.fixture
def contacts(memory: Memory) -> ContactService:
    return ContactService(memory, ["example.com"])


def status(outcome: Outcome) -> Status:
    assert "\n" not in outcome.why
    assert bool(outcome.why) is not outcome.done
    return outcome.status


def shown(contacts: ContactService) -> list[str]:
    """A line a group: "name index: member index nickname phone, ..." """
    lines = []
    for group, members in contacts.list("alice@example.com"):
        texts = (
            f"{it.member[4:].partition('@')[0]} {trimmed(it.position)}"
            + (f" {it.nickname!r}" if it.nickname else "")
            + (" phone" if it.display_on_phone else "")
            for it in members
        )
        lines.append(f"{group.name!r} {trimmed(group.position)}: {', '.join(texts)}".rstrip(": "))
    return lines


# -- groups


def test_everybody_has_the_default_group(contacts: ContactService) -> None:
    assert shown(contacts) == ["'' 0"]


def test_a_group_without_an_index_goes_behind_all_others(contacts: ContactService) -> None:
    for change in (AddGroup("first"), AddGroup("far", "1000.9"), AddGroup("last"), AddGroup("front", "-1.5")):
        assert status(contacts.apply(ALICE, [change])[0]) is DONE
    assert shown(contacts) == ["'front' -1.5", "'' 0", "'first' 1", "'far' 1000.9", "'last' 1001.9"]


def test_groups_of_the_same_index_stand_in_the_order_of_insertion_the_default_group_first(
    contacts: ContactService,
) -> None:
    for name in ("z", "a", "m"):
        contacts.add_group(ALICE, name, 0)
    contacts.modify_group(ALICE, "z", "b")
    assert shown(contacts) == ["'' 0", "'b' 0", "'a' 0", "'m' 0"]


@pytest.mark.parametrize("name", ["", "work", "\t", "\x00", "\ud800", "x" * 256])
def test_a_group_is_not_added_twice_nor_with_a_name_that_is_none(contacts: ContactService, name: str) -> None:
    contacts.add_group(ALICE, "work")
    assert status(contacts.add_group(ALICE, name, 5)) is FAILED
    assert shown(contacts) == ["'' 0", "'work' 1"]


@pytest.mark.parametrize("index", ["", "first", "1e5", "1" * 19])
def test_an_index_that_is_no_number_fails_its_item(contacts: ContactService, index: str) -> None:
    contacts.add_group(ALICE, "work")
    contacts.add_contact(ALICE, "work", "bob")
    assert status(contacts.add_group(ALICE, "g", index)) is FAILED
    assert status(contacts.modify_group(ALICE, "work", "office", index)) is FAILED
    assert status(contacts.add_contact(ALICE, "work", "carol", index)) is FAILED
    assert status(contacts.modify_contact(ALICE, "work", "bob", index, "Bobby")) is FAILED
    assert shown(contacts) == ["'' 0", "'work' 1: bob 1"]


def test_a_group_is_renamed_and_moved_and_keeps_its_contacts(contacts: ContactService) -> None:
    contacts.add_group(ALICE, "work")
    contacts.add_contact(ALICE, "work", "bob")
    assert status(contacts.modify_group(ALICE, "work", "office", "-2")) is DONE
    assert shown(contacts) == ["'office' -2: bob 1", "'' 0"]


def test_a_group_is_not_renamed_onto_another(contacts: ContactService) -> None:
    contacts.apply(ALICE, [AddGroup("work"), AddGroup("home")])
    assert status(contacts.modify_group(ALICE, "work", "home", 9)) is FAILED
    assert status(contacts.modify_group(ALICE, "work", "", 9)) is FAILED
    assert shown(contacts) == ["'' 0", "'work' 1", "'home' 2"]


def test_a_group_may_be_renamed_to_its_own_name(contacts: ContactService, memory: Memory) -> None:
    contacts.add_group(ALICE, "work")
    assert status(contacts.modify_group(ALICE, "work", "work")) is DONE
    assert len(memory.edits) == 1


def test_an_unknown_group_cannot_be_modified_and_a_change_needs_something_to_change(
    contacts: ContactService,
) -> None:
    assert status(contacts.modify_group(ALICE, "nowhere", "elsewhere")) is FAILED
    assert status(contacts.modify_group(ALICE, "")) is FAILED


def test_the_default_group_moves_but_keeps_its_name_without_a_word(contacts: ContactService) -> None:
    contacts.add_group(ALICE, "work")
    assert status(contacts.modify_group(ALICE, "", "can i change this?", "200")) is DONE
    assert status(contacts.modify_group(ALICE, "", "work")) is DONE
    assert shown(contacts) == ["'work' 1", "'' 200"]


def test_the_default_group_cannot_be_deleted(contacts: ContactService) -> None:
    contacts.add_contact(ALICE, "", "bob")
    assert status(contacts.delete_group(ALICE, "")) is FAILED
    assert shown(contacts) == ["'' 0: bob 1"]


def test_contacts_go_with_their_group_and_stay_in_others(contacts: ContactService) -> None:
    changes: list[ContactChange] = [AddGroup("work"), AddContact("work", "bob"), AddContact("", "bob")]
    contacts.apply(ALICE, changes)
    assert status(contacts.delete_group(ALICE, "work")) is DONE
    assert shown(contacts) == ["'' 0: bob 1"]


def test_deleting_a_group_that_is_not_there_succeeds(contacts: ContactService, memory: Memory) -> None:
    assert status(contacts.delete_group(ALICE, "nowhere")) is DONE
    assert memory.edits == []


# -- contacts


def test_a_contact_without_an_index_goes_behind_all_others_of_the_group(contacts: ContactService) -> None:
    contacts.add_group(ALICE, "work")
    for change in (
        AddContact("work", "bob", "200.5"),
        AddContact("work", "carol"),
        AddContact("work", "dave", "-1"),
        AddContact("", "dave", None, "D", True),
    ):
        assert status(contacts.apply(ALICE, [change])[0]) is DONE
    assert shown(contacts) == ["'' 0: dave 1 'D' phone", "'work' 1: dave -1, bob 200.5, carol 201.5"]


def test_contacts_of_the_same_index_stand_in_the_order_of_insertion(contacts: ContactService) -> None:
    for name in ("dave", "bob", "carol"):
        contacts.add_contact(ALICE, "", name, 5)
    contacts.modify_contact(ALICE, "", "dave", nickname="d")
    assert shown(contacts) == ["'' 0: dave 5 'd', bob 5, carol 5"]


@pytest.mark.parametrize(
    "name", ["nobody", "", "no body", "sip:nobody@example.com", "tel:+1@", "@example.com"]
)
def test_the_person_is_checked_before_the_group_when_one_is_added(
    contacts: ContactService, name: str
) -> None:
    assert status(contacts.add_contact(ALICE, "nowhere", name)) is NO_CONTACT
    assert status(contacts.add_contact(ALICE, "", name)) is NO_CONTACT
    assert status(contacts.add_contact(ALICE, "nowhere", "bob")) is NO_GROUP


def test_the_group_is_checked_before_the_person_when_one_is_modified_or_deleted(
    contacts: ContactService,
) -> None:
    contacts.add_group(ALICE, "work")
    assert status(contacts.modify_contact(ALICE, "nowhere", "nobody", nickname="x")) is NO_GROUP
    assert status(contacts.delete_contact(ALICE, "nowhere", "nobody")) is NO_GROUP
    for name in ("nobody", "bob", "no body"):
        assert status(contacts.modify_contact(ALICE, "work", name, nickname="x")) is NO_CONTACT
        assert status(contacts.delete_contact(ALICE, "work", name)) is NO_CONTACT


def test_anybody_of_another_domain_may_be_a_contact(contacts: ContactService, memory: Memory) -> None:
    for member in (
        "sips:eve@Example.ORG:5061;transport=tls",
        "a%20b@example.org",
        "sip:conference.example.org",
    ):
        assert status(contacts.add_contact(ALICE, "", member)) is DONE
    (_, members), *_ = contacts.list(ALICE)
    assert [(it.member, it.local) for it in members] == [
        ("sip:eve@example.org", False),
        ("sip:a%20b@example.org", False),
        ("sip:conference.example.org", False),
    ]


def test_an_alias_stands_for_its_user_and_the_owner_may_be_his_own_contact(contacts: ContactService) -> None:
    assert status(contacts.add_contact(ALICE, "", "b", nickname="first")) is DONE
    assert status(contacts.add_contact(ALICE, "", "bob@example.com", nickname="second")) is DONE
    assert status(contacts.add_contact(ALICE, "", "alice")) is DONE
    assert shown(contacts) == ["'' 0: bob 1 'second', alice 2"]
    assert status(contacts.delete_contact(ALICE, "", "sip:b@example.com")) is DONE


def test_where_the_domains_are_not_known_that_of_the_owner_is_local(memory: Memory) -> None:
    contacts = ContactService(memory)
    assert status(contacts.add_contact(ALICE, "", "nobody@example.com")) is NO_CONTACT
    assert status(contacts.add_contact(ALICE, "", "nobody@example.net")) is DONE


def test_adding_a_contact_who_is_there_changes_what_is_given(contacts: ContactService) -> None:
    contacts.add_contact(ALICE, "", "bob", 7, "Bob", True)
    assert status(contacts.add_contact(ALICE, "", "bob", display_on_phone="false")) is DONE
    assert shown(contacts) == ["'' 0: bob 7 'Bob'"]


def test_only_what_is_given_is_modified_and_an_empty_nickname_takes_it_away(contacts: ContactService) -> None:
    contacts.add_contact(ALICE, "", "bob", 7, "Bob", "true")
    for change, expected in (
        (ModifyContact("", "bob"), "bob 7 'Bob' phone"),
        (ModifyContact("", "bob", index="-3000.5"), "bob -3000.5 'Bob' phone"),
        (ModifyContact("", "bob", display_on_phone=" 0 "), "bob -3000.5 'Bob'"),
        (ModifyContact("", "bob", nickname=""), "bob -3000.5"),
    ):
        assert status(contacts.apply(ALICE, [change])[0]) is DONE
        assert shown(contacts) == [f"'' 0: {expected}"]


def test_a_bad_boolean_or_nickname_fails_its_item(contacts: ContactService) -> None:
    contacts.add_contact(ALICE, "", "bob")
    assert status(contacts.add_contact(ALICE, "", "carol", display_on_phone="yes")) is FAILED
    assert status(contacts.modify_contact(ALICE, "", "bob", 5, "Bobby", "TRUE")) is FAILED
    assert status(contacts.modify_contact(ALICE, "", "bob", 5, "Bob\nby")) is FAILED
    assert shown(contacts) == ["'' 0: bob 1"]


def test_a_contact_who_is_no_user_any_more_can_be_modified_and_deleted(
    contacts: ContactService, memory: Memory
) -> None:
    contacts.add_contact(ALICE, "", "bob")
    del memory.people["sip:bob@example.com"]
    assert status(contacts.modify_contact(ALICE, "", "bob", nickname="gone")) is DONE
    assert status(contacts.delete_contact(ALICE, "", "bob")) is DONE


def test_a_user_has_no_more_contacts_than_a_list_may_have(memory: Memory) -> None:
    contacts = ContactService(memory, ["example.com"], limit=2)
    changes: list[ContactChange] = [AddGroup("a"), AddGroup("b"), AddGroup("c")]
    changes += [
        AddContact("", "bob"),
        AddContact("", "carol"),
        AddContact("", "dave"),
        AddContact("a", "bob"),
    ]
    assert [status(it) for it in contacts.apply(ALICE, changes)] == [
        DONE, DONE, FAILED, DONE, DONE, FAILED, DONE,
    ]  # fmt: skip


def test_there_are_no_contacts_of_somebody_who_is_no_user(contacts: ContactService) -> None:
    for refused in (
        lambda: contacts.list("nobody@example.com"),
        lambda: contacts.add_group("nobody@example.com", "work"),
    ):
        with pytest.raises(ProvisioningError, match=r"^there is no user nobody@example.com$"):
            refused()
    with pytest.raises(ProvisioningError, match="write name@domain"):
        contacts.list("alice")


# -- what is announced


def test_each_change_is_an_edit_with_old_and_new_values(contacts: ContactService, memory: Memory) -> None:
    changes: list[ContactChange] = [
        AddGroup("General"),
        AddContact("General", "bob", 1, "Curly"),
        ModifyContact("General", "bob", nickname="Baldy"),
        ModifyContact("General", "bob", nickname="Baldy"),
        ModifyGroup("General", "Work"),
        AddContact("Work", "eve@example.org", display_on_phone=True),
        DeleteContact("Work", "bob"),
        DeleteGroup("Work"),
        DeleteGroup("Work"),
    ]
    assert all(it.done for it in contacts.apply(ALICE, changes))
    one = "1.0000000000"
    general, work = {"name": "General", "index": one}, {"name": "Work", "index": one}

    def bob(group: str, nickname: str) -> dict[str, object]:
        return {
            "group": group, "group-index": one, "member": "sip:bob@example.com", "index": one,
            "nickname": nickname, "display-on-phone": False, "local": True,
        }  # fmt: skip

    eve = {
        "group": "Work", "group-index": one, "member": "sip:eve@example.org", "index": "2.0000000000",
        "nickname": "", "display-on-phone": True, "local": False,
    }  # fmt: skip
    assert [(edit.topic, edit.payload()) for edit in memory.edits] == [
        ("contacts.group-added", {"new": general}),
        ("contacts.added", {"new": bob("General", "Curly")}),
        ("contacts.changed", {"old": bob("General", "Curly"), "new": bob("General", "Baldy")}),
        ("contacts.group-changed", {"old": general, "new": work}),
        ("contacts.added", {"new": eve}),
        ("contacts.deleted", {"old": bob("Work", "Baldy")}),
        ("contacts.deleted", {"old": eve}),
        ("contacts.group-deleted", {"old": work}),
    ]


# -- the printed examples of the Cisco Unified Presence guide

SOAP = "{urn:cisco:epas:soap}"
TEXTS = {
    DONE: "succeeded",
    FAILED: "failed",
    NO_CONTACT: "Contact does not exist in.",
    NO_GROUP: "The Contact Group does not exist.",
}


def changes_of(file: Path) -> list[ContactChange]:
    body = etree.parse(file).getroot()[-1][0]
    operation = body.tag.removeprefix(SOAP)
    changes: list[ContactChange] = []
    for group in body:
        name = group.get("name", "")
        for it in group if len(group) else [group]:
            index, nickname, phone = it.get("index"), it.get("nickname"), it.get("display-on-phone")
            member = it.text or ""
            match operation:
                case "add-group":
                    changes.append(AddGroup(name, index))
                case "modify-group":
                    changes.append(ModifyGroup(group.get("old-name"), group.get("new-name"), index))
                case "delete-group":
                    changes.append(DeleteGroup(name))
                case "add-contact":
                    changes.append(AddContact(name, member, index, nickname, phone))
                case "modify-contact":
                    changes.append(ModifyContact(name, member, index, nickname, phone))
                case "delete-contact":
                    changes.append(DeleteContact(name, member))
    return changes


def test_the_contact_story_of_the_guide_is_answered_as_printed(shared: Path) -> None:
    soap = shared / "reference" / "cup" / "soap"
    contacts = ContactService(Memory("soapuser1", "soapuser2", "soapuser3", "soapuser4", "soapuser5"))
    owner = "soapuser1@example.com"

    def play(request: str, response: str) -> None:
        outcomes = contacts.apply(owner, changes_of(soap / request))
        printed = [it.text for it in etree.parse(soap / response).iter(f"{SOAP}status")]
        assert [TEXTS[status(it)] for it in outcomes] == printed, request

    play("28-add-group.request.xml", "29-add-group.response.xml")
    play("30-modify-group.request.xml", "31-modify-group.response.xml")
    play("reconstructed/32-delete-group.request.xml", "33-delete-group.response.xml")
    play("34-add-contact.request.xml", "35-add-contact.response.xml")
    printed = etree.parse(soap / "27-get-contact-list.response.xml").getroot()
    listed = [
        [(group.name, trimmed(group.position))]
        + [(it.member[4:].partition("@")[0], trimmed(it.position), it.nickname) for it in members]
        for group, members in contacts.list(owner)
    ]
    assert listed == [
        [(group.get("name"), group.get("index"))]
        + [(it.text, it.get("index"), it.get("nickname")) for it in group]
        for group in printed.iter(f"{SOAP}group")
    ]
    on_phone = [it.display_on_phone for _, members in contacts.list(owner) for it in members]
    assert on_phone == [it.get("display-on-phone") == "true" for it in printed.iter(f"{SOAP}persona-id")]
    play("36-modify-contact.request.xml", "37-modify-contact.response.xml")
    play("38-delete-contact.request.xml", "39-delete-contact.response.xml")
