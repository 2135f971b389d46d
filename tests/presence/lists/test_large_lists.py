"""Lists that no datagram holds (RFC 4662 §4.5), by the whole server: told in parts where there is no TCP."""

from __future__ import annotations

from typing import Any

import pytest

from presence.lists.subscription import RETRY
from sip.message import Request, Response
from tests.presence.house import TRUSTED, House, requests
from tests.presence.lists.list_phones import CONTACTS_OF_ALICE, Phone, Told, contacts, told
from tests.presence.watchers import ALICE, BOB, Watcher, pidf

MEMBERS = [f"sip:friend{number}@sip.test" for number in range(300)]


@pytest.fixture
def house() -> House:
    """Alice has 300 contacts, and is at a place that can be reached by datagrams only."""
    return large_house()


def large_house(**settings: Any) -> House:
    house = House(("alice", "bob", *(it[4:].partition("@")[0] for it in MEMBERS)), **settings)
    contacts(house, *MEMBERS)
    house.network.unreachable.add(TRUSTED)
    return house


class SlowPhone(Phone):
    """A phone that answers when it is told to."""

    slow = False

    def subscribe(self, *headers: str, **options: Any) -> Response:
        self.slow = True
        response = super().subscribe(*headers, **options)
        self.slow = False
        return response

    def answer(self, status: int = 200) -> None:
        if not self.slow:
            super().answer(status)


def subscribe(house: House) -> SlowPhone:
    phone = SlowPhone(house, ALICE, CONTACTS_OF_ALICE)
    assert phone.subscribe().status == 200
    return phone


def everything(phone: Phone) -> list[Told]:
    """What comes, each acknowledged before the next, until there is silence."""
    found = []
    while notify := following(phone):
        found.append(told(notify))
        phone.answer()
    return found


def following(phone: Watcher) -> Request | None:
    """The next NOTIFY, which is not answered yet."""
    for _ in range(10):
        phone.house.after(0.02)
    news = phone.notifies[phone._seen :]
    assert len(news) <= 1, "the next one waits for the answer"
    phone._seen += len(news)
    return news[0] if news else None


def test_all_are_named_first_and_told_after_that(house: House) -> None:
    parts = everything(subscribe(house))
    assert [it.list.full for it in parts] == [True] + [False] * (len(parts) - 1)
    assert [it.list.version for it in parts] == list(range(len(parts)))
    assert [it.uri for it in parts[0].list.resources] == MEMBERS
    assert sorted(uri for it in parts for uri in it.documents) == sorted(MEMBERS)
    assert len(parts) > 2


def test_where_there_is_tcp_it_is_one(house: House) -> None:
    house.network.unreachable.clear()
    phone = subscribe(house)
    (notify,) = requests(house.network.at(TRUSTED, phone.flow.remote[1], "TCP"), "NOTIFY")
    assert sorted(told(notify).documents) == sorted(MEMBERS)
    assert phone.news() == []


def test_a_change_is_one_notify_as_ever(house: House) -> None:
    phone = subscribe(house)
    everything(phone)
    house.publish(MEMBERS[7], pidf("open"))
    assert phone.hears().basic == {MEMBERS[7]: "open"}


def test_a_refresh_tells_all_again(house: House) -> None:
    phone = subscribe(house)
    everything(phone)
    assert phone.subscribe().status == 200
    full, *rest = everything(phone)
    assert full.list.full
    assert sorted(uri for it in (full, *rest) for uri in it.documents) == sorted(MEMBERS)


def test_the_entity_tag_is_that_of_the_state_only_when_all_has_been_told(house: House) -> None:
    # RFC 5839 §6: else a refresh in the middle would be answered 204, and the rest never be told.
    phone = subscribe(house)
    first = following(phone)
    assert first is not None
    phone.answer()
    in_the_middle = first.get("SIP-ETag")
    assert phone.subscribe(f"Suppress-If-Match: {in_the_middle}").status == 200
    everything(phone)
    at_the_end = phone.notifies[-1].get("SIP-ETag")
    assert at_the_end != in_the_middle
    assert phone.subscribe(f"Suppress-If-Match: {at_the_end}").status == 204


