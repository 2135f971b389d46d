"""The presence package: what publications and registrations make watchers see, and when they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pytest

from presence.composition import EVERYTHING, Component, Compose, Composed
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xsd import date_time
from presence.packages.presence import PresencePackage, PresenceSettings
from presence.policy.model import EVERYTHING_ALLOWED
from presence.policy.restriction import Restriction
from presence.policy.view import ALLOW_ALL
from presence.policy.view import View as PolicyView
from sip.errors import BadRequest, EntityTooLarge, Forbidden, UnsupportedMediaType
from sip.headers import MediaType
from sip.timers import TimerWheel
from sip.usage.notifier import Authorization, Body, EventPackage
from sip.usage.publication import Publication, PublicationPackage, What

WALL = 1795320000.0
ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"
PIDF = MediaType.parse("application/pidf+xml")
OPEN = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:elsewhere@192.0.2.1">'
    b'<tuple id="t"><status><basic>open</basic></status></tuple></presence>'
)
CLOSED = OPEN.replace(b"open", b"closed")


@dataclass
class View:
    aor: str = ALICE
    watcher: str = BOB
    content_type: str = "application/pidf+xml"
    package: str = "presence"
    accept: tuple[str, ...] = ()


class Published:
    def __init__(self, parsed: object) -> None:
        self.id, self.source, self.published_at, self._parsed = "0001", "phone", 0.0, parsed
        self.is_let_go = False

    @property
    def parsed(self) -> object:
        self.is_let_go = False
        return self._parsed

    def let_go(self) -> None:
        self.is_let_go = True


class House:
    """One package with its surroundings."""

    def __init__(self, settings: PresenceSettings | None = None, **more: Any) -> None:
        self.published: dict[str, list[Published]] = {}
        self.registered: set[str] = set()
        self.announced: list[str] = []
        self.timers = TimerWheel()
        self.offset = 0.0
        self.package = PresencePackage(
            on_change=self.announced.append,
            publications=lambda aor: self.published.get(aor, []),
            is_registered=self.registered.__contains__,
            timers=self.timers,
            wall=lambda: WALL + self.offset + self.timers.now,
            settings=settings,
            **more,
        )

    def set_clock(self, offset: float) -> None:
        self.offset = offset

    def publish(self, body: bytes, what: What = "initial") -> None:
        self.published[ALICE] = [Published(self.package.parse(ALICE, PIDF, body))]
        self.tell(what)

    def remove(self) -> None:
        del self.published[ALICE]
        self.tell("remove")

    def tell(self, what: What) -> None:
        (published,) = self.published.get(ALICE) or (None,)
        self.package.changed(ALICE, cast(Publication, published), what)

    def seen(self, aor: str = ALICE) -> bytes:
        return self.package.document(View(aor), 0.0).data


def test_it_is_a_package_of_both_usages() -> None:
    package = House().package
    for_publications: PublicationPackage = package
    for_watchers: EventPackage = package
    assert for_publications.name == for_watchers.name == "presence"
    assert package.accept == package.content_types == ("application/pidf+xml", "application/pidf-diff+xml")


def test_a_watcher_sees_what_is_published_under_the_aor() -> None:
    house = House()
    house.publish(OPEN)
    assert b'entity="sip:alice@example.com"' in house.seen()
    assert b"<basic>open</basic>" in house.seen()
    assert house.announced == [ALICE]


def test_a_hundred_watchers_share_the_same_bytes() -> None:
    house = House()
    house.publish(OPEN)
    bodies = [house.package.document(View(watcher=f"sip:w{n}@example.com"), float(n)) for n in range(100)]
    assert all(body is bodies[0] for body in bodies)


def test_a_refresh_tells_nobody() -> None:
    house = House()
    house.publish(OPEN)
    house.tell("refresh")
    assert house.announced == [ALICE]


def test_parts_are_kept_of_those_who_were_looked_at_last_and_documents_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("presence.packages.presence._MOST_RECENT", 2)
    house = House()
    house.publish(OPEN)
    before = house.seen()
    house.seen("sip:carol@example.com")
    assert not house.published[ALICE][0].is_let_go
    house.seen("sip:dave@example.com")
    assert house.published[ALICE][0].is_let_go
    assert house.seen() is before


def test_of_a_single_publication_no_parts_are_kept_when_it_changes() -> None:
    house = House()
    house.publish(OPEN)
    assert house.published[ALICE][0].is_let_go
    house.seen()
    # Whoever was asked about lately may be again.
    house.publish(CLOSED, "modify")
    assert not house.published[ALICE][0].is_let_go


def test_a_moment_that_comes_while_the_journal_writes_keeps_the_next_one() -> None:
    house = House()
    published = Published(house.package.parse(ALICE, PIDF, meeting(0.002, 100.0)))
    house.timers.advance(1.5)
    house.published[ALICE] = [published]
    house.tell("initial")
    assert b"meeting" in house.package.document(View(), WALL + 1.5).data
    before = len(house.announced)
    house.timers.advance(101.0)
    assert len(house.announced) == before + 1
    assert b"meeting" not in house.package.document(View(), WALL + 102.5).data


def test_of_several_publications_parts_are_kept_for_the_next_change_of_one() -> None:
    house = House()
    parse = partial(house.package.parse, ALICE, PIDF)
    house.published[ALICE] = [Published(parse(OPEN)), Published(parse(CLOSED))]
    house.package.changed(ALICE, cast(Publication, house.published[ALICE][1]), "initial")
    assert not any(published.is_let_go for published in house.published[ALICE])


def test_another_phone_is_another_state_even_when_parts_were_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence.packages.presence._MOST_RECENT", 1)
    house = House(PresenceSettings(priorities={"desk": 1.0}))
    house.publish(OPEN)
    before = house.seen()
    house.seen("sip:carol@example.com")
    house.tell("refresh")
    assert (house.announced, house.seen() is before) == ([ALICE], True)
    house.published[ALICE].append(Published(house.package.parse(ALICE, PIDF, CLOSED)))
    house.published[ALICE][1].id, house.published[ALICE][1].source = "0002", "desk"
    house.seen("sip:dave@example.com")
    house.package.changed(ALICE, cast(Publication, house.published[ALICE][1]), "modify")
    assert house.announced == [ALICE, ALICE]


def test_nothing_is_made_ready_for_whom_nobody_asks_any_more() -> None:
    house = House()
    house.publish(OPEN)
    house.seen()
    house.publish(CLOSED, "modify")
    house.publish(OPEN, "modify")
    assert not house.package._memories
    assert house.announced == [ALICE, ALICE, ALICE]


def test_times_in_a_stored_document_do_not_wait() -> None:
    package = House().package
    assert package.may_wait(OPEN)
    assert package.may_wait(OPEN.replace(b"</tuple>", b"<note>Not from here until ten</note></tuple>"))
    assert not package.may_wait(OPEN.replace(b"<tuple", b"<tuple until='2030-01-01T00:00:00Z'"))
    assert not package.may_wait(b'<?xml version="1.0" encoding="UTF-7"?>' + OPEN)
    assert not package.may_wait(OPEN.decode().encode("utf-16"))


def test_the_same_document_published_again_tells_nobody_who_has_seen_it() -> None:
    house = House()
    house.publish(OPEN)
    before = house.seen()
    house.publish(OPEN, "modify")
    assert house.announced == [ALICE]
    assert house.seen() is before


def test_another_document_is_announced_and_seen() -> None:
    house = House()
    house.publish(OPEN)
    house.seen()
    house.publish(CLOSED, "modify")
    assert house.announced == [ALICE, ALICE]
    assert b"<basic>closed</basic>" in house.seen()


def test_what_was_removed_or_expired_is_closed() -> None:
    house = House()
    house.publish(OPEN)
    house.seen()
    house.remove()
    assert house.announced == [ALICE, ALICE]
    assert b"<basic>closed</basic>" in house.seen()


def test_who_is_registered_and_publishes_nothing_is_open() -> None:
    house = House()
    assert b"<basic>closed</basic>" in house.seen()
    house.registered.add(ALICE)
    house.package.registration_changed(ALICE)
    assert house.announced == [ALICE]
    assert b"<basic>open</basic>" in house.seen()


def test_a_registration_that_is_refreshed_tells_nobody_who_has_seen_it() -> None:
    house = House()
    house.registered.add(ALICE)
    house.seen()
    house.package.registration_changed(ALICE)
    assert house.announced == []


def test_a_registration_says_nothing_beside_a_publication() -> None:
    house = House()
    house.publish(CLOSED)
    house.seen()
    house.registered.add(ALICE)
    house.package.registration_changed(ALICE)
    assert house.announced == [ALICE]
    assert b"open" not in house.seen()


def without(*sources: str) -> PolicyView:
    """A view from which these sources are hidden."""
    return PolicyView.of(EVERYTHING_ALLOWED, Restriction(excluded=frozenset(sources)))


def test_where_all_that_is_published_is_hidden_the_registration_shows() -> None:
    house = House(view_of=lambda watcher, aor: without("phone") if watcher == BOB else ALLOW_ALL)
    house.publish(CLOSED)
    carol = View(watcher="sip:carol@example.com")
    assert house.seen().count(b"<basic>closed</basic>") == 1
    house.registered.add(ALICE)
    house.package.registration_changed(ALICE)
    assert house.announced == [ALICE, ALICE]
    assert b"<basic>open</basic>" in (registered := house.seen())
    assert b"open" not in house.package.document(carol, 0.0).data
    house.remove()
    assert house.seen() == registered, "of what is hidden nothing shows when it goes"


def test_a_refresh_by_another_user_agent_is_another_source_for_all_who_watch() -> None:
    house = House(view_of=lambda watcher, aor: without("cell"))
    house.publish(OPEN)
    assert b"open" in house.seen()
    (published,) = house.published[ALICE]
    published.source = "Cell/2"
    house.tell("modify")
    assert house.announced == [ALICE, ALICE]
    assert b"open" not in house.seen()
    assert [it.source for it in house.package.known(ALICE)] == ["Cell"]


def test_a_refresh_by_another_version_of_it_tells_nobody() -> None:
    house = House()
    house.publish(OPEN)
    house.seen()
    house.published[ALICE][0].source = "phone/5.1"
    house.tell("refresh")
    assert house.announced == [ALICE]


def test_a_registration_says_nothing_by_setting() -> None:
    house = House(PresenceSettings(registration_is_open=False))
    house.registered.add(ALICE)
    house.package.registration_changed(ALICE)
    assert house.announced == []
    assert b"<basic>closed</basic>" in house.seen()


def test_the_neutral_document_tells_nothing() -> None:
    house = House()
    house.publish(OPEN)
    assert b"<basic>closed</basic>" in cast(Body, house.package.neutral(View())).data


def test_everybody_may_watch_as_long_as_there_is_no_policy() -> None:
    assert House().package.authorize(BOB, ALICE) == "active"


def test_the_policy_is_asked_who_may_watch() -> None:
    def policy(watcher: str, aor: str) -> Authorization:
        if watcher == BOB:
            raise Forbidden
        return "pending"

    package = House(authorizer=policy).package
    assert package.authorize("sip:carol@example.com", ALICE) == "pending"
    with pytest.raises(Forbidden):
        package.authorize(BOB, ALICE)


def test_another_content_type_is_415_with_accept() -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        House().package.parse(ALICE, MediaType.parse("text/plain"), b"hello")
    assert caught.value.headers == (("Accept", "application/pidf+xml, application/pidf-diff+xml"),)


def test_limits_are_settings() -> None:
    package = House(PresenceSettings(max_document=100, max_depth=3)).package
    with pytest.raises(EntityTooLarge):
        package.parse(ALICE, PIDF, OPEN)
    package = House(PresenceSettings(max_depth=3)).package
    with pytest.raises(BadRequest, match="nested deeper than 3"):
        package.parse(ALICE, PIDF, OPEN)


def test_documents_that_are_kept_ready_are_limited() -> None:
    house = House(max_documents=2)
    first = house.package.document(View("sip:1@example.com"), 0.0)
    for number in (2, 3):
        house.seen(f"sip:{number}@example.com")
    assert house.package.document(View("sip:1@example.com"), 0.0) is not first


# -- views ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Without:
    """A view of everything but one source."""

    source: str
    feigns: bool = False

    def apply(self, components: Sequence[Component], now_wall: float, compose: Compose) -> Composed:
        return compose([component for component in components if component.source != self.source], now_wall)


def test_watchers_with_equal_views_share_the_same_bytes_and_others_do_not() -> None:
    house = House(view_of=lambda watcher, aor: Without("phone") if watcher == BOB else EVERYTHING)
    house.publish(OPEN)
    carol, dave = (
        house.package.document(View(watcher=f"sip:{who}@example.com"), 0.0) for who in ("carol", "dave")
    )
    assert carol is dave
    assert b"<basic>open</basic>" in carol.data
    assert b"<basic>closed</basic>" in house.seen()


def test_a_change_that_only_one_view_shows_is_announced_and_the_other_document_stays() -> None:
    house = House(view_of=lambda watcher, aor: Without("phone") if watcher == BOB else EVERYTHING)
    house.publish(OPEN)
    carol = View(watcher="sip:carol@example.com")
    house.seen()
    house.package.document(carol, 0.0)
    house.publish(CLOSED, "modify")
    assert house.announced == [ALICE, ALICE]
    assert b"<basic>closed</basic>" in house.package.document(carol, 0.0).data


def test_a_change_that_no_view_shows_tells_nobody() -> None:
    house = House(view_of=lambda watcher, aor: Without("phone"))
    house.publish(OPEN)
    before = house.seen()
    house.publish(CLOSED, "modify")
    assert house.announced == [ALICE]
    assert house.seen() is before


def test_so_many_views_that_some_are_forgotten_make_every_change_an_announcement() -> None:
    house = House(view_of=lambda watcher, aor: Without(watcher))
    house.publish(OPEN)
    for number in range(70):
        house.package.document(View(watcher=f"sip:{number}@example.com"), 0.0)
    house.publish(OPEN, "modify")
    assert house.announced == [ALICE, ALICE]


# -- components -------------------------------------------------------------------------------------


def test_the_components_come_with_their_sources_and_priorities() -> None:
    house = House(PresenceSettings(priorities={"phone": 0.5}))
    house.publish(OPEN)
    house.package.set_standing(ALICE, parse_pidf(CLOSED), published_at=5.0)
    assert [component[:4] for component in house.package.components(ALICE)] == [
        ("0001", "phone", 0.5, 0.0),
        ("standing", "standing", -0.5, 5.0),
    ]


def test_a_standing_status_is_seen_until_it_is_taken_back() -> None:
    house = House()
    house.seen()
    house.package.set_standing(ALICE, parse_pidf(OPEN))
    assert b"<basic>open</basic>" in house.seen()
    house.package.set_standing(ALICE, None)
    assert b"<basic>closed</basic>" in house.seen()
    assert house.announced == [ALICE, ALICE]


def test_taking_back_what_was_never_said_tells_nobody() -> None:
    house = House()
    house.package.set_standing(ALICE, None)
    assert house.announced == []


def test_the_composed_state_is_the_same_object_until_something_changes() -> None:
    house = House()
    house.publish(OPEN)
    first = house.package.composed(ALICE, 0.0)
    assert house.package.composed(ALICE, 1.0) is first
    house.publish(CLOSED, "modify")
    assert house.package.composed(ALICE, 1.0) is not first


# -- what changes by itself, RFC 4480 §3 --------------------------------------------------------------


def meeting(start: float, end: float) -> bytes:
    """A person who is in a meeting from `start` to `end` seconds from the beginning of the test."""
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:a@b"><dm:person id="p">'
        f'<r:activities from="{date_time(WALL + start)}" until="{date_time(WALL + end)}"><r:meeting/>'
        "</r:activities></dm:person></presence>"
    ).encode()


def pass_time(house: House, to: float) -> None:
    """The timers are driven as a reactor does it: from one that is due to the next."""
    while (due := house.timers.next_due()) is not None and due <= to:
        house.timers.advance(due)
    house.timers.advance(to)


def test_an_activity_comes_and_goes_in_its_time_and_watchers_are_told() -> None:
    house = House()
    house.publish(meeting(60, 7200 * 2))
    seen = []
    for now in (0, 59, 61, 14399, 14401):
        pass_time(house, now)
        body = house.package.document(View(), WALL + house.timers.now).data
        seen.append((b"meeting" in body, len(house.announced)))
    assert seen == [(False, 1), (False, 1), (True, 2), (True, 2), (False, 3)]
    assert house.timers.next_due() is None


def test_a_document_is_never_older_than_its_time_even_before_the_timer() -> None:
    house = House()
    house.publish(meeting(60, 120))
    assert b"meeting" not in house.package.document(View(), WALL).data
    assert b"meeting" in house.package.document(View(), WALL + 60).data


def test_after_a_restart_the_times_of_what_is_read_back_are_waited_for() -> None:
    house = House()
    house.published[ALICE] = [Published(house.package.parse(ALICE, PIDF, meeting(60, 120)))]
    pass_time(house, 61)
    assert house.announced == [ALICE]


def test_nobody_waits_for_the_times_of_what_is_gone() -> None:
    house = House()
    house.publish(meeting(60, 120))
    house.remove()
    assert house.timers.next_due() is None
    house.publish(meeting(60, 120))
    house.package.forget(ALICE)
    assert house.timers.next_due() is None


def test_a_clock_that_is_set_back_is_waited_for_again() -> None:
    house = House()
    house.publish(meeting(60, 120))
    house.set_clock(-30.0)
    pass_time(house, 61)
    assert house.announced == [ALICE]
    pass_time(house, 91)
    assert house.announced == [ALICE, ALICE]
