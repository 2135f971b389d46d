"""Which lists there are, for whom, and who is in them."""

from __future__ import annotations

import pytest

from presence.directory import Credentials, Directory, User
from presence.lists.book import BookGroup, ContactBook
from presence.lists.directory import ListDirectory, ListReference
from presence.lists.model import Member, ResourceList
from presence.lists.naming import ListNames
from sip.errors import BadRequest, EntityTooLarge, Forbidden, NotFound

ALICE, BOB, CAROL = (f"sip:{name}@example.com" for name in ("alice", "bob", "carol"))
ALL, WORK, FRIENDS = (
    f"sip:alice+contacts{end}@example.com" for end in ("", ".work", ".my%20friends")
)  # fmt: skip


@pytest.fixture
def book():
    book = ContactBook()
    book.load(
        [
            (
                ALICE,
                (
                    BookGroup("work", (CAROL, BOB), ("", "Bobby")),
                    BookGroup("", (BOB, "sip:eve@example.org")),
                    BookGroup("my friends", (ALICE,)),
                    BookGroup("empty"),
                ),
            )
        ]
    )
    return book


@pytest.fixture
def users():
    users = Directory(["example.com"])
    nothing = Credentials("", "", "", "")
    users.load(User(aor, "", 0.0, nothing, (f"{aor[:5]}@example.com",)) for aor in (ALICE, BOB, CAROL))
    return users


@pytest.fixture
def lists(book, users):
    return ListDirectory(book, users)


def contacts(book, *members: str) -> None:
    """Let alice have these in her default group and nothing else."""
    book.load([(ALICE, (BookGroup("", members),))])


def uris(found: ResourceList) -> list[str]:
    return [member.uri for member in found.members]


# -- contact lists


def test_the_list_of_a_user_has_the_members_of_all_groups_in_order_each_once(lists):
    assert lists.resolve(ALL, ALICE) == ResourceList(
        ALL,
        (
            Member(CAROL, CAROL),
            Member(BOB, BOB, "Bobby"),
            Member("sip:eve@example.org", "sip:eve@example.org"),
            Member(ALICE, ALICE),
        ),
        within={
            CAROL: (WORK, ALL),
            BOB: (WORK, "sip:alice+contacts.@example.com", ALL),
            "sip:eve@example.org": ("sip:alice+contacts.@example.com", ALL),
            ALICE: (FRIENDS, ALL),
        },
    )


def test_a_name_that_he_has_in_one_group_only_is_his_name_in_the_list_of_all(book, lists):
    groups = (
        BookGroup("a", (BOB,)),
        BookGroup("b", (BOB, CAROL), ("Bobby", "")),
        BookGroup("c", (BOB,), ("Rob",)),
    )
    book.load([(ALICE, groups)])
    assert lists.resolve(ALL, ALICE).members == (Member(BOB, BOB, "Bobby"), Member(CAROL, CAROL))
    assert lists.resolve("sip:alice+contacts.a@example.com", ALICE).members == (Member(BOB, BOB),)


def test_the_list_of_a_group_has_its_members_and_its_name(lists):
    assert lists.resolve(WORK, ALICE) == ResourceList(
        WORK,
        (Member(CAROL, CAROL), Member(BOB, BOB, "Bobby")),
        "work",
        within={CAROL: (WORK,), BOB: (WORK,)},
    )
    assert lists.resolve(FRIENDS, ALICE).name == "my friends"
    assert uris(lists.resolve("sip:alice+contacts.@example.com", ALICE)) == [BOB, "sip:eve@example.org"]
    assert uris(lists.resolve("sip:alice+contacts.empty@example.com", ALICE)) == []


def test_a_user_without_contacts_has_an_empty_list(lists):
    assert lists.resolve("sip:bob+contacts@example.com", BOB).members == ()
    assert lists.resolve("sip:bob+contacts.@example.com", BOB).members == ()


def test_a_contact_list_is_for_its_owner_only(lists):
    for aor in (ALL, WORK, "sip:alice+contacts.nothing@example.com"):
        with pytest.raises(Forbidden, match="A contact list is for its owner only"):
            lists.resolve(aor, BOB)


@pytest.mark.parametrize(
    ("aor", "why"),
    [
        ("sip:nobody+contacts@example.com", "There is no such list"),
        ("sip:alice+contacts@example.org", "There is no such list"),
        ("sip:alice+friends@example.com", "There is no such list"),
        (ALICE, "There is no such list"),
        ("sip:alice+contacts.nothing@example.com", "There is no such group of contacts"),
        ("sip:alice+contacts.Work@example.com", "There is no such group of contacts"),
    ],
)
def test_a_list_that_is_none_is_not_found(lists, aor, why):
    with pytest.raises(NotFound, match=why):
        lists.resolve(aor, ALICE)


def test_owner_and_watcher_may_go_by_an_alias(lists):
    assert lists.find("sip:a+contacts.work@example.com") == ListReference(ALICE, "work")
    assert uris(lists.resolve("sip:a+contacts.work@example.com", "sip:a@example.com")) == [CAROL, BOB]


def test_the_address_of_a_user_is_no_list_whatever_it_looks_like(lists, users):
    users.load([User(ALL, "", 0.0, Credentials("", "", "", ""))])
    assert lists.find(ALL) is None
    assert lists.find(f"sip:alice+contacts{'+contacts'}@example.com") == ListReference(ALL, None)


def test_the_pattern_is_a_setting(book, users):
    lists = ListDirectory(book, users, ListNames("{user}-buddies", "{user}-buddies-{group}"))
    assert len(lists.resolve("sip:alice-buddies@example.com", ALICE).members) == 4
    assert len(lists.resolve("sip:alice-buddies-work@example.com", ALICE).members) == 2
    assert lists.find(ALL) is None


