"""List subscriptions (RFC 4662, RFC 5367) by the whole server: bytes in, bytes out."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from presence.directory import USER_ADDED, USER_CHANGED, USER_DELETED, Change, Credentials, User
from presence.documents.multipart import Part as BodyPart
from presence.documents.multipart import parse_multipart, render_related
from presence.documents.resource_lists import ResourceList, entry, render_resource_lists
from presence.documents.rlmi import ListInformation, parse_rlmi
from presence.lists.book import CONTACTS, BookGroup
from sip.message import Request, Response
from tests.presence.house import PASSWORD, TRUSTED, House
from tests.presence.packages.watching import Watching
from tests.presence.schemas import check
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, Watcher, pidf, rule, set_rules
from tests.sip.usage.fakes import WALL

CONTACTS_OF_ALICE = "sip:alice+contacts@sip.test"
WORK = "sip:alice+contacts.work@sip.test"
WINDOW = 0.3
LISTS = "Content-Type: application/resource-lists+xml"
FILTER = """<?xml version="1.0"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings><ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings>
  <filter id="1" uri="sip:bob@sip.test"><what>
    <exclude type="namespace">urn:ietf:params:xml:ns:pidf:rpid</exclude>
  </what></filter>
</filter-set>"""


FILTERS = f"{FILTER[: FILTER.index('<filter id')]}{{}}</filter-set>"
KEEPS_MOOD = "<what><exclude>/presence/nothing</exclude></what>"


def filter_of(uri: str) -> bytes:
    """For `uri`: leaves all but the mood."""
    return FILTER.replace(BOB, uri).encode()


class Told(NamedTuple):
    """One NOTIFY of a list, taken apart."""

    list: ListInformation
    documents: dict[str, bytes]
    """By the URI of the resource."""

    @property
    def states(self) -> dict[str, str]:
        """Of each resource that is named: its state, with the reason when terminated."""
        return {
            resource.uri: " ".join(filter(None, (it.state, it.reason)))
            for resource in self.list.resources
            for it in resource.instances
        }

    @property
    def moods(self) -> set[str]:
        """Who shows one."""
        return {uri for uri, document in self.documents.items() if b"mood" in document}

    @property
    def basic(self) -> dict[str, str]:
        """Of each resource with a document: open or closed."""
        return {
            uri: "open" if b"<basic>open</basic>" in document else "closed"
            for uri, document in self.documents.items()
        }


def told(notify: Request) -> Told:
    """What a NOTIFY tells, checked for what holds in all of them."""
    assert notify.get("Require") == "eventlist"
    body = parse_multipart(notify.get("Content-Type") or "", notify.body)
    assert body.media_type.full == "multipart/related"
    assert body.media_type.params["type"] == "application/rlmi+xml"
    assert body.root is body.parts[0]
    information = parse_rlmi(body.root.body)
    documents = {}
    for resource in information.resources:
        for instance in resource.instances:
            assert (instance.cid is not None) is (instance.state == "active")
            if instance.cid is not None:
                part = body.part(instance.cid)
                assert part is not None
                documents[resource.uri] = part.body
    assert len(documents) == len(body.parts) - 1, "every part is somebody's document"
    return Told(information, documents)


class Phone(Watcher):
    """A phone that subscribes to a list."""

    def subscribe(
        self, *headers: str, body: bytes = b"", expires: int = 600, answer: int = 200, supported: bool = True
    ) -> Response:
        headers = (*headers, "Supported: eventlist") if supported else headers
        return super().subscribe(*headers, body=body, expires=expires, answer=answer)

    def told(self) -> list[Told]:
        """The NOTIFYs since the last look."""
        return [told(notify) for notify in self.news()]

    def hears(self) -> Told:
        """The one NOTIFY that came when changes had gathered."""
        # The clock of the timers has ticks: a moment more, for all roundings.
        self.house.after(WINDOW + 0.02)
        (news,) = self.told()
        return news

    def hears_nothing(self) -> None:
        self.house.after(10 * WINDOW)
        assert self.told() == []


def contacts(house: House, *members: str, owner: str = ALICE, **groups: Iterable[str]) -> None:
    """The outbox tells that the contacts of `owner` are these: in the default group, and in others."""
    named = [BookGroup(name, tuple(group)) for name, group in groups.items()]
    current = (*([BookGroup("", members)] if members else []), *named)
    house.parts.apply([Change(1, WALL, f"{CONTACTS}added", owner, {}, current=current)])
    house.settle()


def subscribed(house: House, uri: str = CONTACTS_OF_ALICE, who: str = ALICE) -> tuple[Phone, Told]:
    """A phone with its first NOTIFY."""
    phone = Phone(house, who, uri)
    response = phone.subscribe()
    assert response.status == 200, response.start_line
    (first,) = phone.told()
    return phone, first


def enclosed(*uris: str) -> bytes:
    return render_resource_lists((ResourceList(items=tuple(map(entry, uris))),))


def user(aor: str, *aliases: str) -> User:
    return User(aor, "", WALL, Credentials.of(aor, PASSWORD), aliases)


@pytest.fixture
def house() -> House:
    """Alice has bob and carol in her list; bob is there."""
    house = House()
    contacts(house, BOB, CAROL)
    house.publish(BOB, pidf("open", mood="happy"))
    return house


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


class TestMembers:
    def test_each_is_judged_by_his_own_rules(self, house: House) -> None:
        contacts(house, BOB, CAROL, DAVE)
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        set_rules(house, rule("a", ALICE, "block"), owner=DAVE)
        _, first = subscribed(house)
        assert first.states == {BOB: "active", CAROL: "pending", DAVE: "terminated rejected"}
        assert set(first.documents) == {BOB}

    def test_who_allows_it_appears_and_who_forbids_it_goes(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        phone, _ = subscribed(house)
        set_rules(house, rule("a", ALICE, "allow"), owner=CAROL)
        assert phone.hears().states == {CAROL: "active"}
        set_rules(house, rule("a", ALICE, "block"), owner=BOB)
        assert phone.hears().states == {BOB: "terminated rejected"}
        house.publish(BOB, pidf("closed", "secret"))
        phone.hears_nothing()

    def test_a_polite_refusal_cannot_be_told_from_somebody_who_is_not_there(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "polite-block"), owner=BOB)
        phone, first = subscribed(house)
        assert first.basic == {BOB: "closed", CAROL: "closed"}
        house.publish(BOB, pidf("closed", "secret"))
        phone.hears_nothing()

    def test_who_refuses_politely_and_then_allows_it_appears_and_goes_when_he_is_deleted(self) -> None:
        house = House(default_policy_local="polite-block")
        contacts(house, BOB, CAROL)
        house.publish(BOB, pidf("open"))
        phone, first = subscribed(house)
        assert first.basic == {BOB: "closed", CAROL: "closed"}
        set_rules(house, rule("a", ALICE, "allow"), owner=BOB)
        assert phone.hears().basic == {BOB: "open"}
        set_rules(house, rule("a", ALICE, "confirm"), owner=CAROL)
        assert phone.hears().states == {CAROL: "pending"}
        set_rules(house, owner=CAROL)
        assert phone.hears().states == {CAROL: "active"}
        house.parts.apply([Change(1, WALL, USER_DELETED, CAROL, {})])
        assert phone.hears().states == {CAROL: "terminated noresource"}

    def test_of_nobody_and_of_people_elsewhere_no_state_can_be_had(self, house: House) -> None:
        contacts(house, BOB, "sip:nobody@sip.test", "sip:eve@elsewhere.test")
        _, first = subscribed(house)
        assert first.states == {
            BOB: "active",
            "sip:nobody@sip.test": "terminated noresource",
            "sip:eve@elsewhere.test": "terminated noresource",
        }

    def test_a_user_who_is_deleted_and_comes_again_goes_and_appears(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.parts.apply([Change(1, WALL, USER_DELETED, BOB, {})])
        assert phone.hears().states == {BOB: "terminated noresource"}
        house.parts.apply([Change(2, WALL, USER_ADDED, BOB, {}, user(BOB))])
        news = phone.hears()
        assert (news.states, news.basic) == ({BOB: "active"}, {BOB: "closed"})

    def test_an_address_that_becomes_an_alias_shows_its_user(self, house: House) -> None:
        contacts(house, "sip:bobby@sip.test")
        phone, first = subscribed(house)
        assert first.states == {"sip:bobby@sip.test": "terminated noresource"}
        house.parts.apply([Change(1, WALL, USER_CHANGED, BOB, {}, user(BOB, "sip:bobby@sip.test"))])
        assert phone.hears().basic == {"sip:bobby@sip.test": "open"}

    def test_a_contact_that_is_added_appears_and_one_that_is_removed_goes(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.publish(DAVE, pidf("open"))
        contacts(house, BOB, DAVE)
        news = phone.hears()
        assert not news.list.full
        assert news.states == {DAVE: "active", CAROL: "terminated noresource"}
        house.publish(CAROL, pidf("open"))
        phone.hears_nothing()
        house.publish(DAVE, pidf("closed", "busy"))
        assert phone.hears().states == {DAVE: "active"}

    def test_a_group_that_is_deleted_ends_its_subscription_with_nobody_in_it(self, house: House) -> None:
        contacts(house, work=[BOB])
        phone, _ = subscribed(house, WORK)
        contacts(house, CAROL)
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=noresource"
        assert told(last).states == {BOB: "terminated noresource"}
        assert len(house.parts.lists) == 0

    def test_the_contacts_of_others_change_nothing(self, house: House) -> None:
        phone, _ = subscribed(house)
        contacts(house, DAVE, owner=BOB)
        phone.hears_nothing()

    def test_an_owner_who_is_deleted_hears_of_nobody_any_more(self, house: House) -> None:
        phone, _ = subscribed(house)
        house.parts.apply([Change(1, WALL, USER_DELETED, ALICE, {})])
        house.settle()
        (last,) = phone.news()
        assert last.get("Subscription-State") == "terminated;reason=rejected"
        assert told(last).documents == {}

    def test_a_list_within_a_list_is_unfolded_and_cycles_are_cut(self, house: House) -> None:
        contacts(house, BOB, WORK, work=[CAROL, CONTACTS_OF_ALICE])
        phone, first = subscribed(house)
        assert list(first.states) == [BOB, CAROL]
        contacts(house, BOB, WORK, work=[DAVE, CONTACTS_OF_ALICE])
        assert phone.hears().states == {DAVE: "active", CAROL: "terminated noresource"}


class TestListsInTheRequest:
    """RFC 5367."""

    def subscribed(self, house: House, body: bytes, uri: str = "sip:rls@sip.test") -> tuple[Phone, Told]:
        phone = Phone(house, ALICE, uri)
        response = phone.subscribe("Require: recipient-list-subscribe", LISTS, body=body)
        assert (response.status, response.get("Require")) == (200, "eventlist")
        (first,) = phone.told()
        return phone, first

    def test_the_members_are_those_of_the_body(self, house: House) -> None:
        phone, first = self.subscribed(house, enclosed(BOB, DAVE))
        assert first.list.uri == "sip:rls@sip.test"
        assert first.basic == {BOB: "open", DAVE: "closed"}
        house.publish(DAVE, pidf("open"))
        assert phone.hears().basic == {DAVE: "open"}

    def test_a_deflated_body_is_read(self, house: House) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        body = zlib.compress(enclosed(BOB))
        phone.subscribe("Require: recipient-list-subscribe", LISTS, "Content-Encoding: deflate", body=body)
        (first,) = phone.told()
        assert first.states == {BOB: "active"}

    def test_who_says_not_who_he_is_is_challenged_and_nothing_is_subscribed(self, house: House) -> None:
        stranger = house.network.at("198.51.100.9")
        answer = house.ask(
            f"""
            SUBSCRIBE sip:rls@sip.test SIP/2.0
            Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKx
            Max-Forwards: 70
            From: <{ALICE}>;tag=1
            To: <sip:rls@sip.test>
            Call-ID: stranger
            CSeq: 1 SUBSCRIBE
            Contact: <sip:x@198.51.100.9>
            Event: presence
            Supported: eventlist
            Require: recipient-list-subscribe
            {LISTS}
            """,
            stranger,
            enclosed(BOB),
        )
        assert answer.status == 401
        assert len(house.parts.lists) == 0

    def test_whoever_is_in_the_list_decides_whether_he_is_seen(self, house: House) -> None:
        set_rules(house, rule("a", ALICE, "block"), owner=BOB)
        _, first = self.subscribed(house, enclosed(BOB, CAROL))
        assert first.states == {BOB: "terminated rejected", CAROL: "active"}

    def test_the_address_of_a_user_stays_that_of_a_list(self, house: House) -> None:
        phone, _ = self.subscribed(house, enclosed(BOB), uri=ALICE)
        house.publish(ALICE, pidf("open"))
        set_rules(house, rule("nobody", ALICE, "block"), owner=ALICE)
        phone.hears_nothing()
        house.publish(BOB, pidf("closed"))
        assert phone.hears().states == {BOB: "active"}

    def test_a_subscription_to_one_user_does_not_become_one_to_a_list(self, house: House) -> None:
        phone = Phone(house, ALICE, BOB)
        assert phone.subscribe().status == 200
        assert phone.subscribe(LISTS, body=enclosed(BOB, CAROL)).status == 415
        house.publish(BOB, pidf("closed", "away"))
        assert phone.subscribe().status == 200
        assert {notify.get("Content-Type") for notify in phone.news()} == {"application/pidf+xml"}

    def test_a_package_without_lists_says_so(self) -> None:
        world, supported = Watching(), "Supported: eventlist"
        lines = (supported, "Require: recipient-list-subscribe", LISTS)
        answer = world.subscribe(
            "presence.winfo", BOB, ALICE, more="\n".join(lines), body=enclosed(BOB)
        ).answer
        assert (answer.status, answer.reason, answer.get("Unsupported")) == (
            420,
            "There are no lists for presence.winfo",
            "recipient-list-subscribe",
        )
        answer = world.subscribe("presence.winfo", CONTACTS_OF_ALICE, ALICE, more=supported).answer
        assert (answer.status, answer.reason) == (404, "There are no lists for presence.winfo")

    def test_what_is_required_and_not_there_is_a_bad_request(self, house: House) -> None:
        for uri in (BOB, CONTACTS_OF_ALICE, "sip:rls@sip.test"):
            response = Phone(house, ALICE, uri).subscribe("Require: recipient-list-subscribe")
            assert (response.status, response.reason) == (
                400,
                "recipient-list-subscribe without a list in the body",
            )

    def test_without_eventlist_the_answer_is_421(self, house: House) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        response = phone.subscribe(LISTS, body=enclosed(BOB), supported=False)
        assert response.status == 421

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"<resource-lists", 400),
            (b"<rules/>", 400),
            (enclosed(*(f"sip:u{number}@sip.test" for number in range(501))), 413),
        ],
    )
    def test_a_list_that_cannot_be_read_or_is_too_long_changes_nothing(
        self, house: House, body: bytes, status: int
    ) -> None:
        assert Phone(house, ALICE, "sip:rls@sip.test").subscribe(LISTS, body=body).status == status
        assert (len(house.parts.lists), house.journal.load("subscription")) == (0, [])

    def test_another_list_within_the_dialog_is_refused(self, house: House) -> None:
        phone, _ = self.subscribed(house, enclosed(BOB))
        assert phone.subscribe(LISTS, body=enclosed(CAROL)).status == 415
        assert phone.subscribe(LISTS, body=enclosed(BOB)).status == 200
        assert phone.told()[-1].states == {BOB: "active"}

    def test_contacts_in_the_list_follow_their_changes(self, house: House) -> None:
        phone, first = self.subscribed(house, enclosed(DAVE, CONTACTS_OF_ALICE))
        assert list(first.states) == [DAVE, BOB, CAROL]
        contacts(house, BOB)
        assert phone.hears().states == {CAROL: "terminated noresource"}


def test_what_lists_are_called_is_a_setting() -> None:
    house = House(list_uri="{user}-friends", group_list_uri="{user}-friends-{group}")
    contacts(house, BOB, work=(CAROL,))
    _, everybody = subscribed(house, "sip:alice-friends@sip.test")
    _, group = subscribed(house, "sip:alice-friends-work@sip.test")
    assert ([*everybody.states], [*group.states]) == ([BOB, CAROL], [CAROL])
    assert Phone(house, ALICE, CONTACTS_OF_ALICE).subscribe().status == 404


class TestFilters:
    """The package of the members reads them; each member is asked on his own."""

    def test_a_filter_holds_for_the_member_that_it_names(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(FILTER.encode())
        (first,) = phone.told()
        assert [b"mood" in first.documents[uri] for uri in (BOB, CAROL)] == [False, True]

    def test_it_comes_with_a_list_in_a_multipart_and_survives_a_restart(self, house: House) -> None:
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB)),
                BodyPart("application/simple-filter+xml", FILTER.encode()),
            )
        )
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        phone.subscribe(f"Content-Type: {content_type}", body=body)
        (first,) = phone.told()
        assert b"mood" not in first.documents[BOB]
        again = restarted(house, phone)
        again.publish(BOB, pidf("closed", mood="sad"))
        assert all(b"mood" not in news.documents[BOB] for news in phone.told())

    def test_a_filter_may_come_later_and_stays_when_it_is_refused(self, house: House) -> None:
        phone, first = subscribed(house)
        assert b"mood" in first.documents[BOB]
        assert phone.filter(FILTER.encode()).status == 200
        assert b"mood" not in phone.told()[-1].documents[BOB]
        assert phone.filter(b"<filter-set").status == 400
        assert phone.subscribe().status == 200
        assert b"mood" not in phone.told()[-1].documents[BOB]

    def test_all_members_have_the_same_filter_understood_once(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)

        def filters() -> list[object]:
            (view,) = house.parts.lists._views.values()
            return [member.view.filter for member in view._members.values()]  # type: ignore[union-attr]

        phone.filter(FILTER.encode())
        bobs, carols = filters()
        assert bobs is carols is not None
        phone.filter(FILTER.replace("bob", "carol").encode())
        after, carols = filters()
        assert after is carols is not bobs

    def test_a_filter_for_a_domain_holds_for_each_member_of_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(FILTER.replace('uri="sip:bob@sip.test"', 'domain="sip.test"').encode())
        (first,) = phone.told()
        assert [b"mood" in first.documents[uri] for uri in (BOB, CAROL)] == [False, False]

    def test_two_filters_for_one_member_are_refused(self, house: House) -> None:
        second = FILTER[FILTER.index("<filter id") : FILTER.index("</filter-set>")].replace('"1"', '"2"')
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        answer = phone.filter(FILTER.replace("</filter-set>", f"{second}</filter-set>").encode())
        assert (answer.status, answer.reason) == (
            488,
            "Filter: sip:bob@sip.test has two filters, the second is 2",
        )

    @pytest.mark.parametrize("named", ["the list", "another name of the list", "pres"])
    def test_a_filter_that_names_the_list_holds_for_each_member(self, house: House, named: str) -> None:
        """RFC 4660 §4.1: as one that names nobody."""
        house.parts.directory.load([user(ALICE, "sip:al@sip.test")])
        uri = {
            "the list": CONTACTS_OF_ALICE,
            "another name of the list": "sip:al+contacts@sip.test",
            "pres": "pres:alice+contacts@sip.test",
        }[named]
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(uri)).status == 200
        (first,) = phone.told()
        assert first.moods == set()

    def test_a_filter_that_names_the_uri_of_a_list_in_the_subscribe_holds_for_each_member(
        self, house: House
    ) -> None:
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB)),
                BodyPart("application/simple-filter+xml", filter_of("sip:rls@sip.test")),
            )
        )
        assert phone.subscribe(f"Content-Type: {content_type}", body=body).status == 200
        (first,) = phone.told()
        assert first.moods == set()

    def test_a_filter_that_names_a_group_holds_for_those_in_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        contacts(house, BOB, CAROL, work=(BOB,))
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(WORK)).status == 200
        (first,) = phone.told()
        assert first.moods == {CAROL}
        contacts(house, BOB, CAROL, work=(CAROL,))
        assert phone.hears().moods == {BOB}
        house.publish(CAROL, pidf("open", mood="happy"))
        assert phone.hears().moods == set()

    def test_a_filter_that_names_a_list_within_the_list_holds_for_those_in_it(self, house: House) -> None:
        house.publish(CAROL, pidf("open", mood="sad"))
        phone = Phone(house, ALICE, "sip:rls@sip.test")
        contacts(house, work=(CAROL,))
        content_type, body = render_related(
            (
                BodyPart("application/resource-lists+xml", enclosed(BOB, CONTACTS_OF_ALICE)),
                BodyPart("application/simple-filter+xml", filter_of(CONTACTS_OF_ALICE)),
            )
        )
        assert phone.subscribe(f"Content-Type: {content_type}", body=body).status == 200
        (first,) = phone.told()
        assert first.moods == {BOB}

    @pytest.mark.parametrize(
        "filters",
        [
            (f'uri="{CONTACTS_OF_ALICE}"', 'domain="sip.test"'),
            (f'uri="{BOB}"', f'uri="{CONTACTS_OF_ALICE}"'),
            (f'uri="{WORK}"', f'uri="{CONTACTS_OF_ALICE}"'),
            ('domain="sip.test"', ""),
            (f'uri="{BOB}"', 'domain="sip.test"'),
        ],
        ids=["list before domain", "resource before list", "inner before outer", "domain before none", "rfc"],
    )
    def test_the_nearest_filter_holds_alone(self, house: House, filters: tuple[str, str]) -> None:
        """The first keeps the mood, the second takes it away."""
        contacts(house, CAROL, work=(BOB,))
        for order in (filters, filters[::-1]):
            keeps = {
                filters[0]: KEEPS_MOOD,
                filters[1]: FILTER[FILTER.index("<what>") : FILTER.index("</filter>")],
            }
            body = "".join(
                f'<filter id="{number}" {address}>{keeps[address]}</filter>'
                for number, address in enumerate(order)
            )
            phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
            assert phone.filter(FILTERS.format(body).encode()).status == 200
            (first,) = phone.told()
            assert first.moods == {BOB}

    def test_a_trigger_of_the_list_holds_for_each_member(self, house: House) -> None:
        trigger = "<trigger><changed>/presence/tuple/status/basic</changed></trigger>"
        tag = house.publish(ALICE, pidf("open"))
        contacts(house, ALICE)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        body = FILTERS.format(f'<filter id="1" uri="{CONTACTS_OF_ALICE}">{trigger}</filter>')
        assert phone.filter(body.encode()).status == 200
        phone.told()
        tag = house.modify(tag, "application/pidf+xml", pidf("open", mood="sad"))
        phone.hears_nothing()
        house.modify(tag, "application/pidf+xml", pidf("closed", mood="sad"))
        assert phone.hears().basic == {ALICE: "closed"}

    def test_the_filter_of_a_list_comes_by_a_refresh_and_is_replaced_and_removed(self, house: House) -> None:
        phone, first = subscribed(house)
        assert first.moods == {BOB}
        for filters, moods in (
            (filter_of(CONTACTS_OF_ALICE), set()),
            (filter_of(CONTACTS_OF_ALICE).replace(b"+contacts@", b"+contacts.none@"), {BOB}),
            (filter_of(CONTACTS_OF_ALICE), set()),
            (FILTERS.format('<filter id="1" enabled="false"/>').encode(), {BOB}),
            (FILTERS.format('<filter id="1" enabled="true"/>').encode(), set()),
            (FILTERS.format('<filter id="1" remove="true"/>').encode(), {BOB}),
        ):
            assert phone.filter(filters).status == 200
            assert phone.told()[-1].moods == moods

    def test_the_filter_of_a_list_outlives_a_restart(self, house: House) -> None:
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        phone.filter(filter_of(CONTACTS_OF_ALICE))
        phone.told()
        again = restarted(house, phone)
        again.publish(BOB, pidf("closed", mood="sad"))
        news = phone.told()
        assert news
        assert all(it.moods == set() for it in news)

    @pytest.mark.parametrize("filtered", [BOB, "sip:bobby@sip.test"])
    @pytest.mark.parametrize("listed", [BOB, "sip:bobby@sip.test"])
    def test_a_member_and_the_filter_for_him_may_have_another_of_his_names(
        self, house: House, listed: str, filtered: str
    ) -> None:
        house.parts.directory.load([user(BOB, "sip:bobby@sip.test")])
        contacts(house, listed)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.filter(filter_of(filtered)).status == 200
        (first,) = phone.told()
        assert listed in first.documents
        assert first.moods == set()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (f'uri="{BOB}"', 'uri="sip:bobby@sip.test"'),
            (f'uri="{CONTACTS_OF_ALICE}"', 'uri="sip:al+contacts@sip.test"'),
            (f'uri="{CONTACTS_OF_ALICE}"', ""),
        ],
        ids=["an alias", "a list by an alias of its owner", "the list and what was subscribed to"],
    )
    @pytest.mark.parametrize("later", [False, True])
    def test_two_filters_for_the_same_by_two_names_are_refused(
        self, house: House, one: str, other: str, later: bool
    ) -> None:
        house.parts.directory.load([user(BOB, "sip:bobby@sip.test"), user(ALICE, "sip:al@sip.test")])
        first, second = (
            f'<filter id="{number}" {address}>{KEEPS_MOOD}</filter>'
            for number, address in enumerate((one, other))
        )
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        if later:
            assert phone.filter(FILTERS.format(first).encode()).status == 200
            answer = phone.filter(FILTERS.format(second).encode())
        else:
            answer = phone.filter(FILTERS.format(first + second).encode())
        meant = BOB if "bob" in one else CONTACTS_OF_ALICE
        assert (answer.status, answer.reason) == (488, f"Filter: {meant} has two filters, the second is 1")

    def test_what_is_no_filter_is_refused_though_nobody_is_in_the_list(self, house: House) -> None:
        contacts(house)
        phone = Phone(house, ALICE, CONTACTS_OF_ALICE)
        assert phone.subscribe("Content-Type: text/plain", body=b"hello").status == 415


def restarted(house: House, *phones: Phone, clean: bool = False) -> House:
    """Another server goes on with what was stored; the phones talk to that one."""
    if clean:
        house.journal.write(house.parts.notifier.settle(), lambda error: None)
        house.journal.settle()
    again = House()
    again.journal.rows = house.journal.rows
    again.parts.contacts.load([(ALICE, house.parts.contacts.groups(ALICE))])
    for phone in phones:
        phone.house, phone.flow = again, again.network.at(*phone.flow.remote)
        phone._seen = 0
    again.parts.restore(again.journal.load, now=0.0, wall=again.wall())
    again.after(1.0)
    return again


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
