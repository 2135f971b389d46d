"""Contacts in the database, their entries in the outbox, and the contact book that follows it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from presence.lists.book import BookGroup, ContactBook
from presence.provisioning.contacts import (
    AddContact,
    AddGroup,
    Contact,
    ContactService,
    DeleteContact,
    DeleteGroup,
    Group,
    ModifyContact,
    ModifyGroup,
    Status,
)
from presence.provisioning.users import UserService
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import Database
from presence.storage.models import Outbox
from presence.storage.rows import read_changes
from presence.storage.users import SqlUserRepository

ALICE, BOB, CAROL = (f"sip:{name}@example.com" for name in ("alice", "bob", "carol"))


@pytest.fixture
def users(database: Database) -> UserService:
    users = UserService(SqlUserRepository(database), ["example.com"])
    for name in ("alice", "bob", "carol"):
        users.add(f"{name}@example.com", "x", aliases=[name[0]])
    return users


@pytest.fixture
def contacts(database: Database, users: UserService) -> ContactService:
    return ContactService(SqlContactRepository(database), ["example.com"])


def news(database: Database) -> list[tuple[str, str, dict[str, object]]]:
    """(topic, key, payload) of what the outbox says of contacts."""
    with database.reading() as connection:
        rows = connection.execute(select(Outbox.topic, Outbox.key, Outbox.payload).order_by(Outbox.id))
        return [(it.topic, it.key, json.loads(it.payload)) for it in rows if it.topic[:9] == "contacts."]


def book_of(database: Database) -> ContactBook:
    book = ContactBook()
    with database.snapshot() as snapshot:
        book.load(snapshot.contacts())
    return book


def test_what_was_set_is_read_back_exactly(contacts: ContactService) -> None:
    contacts.apply(
        ALICE,
        [
            AddGroup("a friend's \N{SNOWMAN}", "-33.3"),
            AddGroup("far", "999999999999999999.9999999999"),
            AddContact("far", "bob", "0.0000000001", "Bob \N{SNOWMAN}", True),
            AddContact("far", "eve@example.org"),
            AddContact("", "carol"),
        ],
    )
    assert contacts.list(ALICE) == (
        (Group("a friend's \N{SNOWMAN}", Decimal("-33.3")), ()),
        (Group("", Decimal(0)), (Contact(CAROL, Decimal(1)),)),
        (
            Group("far", Decimal("999999999999999999.9999999999")),
            (
                Contact(BOB, Decimal("0.0000000001"), "Bob \N{SNOWMAN}", True),
                Contact("sip:eve@example.org", Decimal("1.0000000001"), local=False),
            ),
        ),
    )


def test_positions_sort_as_numbers_and_ties_by_insertion(contacts: ContactService) -> None:
    contacts.apply(
        ALICE, [AddGroup(name, index) for name, index in zip("abcde", (10, 9, -1, -2, 9), strict=True)]
    )
    contacts.apply(ALICE, [AddContact("a", name, 3) for name in ("carol", "bob", "alice")])
    contacts.apply(ALICE, [ModifyContact("a", "carol", nickname="C")])
    listed = contacts.list(ALICE)
    assert [group.name for group, _ in listed] == ["d", "c", "", "b", "e", "a"]
    assert [it.member for it in listed[-1][1]] == [CAROL, BOB, ALICE]


def test_changes_of_one_request_see_each_other_and_a_refused_one_undoes_none(
    contacts: ContactService,
) -> None:
    outcomes = contacts.apply(
        ALICE,
        [
            AddGroup("work"),
            AddContact("work", "bob"),
            ModifyGroup("work", "office"),
            AddContact("work", "carol"),
            AddContact("office", "nobody"),
            AddContact("office", "c"),
            AddGroup("work"),
            AddContact("work", "bob"),
            DeleteGroup("office"),
            ModifyGroup("work", "office", "7"),
            DeleteContact("office", "carol"),
        ],
    )
    done, no_group, no_contact = Status.DONE, Status.NO_GROUP, Status.NO_CONTACT
    assert [it.status for it in outcomes] == [
        done, done, done, no_group, no_contact, done, done, done, done, done, no_contact,
    ]  # fmt: skip
    assert contacts.list(ALICE) == (
        (Group("", Decimal(0)), ()),
        (Group("office", Decimal(7)), (Contact(BOB, Decimal(1)),)),
    )


def test_the_default_group_can_be_moved_before_it_has_a_contact_and_after(contacts: ContactService) -> None:
    contacts.modify_group(ALICE, "", index=-200)
    contacts.add_contact(ALICE, "", "bob")
    contacts.modify_group(ALICE, "", index=5)
    assert contacts.list(ALICE) == ((Group("", Decimal(5)), (Contact(BOB, Decimal(1)),)),)
    assert contacts.list(BOB) == ((Group("", Decimal(0)), ()),)


def test_an_owner_may_be_named_by_an_alias(contacts: ContactService, database: Database) -> None:
    contacts.add_contact("a@example.com", "", "bob")
    assert contacts.list("a@example.com") == contacts.list(ALICE)
    assert [key for _, key, _ in news(database)] == [ALICE]


def test_a_request_may_name_more_people_than_a_statement_may_have_variables(
    contacts: ContactService,
) -> None:
    changes = [AddContact("", f"user{number}@example.org") for number in range(1200)]
    assert all(it.done for it in contacts.apply(ALICE, [*changes, AddContact("", "bob")]))
    assert len(contacts.list(ALICE)[0][1]) == 1201


def test_every_change_leaves_its_entry_with_old_and_new_values(
    contacts: ContactService, database: Database
) -> None:
    contacts.add_group(ALICE, "General")
    contacts.add_contact(ALICE, "General", "bob", nickname="Curly")
    contacts.modify_contact(ALICE, "General", "bob", nickname="Baldy")
    contacts.modify_group(ALICE, "General", "Work")
    contacts.delete_group(ALICE, "Work")
    one = "1.0000000000"
    general, work = {"name": "General", "index": one}, {"name": "Work", "index": one}
    bob = {
        "group": "General", "group-index": one, "member": BOB, "index": one,
        "nickname": "Curly", "display-on-phone": False, "local": True,
    }  # fmt: skip
    baldy = bob | {"nickname": "Baldy"}
    assert news(database) == [
        ("contacts.group-added", ALICE, {"new": general}),
        ("contacts.added", ALICE, {"new": bob}),
        ("contacts.changed", ALICE, {"old": bob, "new": baldy}),
        ("contacts.group-changed", ALICE, {"old": general, "new": work}),
        ("contacts.deleted", ALICE, {"old": baldy | {"group": "Work"}}),
        ("contacts.group-deleted", ALICE, {"old": work}),
    ]


def test_what_is_refused_or_changes_nothing_announces_nothing(
    contacts: ContactService, database: Database
) -> None:
    contacts.apply(
        ALICE,
        [
            AddGroup(""),
            DeleteGroup("x"),
            ModifyContact("", "bob"),
            ModifyGroup("", index=0),
            AddContact("", "x"),
        ],
    )
    assert news(database) == []


def test_deleting_a_user_deletes_his_contacts_and_him_from_nobody_elses_lists(
    contacts: ContactService, users: UserService, database: Database
) -> None:
    contacts.apply(ALICE, [AddGroup("work"), AddContact("work", "bob"), AddContact("", "carol")])
    contacts.add_contact(BOB, "", "alice")
    users.delete("alice@example.com")
    with database.reading() as connection:
        counts = [
            connection.execute(text(f"SELECT count(*) FROM {it}")).scalar()
            for it in ("contact_group", "contact")
        ]
    assert counts == [1, 1]
    assert [it.member for it in contacts.list(BOB)[0][1]] == [ALICE]


def test_the_book_is_loaded_from_a_snapshot_in_order(contacts: ContactService, database: Database) -> None:
    contacts.apply(
        ALICE,
        [AddGroup("work", -1), AddContact("", "bob", 9), AddContact("", "carol", 10, "C"), AddGroup("empty")],
    )
    book = book_of(database)
    assert book.groups(ALICE) == (
        BookGroup("work"),
        BookGroup("", (BOB, CAROL), ("", "C")),
        BookGroup("empty"),
    )
    assert (book.groups(BOB), len(book)) == ((), 2)


def test_the_book_follows_the_outbox_and_names_each_owner_once(
    contacts: ContactService, users: UserService, database: Database
) -> None:
    book = book_of(database)
    told: list[str] = []
    book.on_change.append(told.append)
    with database.snapshot() as snapshot:
        position = snapshot.outbox_position
    contacts.apply(ALICE, [AddGroup("work"), AddContact("work", "bob"), AddContact("work", "carol")])
    contacts.add_contact(BOB, "", "alice")
    contacts.delete_contact(ALICE, "work", "bob")
    users.set_password("alice@example.com", "y")
    with database.reading() as connection:
        changes = read_changes(connection, position, 100)
    book.apply(changes)
    assert told == [ALICE, BOB]
    assert book.groups(ALICE) == (BookGroup("work", (CAROL,)),)
    assert book.groups(BOB) == (BookGroup("", (ALICE,)),)
    book.apply(changes)
    assert book.groups(ALICE) == (BookGroup("work", (CAROL,)),)


def test_the_book_forgets_a_deleted_user_also_when_his_address_is_given_to_another(
    contacts: ContactService, users: UserService, database: Database
) -> None:
    contacts.add_contact(ALICE, "", "bob")
    book = book_of(database)
    with database.snapshot() as snapshot:
        position = snapshot.outbox_position
    users.delete("alice@example.com")
    users.add("alice@example.com", "x")
    told: list[str] = []
    book.on_change.append(told.append)
    with database.reading() as connection:
        book.apply(read_changes(connection, position, 100))
    assert (book.groups(ALICE), told) == ((), [ALICE])
