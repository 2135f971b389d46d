"""Filters on watcher information (RFC 4660 §7.2, RFC 4661), by the whole server."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from presence.directory import Credentials, User
from presence.documents.watcherinfo import Watcher, WatcherInfo
from sip.message import Request, Response
from tests.presence.documents.formats import check
from tests.presence.packages.test_winfo import WINFO, info, only, told, watchers
from tests.presence.packages.watching import ALICE, BOB, CAROL, Phone, Watching
from tests.presence.watchers import rule, set_rules
from tests.sip.usage.fakes import WALL

EVE, MALLORY = (f"sip:{name}@elsewhere.example" for name in ("eve", "mallory"))
FILTER = "Content-Type: application/simple-filter+xml"
WATCHER = '/wi:watcherinfo/wi:watcher-list[@package="presence"]/wi:watcher'


def document(what: str = "", trigger: str = "", *, ident: str = "123", more: str = "") -> bytes:
    """A filter as RFC 4660 §7.2 prints them."""
    what = f"<what>{what}</what>" if what else ""
    trigger = f"<trigger>{trigger}</trigger>" if trigger else ""
    return (
        '<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"><ns-bindings>'
        '<ns-binding prefix="wi" urn="urn:ietf:params:xml:ns:watcherinfo"/></ns-bindings>'
        f'<filter id="{ident}"{more}>{what}{trigger}</filter></filter-set>'
    ).encode()


def including(condition: str) -> bytes:
    return document(f"<include>{WATCHER}[{condition}]</include>")


ACTIVE = including('@status="active"')
PENDING = including('@status="pending"')
REJECTED = document(
    f'<include>{WATCHER}[@status="terminated" and @event="rejected"]</include>',
    '<changed from="pending" to="terminated">//@status</changed>',
)


@pytest.fixture
def world() -> Watching:
    """People of other domains need permission."""
    return Watching(default_policy_foreign="confirm")


def subscribed(world: Watching, body: bytes) -> Phone:
    phone = world.subscribe(WINFO, ALICE, ALICE, expires=86400, more=FILTER, body=body)
    assert phone.answer.status == 200, phone.answer.start_line
    return phone


@pytest.mark.parametrize("named", [ALICE, "sip:al@sip.test"])
def test_a_filter_may_call_the_user_by_any_of_his_names(world: Watching, named: str) -> None:
    world.house.parts.directory.load(
        [User(ALICE, "", WALL, Credentials.of(ALICE, "secret"), ("sip:al@sip.test",))]
    )
    world.subscribe("presence", ALICE, BOB)
    nobody = PENDING.replace(b'<filter id="123"', f'<filter id="123" uri="{named}"'.encode())
    document = only(subscribed(world, nobody).heard())
    assert [it for listed in document.lists for it in listed.watchers] == []


def allow(world: Watching, *who: str) -> None:
    set_rules(world.house, *(rule(f"r{n}", one, "allow") for n, one in enumerate(who)))


def block(world: Watching, *who: str) -> None:
    set_rules(world.house, *(rule(f"r{n}", one, "block") for n, one in enumerate(who)))


def heads(documents: list[WatcherInfo]) -> list[tuple[int, bool]]:
    return [(document.version, document.full) for document in documents]


def nobody(document: WatcherInfo) -> bool:
    return not any(listed.watchers for listed in document.lists)


class TestContent:
    def test_the_first_document_has_only_what_is_selected(self, world: Watching, shared: Path) -> None:
        """RFC 4660 §7.2.1."""
        world.subscribe("presence", ALICE, BOB)
        world.subscribe("presence", ALICE, EVE)
        (first,) = subscribed(world, ACTIVE).heard()
        assert told(info(first)) == [(BOB, "active", "subscribe")]
        check(shared, "watcherinfo.xsd", first.body)

    def test_by_how_long_they_have_been_there(self, world: Watching) -> None:
        """RFC 4660 §7.2.2."""
        world.subscribe("presence", ALICE, BOB).heard()
        world.house.after(501)
        world.subscribe("presence", ALICE, CAROL)
        (first,) = subscribed(world, including("@duration-subscribed>500")).heard()
        assert told(info(first)) == [(BOB, "active", "subscribe")]

    def test_where_nothing_is_selected_the_document_is_empty_and_valid(
        self, world: Watching, shared: Path
    ) -> None:
        world.subscribe("presence", ALICE, BOB)
        (first,) = subscribed(world, PENDING).heard()
        assert (info(first).full, nobody(info(first))) == (True, True)
        check(shared, "watcherinfo.xsd", first.body)

    def test_an_attribute_may_be_left_out_but_none_that_must_be_there(self, world: Watching) -> None:
        body = document(
            "".join(f"<exclude>//@{name}</exclude>" for name in ("display-name", "id", "version"))
        )
        alice = subscribed(world, body)
        alice.heard()
        world.subscribe("presence", ALICE, BOB)
        change = only(alice.heard())
        (watcher,) = watchers(change)
        assert (change.version, watcher.uri, watcher.display_name) == (1, BOB, None)
        assert watcher.id


class TestChanges:
    def test_a_change_of_what_is_not_selected_is_not_told(self, world: Watching) -> None:
        alice = subscribed(world, ACTIVE)
        alice.heard()
        world.subscribe("presence", ALICE, EVE)
        assert alice.heard() == []

    def test_one_who_comes_to_be_selected_is_told_as_a_change(self, world: Watching) -> None:
        alice = subscribed(world, ACTIVE)
        world.subscribe("presence", ALICE, EVE)
        alice.heard()
        allow(world, EVE)
        change = only(alice.heard())
        assert (change.version, change.full) == (1, False)
        assert told(change) == [(EVE, "active", "approved")]

    def test_one_who_is_selected_no_more_goes_by_a_full_document(self, world: Watching) -> None:
        alice = subscribed(world, PENDING)
        alice.heard()
        world.subscribe("presence", ALICE, EVE)
        world.subscribe("presence", ALICE, MALLORY)
        assert [told(info(one)) for one in alice.heard()] == [
            [(EVE, "pending", "subscribe")],
            [(MALLORY, "pending", "subscribe")],
        ]
        allow(world, EVE)
        change = only(alice.heard())
        assert (change.version, change.full) == (3, True)
        assert told(change) == [(MALLORY, "pending", "subscribe")]

    def test_so_does_one_whose_end_is_not_selected(self, world: Watching) -> None:
        alice = subscribed(world, ACTIVE)
        bob = world.subscribe("presence", ALICE, BOB)
        alice.heard()
        bob.ask(0)
        change = only(alice.heard())
        assert (change.full, nobody(change)) == (True, True)

    def test_an_end_that_is_selected_is_a_change(self, world: Watching) -> None:
        alice = subscribed(world, including('@status="active" or @status="terminated"'))
        bob = world.subscribe("presence", ALICE, BOB)
        alice.heard()
        bob.ask(0)
        change = only(alice.heard())
        assert (change.full, told(change)) == (False, [(BOB, "terminated", "timeout")])

    def test_after_a_notify_that_failed_all_that_is_selected_is_told(self, world: Watching) -> None:
        alice = subscribed(world, ACTIVE)
        alice.heard()
        world.subscribe("presence", ALICE, BOB)
        alice.heard(500)
        world.subscribe("presence", ALICE, CAROL)
        document = only(alice.heard())
        assert (document.version, document.full) == (2, True)
        assert [uri for uri, _, _ in told(document)] == [BOB, CAROL]

    def test_whatever_happens_the_subscriber_has_what_a_new_one_would_get(self, world: Watching) -> None:
        rng = random.Random(4660)
        for filter_ in (ACTIVE, PENDING, including('@status="waiting" or @event="approved"')):
            alice, table, phones = subscribed(world, filter_), dict[str, Watcher](), list[Phone]()
            versions = []
            for _ in range(60):
                match rng.randrange(4):
                    case 0:
                        who = rng.choice((BOB, EVE, MALLORY))
                        phones.append(
                            world.subscribe("presence", ALICE, who, expires=rng.choice((0, 60, 600)))
                        )
                    case 1 if phones:
                        phones.pop(rng.randrange(len(phones))).ask(0)
                    case 2:
                        (allow if rng.random() < 0.7 else block)(world, rng.choice((EVE, MALLORY)))
                    case _:
                        world.house.after(rng.choice((1, 10, 30)))
                for phone in phones:
                    phone.heard()
                for notify in alice.heard():
                    news = info(notify)
                    versions.append(news.version)
                    if news.full:
                        table.clear()
                    for watcher in (it for listed in news.lists for it in listed.watchers):
                        table[watcher.id] = watcher
                        if watcher.status == "terminated":
                            del table[watcher.id]
                fetched = only(
                    world.subscribe(WINFO, ALICE, ALICE, expires=0, more=FILTER, body=filter_).heard()
                )
                there = [it for listed in fetched.lists for it in listed.watchers]
                assert {(it.id, it.status) for it in table.values()} == {(it.id, it.status) for it in there}
                if rng.random() < 0.1:
                    alice.ask(86400, filter_)
            assert versions == list(range(len(versions)))
            assert len(versions) > 4


class TestTriggers:
    def test_the_rejection_of_who_was_pending(self, world: Watching) -> None:
        """RFC 4660 §7.2.3: told of the rejected ones, when one is rejected."""
        world.subscribe("presence", ALICE, BOB)
        alice = subscribed(world, REJECTED)
        assert nobody(only(alice.heard()))
        world.subscribe("presence", ALICE, EVE)
        world.subscribe("presence", ALICE, CAROL).ask(0)
        assert alice.heard() == []
        block(world, EVE)
        change = only(alice.heard())
        assert (change.version, told(change)) == (1, [(EVE, "terminated", "rejected")])

    def test_a_watcher_who_comes(self, world: Watching) -> None:
        alice = subscribed(world, document("", "<added>//wi:watcher</added>"))
        alice.heard()
        bob = world.subscribe("presence", ALICE, BOB)
        assert told(only(alice.heard())) == [(BOB, "active", "subscribe")]
        bob.ask(0)
        assert alice.heard() == []
        world.subscribe("presence", ALICE, CAROL)
        change = only(alice.heard())
        assert sorted(told(change)) == [(BOB, "terminated", "timeout"), (CAROL, "active", "subscribe")]

    def test_or_goes(self, world: Watching) -> None:
        alice = subscribed(world, document("", "<removed>//wi:watcher</removed>"))
        alice.heard()
        bob = world.subscribe("presence", ALICE, BOB)
        assert alice.heard() == []
        bob.ask(0)
        assert told(only(alice.heard())) == [(BOB, "terminated", "timeout")]


class TestSubscribing:
    def refused(self, world: Watching, body: bytes, content_type: str = FILTER) -> Response:
        return world.subscribe(WINFO, ALICE, ALICE, more=content_type, body=body).answer

    def test_another_type_of_body_is_415_with_the_type_that_is_taken(self, world: Watching) -> None:
        answer = self.refused(world, b"hello", "Content-Type: text/plain")
        assert (answer.status, answer.get("Accept")) == (415, "application/simple-filter+xml")

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"<filter-set", 400),
            (including("position()=1"), 488),
            (ACTIVE.replace(b"<filter-set ", b'<filter-set package="presence" '), 488),
            (ACTIVE + b" " * 65536, 413),
        ],
    )
    def test_a_filter_that_cannot_be_met_is_refused(self, world: Watching, body: bytes, status: int) -> None:
        assert self.refused(world, body).status == status
        assert world.house.journal.load("subscription") == []

    def test_one_for_the_package_by_name_is_taken(self, world: Watching) -> None:
        body = ACTIVE.replace(b"<filter-set ", b'<filter-set package="presence.winfo" ')
        assert self.refused(world, body).status == 200

    def test_other_packages_refuse_it(self, world: Watching) -> None:
        for package in ("dialog", "message-summary", "reg"):
            answer = world.subscribe(package, ALICE, ALICE, more=FILTER, body=ACTIVE).answer
            assert answer.status == 415, package

    def test_another_filter_is_followed_by_all_that_it_selects(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        world.subscribe("presence", ALICE, EVE)
        alice = subscribed(world, ACTIVE)
        alice.heard()
        assert alice.ask(600, PENDING).status == 200
        change = only(alice.heard())
        assert (change.version, change.full, told(change)) == (1, True, [(EVE, "pending", "subscribe")])

    def test_one_that_is_refused_leaves_what_was_there(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        world.subscribe("presence", ALICE, EVE)
        alice = subscribed(world, ACTIVE)
        alice.heard()
        assert alice.ask(600, b"<filter-set").status == 400
        alice._more = ""
        assert alice.ask(600).status == 200
        assert told(only(alice.heard())) == [(BOB, "active", "subscribe")]

    def test_without_its_filter_he_is_told_everything(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, EVE)
        alice = subscribed(world, ACTIVE)
        alice.heard()
        assert alice.ask(600, document(more=' remove="true"')).status == 200
        assert told(only(alice.heard())) == [(EVE, "pending", "subscribe")]
        allow(world, EVE)
        change = only(alice.heard())
        assert (change.full, told(change)) == (False, [(EVE, "active", "approved")])

    def test_it_survives_a_restart(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        world.subscribe("presence", ALICE, EVE)
        alice = subscribed(world, ACTIVE)
        alice.heard()
        world.restart()
        world.house.after(1)
        document = only(alice.heard())
        assert (document.full, told(document)) == (True, [(BOB, "active", "subscribe")])

    def test_the_entity_tag_is_that_of_what_is_selected_by_this_filter(self, world: Watching) -> None:
        world.subscribe("presence", ALICE, BOB)
        alice = subscribed(world, ACTIVE)

        def has(notify: Request) -> str:
            return f"{FILTER}\nSuppress-If-Match: {notify.get('SIP-ETag')}"

        (first,) = alice.heard()
        world.subscribe("presence", ALICE, EVE)
        alice._more = has(first)
        assert alice.ask(600, ACTIVE).status == 204
        assert alice.ask(600, PENDING).status == 200
        assert told(only(alice.heard())) == [(EVE, "pending", "subscribe")]

    def test_filters_that_leave_other_things_of_the_same_watchers_have_other_tags(
        self, world: Watching
    ) -> None:
        world.subscribe("presence", ALICE, BOB)
        nameless = document("<exclude>//@display-name</exclude>")
        (one,), (other,) = (subscribed(world, filter_).heard() for filter_ in (ACTIVE, nameless))
        assert one.get("SIP-ETag") != other.get("SIP-ETag")