def test_members_beyond_the_limit_are_left_out_and_counted(book, users):
    contacts(book, *(f"sip:u{number}@example.org" for number in range(7)))
    found = ListDirectory(book, users, limit=5).resolve(ALL, ALICE)
    assert uris(found) == [f"sip:u{number}@example.org" for number in range(5)]
    assert found.left_out == 2


# -- lists within lists


def test_a_list_within_a_list_is_unfolded_in_its_place(book, lists):
    book.load([(ALICE, (BookGroup("", (ALICE, WORK, CAROL)), BookGroup("work", (BOB, CAROL))))])
    assert uris(lists.resolve("sip:alice+contacts.@example.com", ALICE)) == [ALICE, BOB, CAROL]


def test_lists_that_contain_each_other_come_to_an_end(book, lists):
    contacts(book, ALL, "sip:alice+contacts.@example.com", BOB)
    assert uris(lists.resolve(ALL, ALICE)) == [BOB]
    assert uris(lists.enclosed("sip:rls@example.com", document(ALL), ALICE)) == [BOB]


def test_the_list_of_somebody_else_is_a_member_that_cannot_be_seen(book, lists):
    other = "sip:bob+contacts@example.com"
    contacts(book, other, CAROL)
    assert lists.resolve(ALL, ALICE).members == (Member(other, other, None, "rejected"), Member(CAROL, CAROL))


def test_a_group_that_is_gone_is_a_member_that_does_not_exist(book, lists):
    gone = "sip:alice+contacts.gone@example.com"
    contacts(book, gone)
    assert lists.resolve(ALL, ALICE).members == (Member(gone, gone, None, "noresource"),)


# -- lists in a SUBSCRIBE (RFC 5367)


def document(*uris: str, inner: str = "") -> bytes:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return (
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f"<list>{entries}{inner}</list></resource-lists>"
    ).encode()


RLS = "sip:rls@example.com"


def test_the_list_that_linphone_sends_is_served(users, shared):
    body = (shared / "captures" / "linphone-rls-SUBSCRIBE.body-inflated.xml").read_bytes()
    found = ListDirectory(ContactBook(), Directory(["sip.test"])).enclosed(
        "sip:rls@sip.test", body, "sip:alice@sip.test"
    )
    assert (found.uri, uris(found)) == ("sip:rls@sip.test", ["sip:bob@sip.test", "sip:carol@sip.test"])


def test_a_member_is_known_by_the_uri_that_was_sent_and_each_presentity_is_one(lists):
    body = document("sip:dave@EXAMPLE.com;x=1", "sips:dave@example.com", "pres:carol@example.com", CAROL, BOB)
    assert lists.enclosed(RLS, body, ALICE).members == (
        Member("sip:dave@EXAMPLE.com;x=1", "sip:dave@example.com"),
        Member("pres:carol@example.com", CAROL),
        Member(BOB, BOB),
    )


def test_an_alias_and_its_user_are_the_same_member(users):
    users.load([User(BOB, "", 0.0, Credentials("", "", "", ""), ("sip:robert@example.com",))])
    found = ListDirectory(ContactBook(), users).enclosed(RLS, document("sip:robert@example.com", BOB), ALICE)
    assert found.members == (Member("sip:robert@example.com", BOB),)


def test_names_of_list_and_entries_are_kept(lists):
    name, entry = "<display-name>{}</display-name>", '<entry uri="{}">{}</entry>'
    body = document(inner=name.format("Close friends") + entry.format(BOB, name.format("Bob")))
    assert lists.enclosed(RLS, body, ALICE) == ResourceList(
        RLS, (Member(BOB, BOB, "Bob"),), "Close friends", within={BOB: (RLS,)}
    )


def test_entries_of_inner_lists_count_and_references_elsewhere_are_left_out(lists):
    inner = (
        f'<list><entry uri="{CAROL}"/><entry-ref ref="a/b"/></list><external anchor="http://example.com/x"/>'
    )
    assert uris(lists.enclosed(RLS, document(BOB, inner=inner), ALICE)) == [BOB, CAROL]


def test_what_cannot_be_subscribed_to_is_a_member_that_does_not_exist(lists):
    body = document("tel:+12015550123", "http://example.com/", "http://example.com/", "sip:", BOB)
    assert [(it.uri, it.refused) for it in lists.enclosed(RLS, body, ALICE).members] == [
        ("tel:+12015550123", "noresource"),
        ("http://example.com/", "noresource"),
        ("sip:", "noresource"),
        (BOB, None),
    ]


def test_an_own_contact_list_may_be_an_entry(lists):
    assert uris(lists.enclosed(RLS, document(WORK, BOB), ALICE)) == [CAROL, BOB]


def test_a_list_with_more_members_than_allowed_is_refused(book, users):
    lists = ListDirectory(book, users, limit=2)
    assert len(lists.enclosed(RLS, document(ALICE, BOB, BOB, ALICE), ALICE).members) == 2
    with pytest.raises(EntityTooLarge, match="resource-lists: more than 2 members"):
        lists.enclosed(RLS, document(ALICE, BOB, CAROL), ALICE)


@pytest.mark.parametrize("body", [b"", b"alice", b"<list/>", document("no uri at all")])
def test_a_body_that_is_no_resource_list_is_refused(lists, body):
    with pytest.raises(BadRequest, match=r"^400 resource-lists: "):
        lists.enclosed(RLS, body, ALICE)
