"""A restart makes no list of what was none, nor the reverse, whoever went or came (RFC 4662 §4.5)."""

from __future__ import annotations

from tests.presence.house import House
from tests.presence.lists.list_phones import CONTACTS_OF_ALICE, Phone, contacts, told
from tests.presence.watchers import ALICE, BOB

USERS = ("alice", "bob", "carol", "dave")
LOOKS_LIKE_A_LIST = "alice+contacts"


def restarted(house: House, phone: Phone, *users: str) -> None:
    """Another server with `users` goes on with what was stored."""
    again = House(users)
    again.journal.rows = house.journal.rows
    contacts(again, BOB)
    phone.house, phone.flow = again, again.network.at(*phone.flow.remote)
    phone._seen = 0
    again.parts.restore(again.journal.load, now=0.0, wall=again.wall())
    again.after(1.0)


def test_one_to_a_user_who_was_deleted_ends_as_what_it_was() -> None:
    house = House((*USERS, LOOKS_LIKE_A_LIST))
    phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
    phone.subscribe()
    assert phone.news()[0].get("Content-Type") == "application/pidf+xml"
    restarted(house, phone, *USERS)
    (last,) = phone.news()
    assert last.get("Subscription-State") == "terminated;reason=noresource"
    assert (last.get("Content-Type"), last.get("Require")) == ("application/pidf+xml", None)


def test_one_to_a_list_whose_address_is_that_of_a_user_now_ends_as_what_it_was() -> None:
    house = House(USERS)
    contacts(house, BOB)
    phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
    phone.subscribe()
    phone.told()
    restarted(house, phone, *USERS, LOOKS_LIKE_A_LIST)
    (last,) = phone.news()
    assert last.get("Subscription-State") == "terminated;reason=deactivated"
    assert last.get("Require") == "eventlist"
    assert told(last).list.resources == ()


def test_a_row_of_a_version_that_did_not_write_it_is_judged_by_what_there_is() -> None:
    house = House(USERS)
    contacts(house, BOB)
    phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
    phone.subscribe()
    phone.told()
    ((key, row),) = ((key, row) for key, row in house.journal.rows.items() if key[0] == "subscription")
    house.journal.rows[key] = (*row[:23], None, None, None, None)
    restarted(house, phone, *USERS)
    (news,) = phone.news()
    assert set(told(news).states) == {BOB}