def test_a_phone_that_answers_513_gets_parts(house: House) -> None:
    house.network.unreachable.clear()
    phone = subscribe(house)
    tcp = house.network.at(TRUSTED, phone.flow.remote[1], "TCP")
    (notify,) = requests(tcp, "NOTIFY")
    house.receive(Response.answering(notify, 513, to_tag="theirs").render(), tcp)
    parts = everything(phone)
    assert sorted(uri for it in parts for uri in it.documents) == sorted(MEMBERS)


@pytest.mark.parametrize("how", ["closed", "silent"])
def test_a_phone_whose_tcp_leads_nowhere_gets_parts_with_versions_that_go_on(house: House, how: str) -> None:
    # It may have read version 0 there, and would throw another one away (§5.6.1).
    house.network.unreachable.clear()
    phone = subscribe(house)
    tcp = house.network.at(TRUSTED, phone.flow.remote[1], "TCP")
    (notify,) = requests(tcp, "NOTIFY")
    assert told(notify).list.version == 0
    if how == "closed":
        tcp.lose()
    else:
        house.after(31.9)
        assert phone.notifies == []
        house.after(0.2)
    parts = everything(phone)
    assert [it.list.version for it in parts] == list(range(1, len(parts) + 1))
    assert sorted(uri for it in parts for uri in it.documents) == sorted(MEMBERS)


def test_the_least_interval_of_the_server_holds_for_the_parts_too() -> None:
    # RFC 6446 §5.2, §5.4: as for any other NOTIFY.
    phone = subscribe(large_house(min_notify_interval=10))
    moments = []
    for _ in range(350):
        phone.house.after(0.1)
        for notify in phone.notifies[phone._seen :]:
            phone._seen += 1
            moments.append(phone.house.parts.timers.now)
            phone.house.respond(notify, flow=phone.flow)
    assert moments[:3] == pytest.approx([0.1, 10.1, 20.2], abs=0.15)


@pytest.mark.parametrize("part", [2, 3], ids=["in the middle", "the last"])
def test_all_is_told_again_when_a_part_is_refused(house: House, part: int) -> None:
    """Members of whom nothing was told would stay unknown until they change."""
    phone = subscribe(house)
    for _ in range(part - 1):
        following(phone)
        phone.answer()
    assert following(phone) is not None
    phone.answer(500)
    assert following(phone) is None, "not at once"
    house.after(RETRY)
    parts = everything(phone)
    assert [it.list.full for it in parts] == [True] + [False] * (len(parts) - 1)
    assert sorted(uri for it in parts for uri in it.documents) == sorted(MEMBERS)
    house.after(2 * RETRY)
    assert following(phone) is None


def test_nothing_is_told_again_to_a_phone_that_has_no_such_subscription(house: House) -> None:
    phone = subscribe(house)
    following(phone)
    phone.answer()
    following(phone)
    phone.answer(481)
    before = len(phone.notifies)
    house.after(2 * RETRY)
    assert len(phone.notifies) == before


def test_names_that_no_datagram_holds_end_the_subscription(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.network.unreachable.add(TRUSTED)
    contacts(house, *(f"sip:{'x' * 200}{number}@sip.test" for number in range(300)))
    phone = subscribe(house)
    last = following(phone)
    assert last is not None
    assert last.get("Subscription-State") == "terminated;reason=probation;retry-after=600"
    assert {it.partition(" ")[0] for it in told(last).states.values()} == {"terminated"}
    (why,) = [it for it in caplog.records if it.getMessage() == "notify.too-large"]
    assert vars(why)["reason"] == (
        f"Too large for a datagram, and by a connection: cannot connect to {TRUSTED}"
    )
    phone.answer()
    house.after(60)
    assert following(phone) is None


def test_a_document_that_no_datagram_holds_ends_the_subscription_to_it() -> None:
    house = House()
    house.network.unreachable.add(TRUSTED)
    watcher = Watcher(house, BOB, ALICE)
    watcher.subscribe()
    watcher.news()
    # Several publications, each of a size that is taken.
    for number in range(3):
        house.publish(ALICE, pidf("open", note="x" * 20_000).replace(b'id="t"', b'id="t%d"' % number))
        last = following(watcher)
        assert last is not None
        watcher.answer()
    assert last.get("Subscription-State") == "terminated;reason=probation;retry-after=600"
    assert b"xxx" not in last.body
