"""List subscriptions (RFC 4662) by the whole server: full state, then what changed, over a restart too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from presence.documents.multipart import parse_multipart
from presence.documents.rlmi import parse_rlmi
from tests.presence.house import TRUSTED, House
from tests.presence.lists.list_phones import (
    CONTACTS_OF_ALICE,
    LISTS,
    WINDOW,
    WORK,
    Phone,
    contacts,
    enclosed,
    restarted,
    subscribed,
    told,
)
from tests.presence.schemas import check
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, pidf, rule, set_rules


class TestSubscribing:
    def test_a_list_is_answered_with_require_eventlist_and_told_in_full(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        response = phone.subscribe()
        assert (response.status, response.get("Require"), response.get("Expires")) == (
            200,
            "eventlist",
            "600",
        )
        (notify,) = phone.news()
        assert notify.get("Subscription-State") == "active;expires=600"
        assert notify.get("Event") == "presence"
        news = told(notify)
        assert (news.list.uri, news.list.version, news.list.full) == (CONTACTS_OF_ALICE, 0, True)
        assert news.states == {BOB: "active", CAROL: "active"}
        assert news.basic == {BOB: "open", CAROL: "closed"}

    def test_its_documents_are_those_that_a_subscription_to_one_would_get(
        self, house: House, shared: Path
    ) -> None:
        _, first = subscribed(house)
        assert first.documents[BOB] == house.document(BOB, ALICE)
        check(shared, first.documents[BOB])

    def test_without_eventlist_the_answer_is_421(self, house: House) -> None:
        response = Phone(house, ALICE, CONTACTS_OF_ALICE).subscribe(supported=False)
        assert (response.status, response.get("Require")) == (421, "eventlist")
        assert house.journal.load("subscription") == []

    def test_somebody_elses_list_is_refused(self, house: House) -> None:
        response = Phone(house, BOB, CONTACTS_OF_ALICE).subscribe()
        assert (response.status, response.reason) == (403, "A contact list is for its owner only")

    def test_a_group_that_there_is_not_is_not_found(self, house: House) -> None:
        response = Phone(house, ALICE, WORK).subscribe()
        assert (response.status, response.reason) == (404, "There is no such group of contacts")
        assert len(house.parts.lists) == 0

    def test_a_group_is_a_list_of_its_own(self, house: House) -> None:
        contacts(house, BOB, work=[CAROL])
        _, first = subscribed(house, WORK)
        assert first.states == {CAROL: "active"}

    def test_an_empty_list_is_a_list(self, house: House) -> None:
        contacts(house)
        phone, first = subscribed(house)
        assert (first.list.full, first.list.resources) == (True, ())
        contacts(house, BOB)
        assert phone.hears().states == {BOB: "active"}

    def test_a_phone_that_takes_none_of_the_types_is_told_those_there_are(self, house: House) -> None:
        response = Phone(house, ALICE, CONTACTS_OF_ALICE).subscribe("Accept: text/plain")
        assert response.status == 406
        assert "multipart/related" in response.values("Accept")

    def test_one_look_gets_the_full_state_in_the_last_notify(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.subscribe(expires=0).status == 200
        (notify,) = phone.news()
        assert notify.get("Subscription-State") == "terminated;reason=timeout"
        assert told(notify).states == {BOB: "active", CAROL: "active"}
        assert len(house.parts.lists) == 0

    def test_options_names_what_lists_need(self, house: House) -> None:
        answer = house.ask(
            f"""
            OPTIONS sip:sip.test SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKo
            Max-Forwards: 70
            From: <{ALICE}>;tag=1
            To: <sip:sip.test>
            Call-ID: o
            CSeq: 1 OPTIONS
            """
        )
        assert {"eventlist", "recipient-list-subscribe"} <= set(answer.values("Supported"))


class TestChanges:
    def test_a_change_tells_the_one_who_changed_and_the_version_rises_by_one(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(CAROL, pidf("open"))
        news = phone.hears()
        assert (news.list.full, news.list.version) == (False, 1)
        assert news.basic == {CAROL: "open"}
        house.publish(CAROL, pidf("closed", "gone"))
        assert phone.hears().list.version == 2

    def test_changes_within_the_window_are_one_notify(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(BOB, pidf("closed", "out"))
        house.after(WINDOW / 2)
        house.publish(CAROL, pidf("open"))
        assert phone.told() == []
        house.after(WINDOW / 2)
        (news,) = phone.told()
        assert set(news.states) == {BOB, CAROL}
        phone.hears_nothing()

    def test_no_window_is_no_wait(self) -> None:
        house = House(list_window=0)
        contacts(house, BOB)
        phone, _ = subscribed(house)
        house.publish(BOB, pidf("open"))
        (news,) = phone.told()
        assert news.basic == {BOB: "open"}

    def test_who_is_in_no_list_costs_no_list_anything(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(DAVE, pidf("open"))
        phone.hears_nothing()

    def test_a_change_that_shows_nothing_new_is_not_told(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.parts.notifier.changed("presence", BOB)
        phone.hears_nothing()

    def test_after_a_subscribe_the_full_state_comes_at_once(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(CAROL, pidf("open"))
        assert phone.subscribe().status == 200
        (news,) = phone.told()
        assert (news.list.full, news.list.version) == (True, 1)
        assert news.basic == {BOB: "open", CAROL: "open"}
        phone.hears_nothing()

    def test_what_changes_while_a_notify_is_under_way_is_told_when_it_is_answered(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(BOB, pidf("closed", "one"))
        house.after(WINDOW)
        house.publish(CAROL, pidf("open"))
        house.after(WINDOW)
        assert len(phone.notifies) == 2
        one, other = phone.told()
        assert (set(one.states), set(other.states)) == ({BOB}, {CAROL})
        assert (one.list.version, other.list.version) == (1, 2)

    def test_after_a_notify_that_was_refused_everything_is_told_again(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(BOB, pidf("closed", "one"))
        house.after(WINDOW)
        phone.answer(500)
        phone._seen += 1
        house.publish(CAROL, pidf("open"))
        news = phone.hears()
        assert (news.list.full, news.list.version) == (True, 2)
        assert set(news.states) == {BOB, CAROL}

    def test_max_rate_holds_for_all_members_together(self, house: House) -> None:
        phone = self._paced(house)
        house.publish(BOB, pidf("closed", "one"))
        house.after(1)
        house.publish(CAROL, pidf("open"))
        house.after(8)
        assert phone.told() == []
        house.after(2)
        (news,) = phone.told()
        assert set(news.states) == {BOB, CAROL}

    def _paced(self, house: House) -> Phone:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.cseq += 1
        port = phone.flow.remote[1]
        answer = house.ask(
            f"""
            SUBSCRIBE {phone.whom} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:{port};branch=z9hG4bKpaced
            Max-Forwards: 70
            From: <{phone.who}>;tag=1
            To: <{phone.whom}>
            Call-ID: paced
            CSeq: 1 SUBSCRIBE
            Contact: <sip:w@{TRUSTED}:{port}>
            Event: presence;max-rate=0.1
            Expires: 600
            Supported: eventlist
            """,
            phone.flow,
        )
        assert answer.status == 200
        assert len(phone.told()) == 1
        return phone

    def test_who_has_the_state_already_is_not_told_again(self, house: House) -> None:
        phone, _ = subscribed(house)
        etag = phone.notifies[-1].get("SIP-ETag")
        response = phone.subscribe(f"Suppress-If-Match: {etag}")
        assert (response.status, response.get("Require")) == (204, "eventlist")
        assert phone.told() == []
        house.publish(CAROL, pidf("open"))
        assert phone.hears().list.version == 1

    def test_the_entity_tag_is_of_the_states_of_the_members_too(self, house: House) -> None:
        phone, _ = subscribed(house)
        etag = phone.notifies[-1].get("SIP-ETag")
        set_rules(house, rule("a", ALICE, "block"), owner=BOB)
        assert phone.subscribe(f"Suppress-If-Match: {etag}").status == 200
        (news,) = phone.told()
        assert news.states == {BOB: "terminated rejected", CAROL: "active"}
        assert phone.notifies[-1].get("SIP-ETag") != etag

    def test_what_changed_alone_has_the_entity_tag_of_the_whole(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(CAROL, pidf("open"))
        assert not phone.hears().list.full
        etag = phone.notifies[-1].get("SIP-ETag")
        assert phone.subscribe().status == 200
        assert phone.told()[-1].list.full
        assert phone.notifies[-1].get("SIP-ETag") == etag

    def test_after_the_end_nothing_is_held(self, house: House) -> None:
        phone, _ = subscribed(house)
        phone.subscribe(expires=0)
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=timeout"
        assert told(last).list.full
        house.publish(CAROL, pidf("open"))
        phone.hears_nothing()
        assert len(house.parts.lists) == 0
        assert house.parts.lists.through("presence", CAROL) == []


def test_what_lists_are_called_is_a_setting() -> None:
    house = House(list_uri="{user}-friends", group_list_uri="{user}-friends-{group}")
    contacts(house, BOB, work=(CAROL,))
    _, everybody = subscribed(house, "sip:alice-friends@sip.test")
    _, group = subscribed(house, "sip:alice-friends-work@sip.test")
    assert ([*everybody.states], [*group.states]) == ([BOB, CAROL], [CAROL])
    assert Phone(house, ALICE, CONTACTS_OF_ALICE).subscribe().status == 404


class TestRestart:
    @pytest.mark.parametrize("clean", [True, False])
    def test_a_list_goes_on_with_full_state_and_a_higher_version(self, house: House, clean: bool) -> None:
        phone, _ = subscribed(house)
        house.publish(CAROL, pidf("open"))
        assert phone.hears().list.version == 1
        again = restarted(house, phone, clean=clean)
        (news,) = phone.told()
        # RFC 4662 §5.6.1: a document whose version is not higher would be thrown away.
        assert news.list.version == 2 if clean else news.list.version > 2
        assert news.list.full
        assert set(news.states) == {BOB, CAROL}
        version = news.list.version
        again.publish(BOB, pidf("open"))
        news = phone.hears()
        assert (news.list.full, news.list.version) == (False, version + 1)

    def test_a_list_in_the_request_is_known_again(self, house: House) -> None:
        phone = Phone(house, ALICE, ALICE)
        phone.subscribe(LISTS, body=enclosed(BOB))
        phone.told()
        restarted(house, phone)
        (news,) = phone.told()
        assert set(news.states) == {BOB}

    def test_a_group_that_went_meanwhile_ends_its_subscription(self, house: House) -> None:
        contacts(house, work=[BOB])
        phone, _ = subscribed(house, WORK)
        house.parts.contacts.load([(ALICE, ())])
        restarted(house, phone)
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=deactivated"
        ended = told(last)
        assert (ended.list.uri, ended.list.full, ended.list.resources) == (WORK, True, ())
        assert ended.list.version > 0


class TestSize:
    MEMBERS = tuple(f"sip:user{number}@sip.test" for number in range(500))

    @pytest.fixture
    def crowd(self) -> House:
        house = House(["alice", *(uri[4:].partition("@")[0] for uri in self.MEMBERS)])
        contacts(house, *self.MEMBERS)
        return house

    def test_what_no_datagram_holds_goes_over_tcp(self, crowd: House) -> None:
        phone = Phone(crowd, ALICE, CONTACTS_OF_ALICE)
        phone.subscribe(answer=200)
        assert phone.notifies == []
        stream = crowd.network.at(TRUSTED, phone.flow.remote[1], "TCP")
        phone.flow = stream
        (first,) = phone.told()
        assert len(first.documents) == 500
        crowd.publish(self.MEMBERS[7], pidf("open"))
        phone.flow = crowd.network.at(TRUSTED, stream.remote[1])
        crowd.after(WINDOW)
        assert told(phone.notifies[-1]).basic == {self.MEMBERS[7]: "open"}, (
            "small ones take the datagram again"
        )

    def test_a_list_of_sixty_is_one_datagram(self, crowd: House) -> None:
        contacts(crowd, *self.MEMBERS[:60])
        _, first = subscribed(crowd)
        assert len(first.documents) == 60

    def test_a_list_of_twenty_takes_a_few_milliseconds(self, crowd: House) -> None:
        contacts(crowd, *self.MEMBERS[:20])
        subscribed(crowd)
        began = time.process_time()
        for _ in range(10):
            Phone(crowd, ALICE, CONTACTS_OF_ALICE).subscribe()
        # Both ends of the subscription, and of the NOTIFY, are in it; far from the limit, for slow machines.
        assert (time.process_time() - began) / 10 < 0.05


def test_the_list_notify_that_cisco_prints_is_what_its_subscriber_gets(shared: Path) -> None:
    """Example 3 of the interface guide: a look at a list, answered with full state in the last NOTIFY."""
    folder = shared / "reference" / "cup" / "sip"
    if not folder.is_dir():
        pytest.skip(f"no examples at {folder}")
    data = (folder / "03-notify-list.sip").read_bytes()
    head, _, body = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    printed_type = next(
        line.partition(b":")[2].strip() for line in head.split(b"\r\n") if line.startswith(b"Content-Type:")
    ).decode()
    printed = parse_multipart(printed_type, body)
    scalars = ["sip:scalar1@cisco.com", "sip:scalar2@cisco.com"]
    house = House(("publisher", "scalar1", "scalar2"), domain=("cisco.com",))
    for uri, part in zip(scalars, printed.parts[1:], strict=True):
        house.publish(uri, part.body)
    phone = Phone(house, "sip:publisher@cisco.com", "sip:publisher@cisco.com")
    phone.subscribe("Require: recipient-list-subscribe", LISTS, body=enclosed(*scalars), expires=0)
    (notify,) = phone.news()
    assert notify.get("Subscription-State") == "terminated;reason=timeout"
    news, theirs = told(notify), parse_rlmi(printed.root.body)
    assert (news.list.uri, news.list.version, news.list.full) == (theirs.uri, theirs.version, theirs.full)
    assert [resource.uri for resource in news.list.resources] == [it.uri for it in theirs.resources]
    assert news.states == dict.fromkeys(scalars, "active")
    for part in parse_multipart(notify.get("Content-Type") or "", notify.body).parts:
        assert part.headers == ()
        assert part.content_id
    assert notify.body.count(b"Content-Transfer-Encoding: binary\r\n") == 3
    for uri in scalars:
        check(shared, news.documents[uri])
        assert b"available" in news.documents[uri]
