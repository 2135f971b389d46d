"""The contact book in memory."""

from __future__ import annotations

import tracemalloc

from presence.directory import Change
from presence.lists.book import BookGroup, ContactBook

ALICE = "sip:alice@example.com"


def test_a_hundred_thousand_contacts_need_less_than_ten_megabytes():
    def group(owner: int) -> BookGroup:
        # Made anew for every owner, as they come from a database.
        members = tuple(f"sip:user{(owner * 7 + number) % 1000}@example.com" for number in range(50))
        return BookGroup("", members, tuple(f"n{number}" if number % 10 == 0 else "" for number in range(50)))

    tracemalloc.start()
    book = ContactBook()
    book.load((f"sip:user{owner}@example.com", (group(owner), group(owner + 1))) for owner in range(1000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(book) == 100_000
    assert size < 10_000_000


def test_nicknames_are_kept_only_where_there_is_one():
    book = ContactBook()
    book.load([(ALICE, (BookGroup("", ("sip:b@h",), ("",)), BookGroup("x", ("sip:b@h",), ("B",))))])
    assert book.groups(ALICE) == (BookGroup("", ("sip:b@h",)), BookGroup("x", ("sip:b@h",), ("B",)))


def test_other_news_are_left_alone():
    book = ContactBook()
    told: list[str] = []
    book.on_change.append(told.append)
    book.load([(ALICE, (BookGroup("", ("sip:b@h",)),))])
    book.apply([Change(1, 0.0, "user.changed", ALICE, {}), Change(2, 0.0, "user.deleted", "sip:x@h", {})])
    assert (len(book), told) == (1, [])


def test_an_owner_whose_last_contact_went_is_forgotten():
    book = ContactBook()
    book.load([(ALICE, (BookGroup("", ("sip:b@h",)),))])
    told: list[str] = []
    book.on_change.append(told.append)
    book.apply([Change(1, 0.0, "contacts.deleted", ALICE, {})])
    assert (book.groups(ALICE), told) == ((), [ALICE])
