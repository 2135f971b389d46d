"""Registration information (RFC 3680): a user's phones hear of each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.documents.reginfo import Contact, RegInfo, parse_reginfo
from sip.message import Request
from tests.presence.documents.formats import check
from tests.presence.house import TRUSTED
from tests.presence.packages.watching import ALICE, BOB, Phone, Watching

DESK, MOBILE = "<sip:alice@192.0.2.50>", "<sip:alice@192.0.2.51>"


@pytest.fixture
def world() -> Watching:
    return Watching()


@pytest.fixture
def alice(world: Watching) -> Phone:
    return world.subscribe("reg", ALICE, ALICE)


def register(world: Watching, contact: str, expires: int = 600) -> None:
    assert world.house.register(ALICE, world.house.network.at(TRUSTED), contact, expires).status == 200


def only(notifies: list[Request]) -> RegInfo:
    (notify,) = notifies
    assert notify.get("Content-Type") == "application/reginfo+xml"
    return parse_reginfo(notify.body)


def state(document: RegInfo) -> str:
    (registration,) = document.registrations
    assert registration.aor == ALICE
    return registration.state


def contacts(document: RegInfo) -> tuple[Contact, ...]:
    return document.registrations[0].contacts


def told(document: RegInfo) -> list[tuple[str, str, str]]:
    return [(contact.uri, contact.state, contact.event) for contact in contacts(document)]


def test_who_has_not_registered_is_init(alice: Phone) -> None:
    document = only(alice.heard())
    assert (document.version, document.full, state(document), told(document)) == (0, True, "init", [])


def test_a_contact_that_comes_is_told_with_what_is_known_of_it(world: Watching, alice: Phone) -> None:
    alice.heard()
    register(world, '"Desk" <sip:alice@192.0.2.50>;q=0.7;+sip.instance="<urn:uuid:1>";audio')
    document = only(alice.heard())
    assert (document.version, document.full, state(document)) == (1, False, "active")
    (contact,) = contacts(document)
    assert (contact.uri, contact.state, contact.event) == ("sip:alice@192.0.2.50", "active", "registered")
    assert (contact.q, contact.expires, contact.cseq) == (700, 600, 1)
    assert contact.display_name is not None
    assert contact.display_name.text == "Desk"
    assert contact.unknown_params == (("+sip.instance", "<urn:uuid:1>"), ("audio", ""))


def test_only_the_contact_that_changed_is_told(world: Watching, alice: Phone) -> None:
    register(world, DESK)
    alice.heard()
    register(world, MOBILE)
    assert told(only(alice.heard())) == [("sip:alice@192.0.2.51", "active", "registered")]
    register(world, f"{DESK};q=0.1")
    document = only(alice.heard())
    assert told(document) == [("sip:alice@192.0.2.50", "active", "refreshed")]
    assert contacts(document)[0].q == 100


def test_a_subscribe_gets_all_of_them_the_preferred_first(world: Watching, alice: Phone) -> None:
    register(world, f"{DESK};q=0.1")
    register(world, MOBILE)
    alice.heard()
    alice.ask(600)
    document = only(alice.heard())
    assert document.full
    assert [contact.uri for contact in contacts(document)] == ["sip:alice@192.0.2.51", "sip:alice@192.0.2.50"]


def test_a_refresh_that_changes_nothing_is_no_news(world: Watching, alice: Phone) -> None:
    register(world, DESK)
    alice.heard()
    register(world, DESK)
    assert alice.heard() == []


def test_a_phone_that_signs_off_is_unregistered(world: Watching, alice: Phone) -> None:
    register(world, DESK)
    register(world, MOBILE)
    before = {contact.uri: contact.id for notify in alice.heard() for contact in contacts(only([notify]))}
    register(world, DESK, 0)
    document = only(alice.heard())
    assert (state(document), told(document)) == (
        "active",
        [("sip:alice@192.0.2.50", "terminated", "unregistered")],
    )
    assert contacts(document)[0].id == before["sip:alice@192.0.2.50"]
    assert contacts(document)[0].expires is None


def test_one_that_is_not_refreshed_has_expired_and_the_last_ends_the_registration(
    world: Watching, alice: Phone
) -> None:
    register(world, DESK, 60)
    alice.heard()
    world.house.after(61)
    document = only(alice.heard())
    assert (state(document), told(document)) == (
        "terminated",
        [("sip:alice@192.0.2.50", "terminated", "expired")],
    )
    alice.ask(600)
    assert state(only(alice.heard())) == "init"


def test_the_registration_keeps_its_id_and_each_contact_has_its_own(world: Watching, alice: Phone) -> None:
    documents = [only(alice.heard())]
    for contact, expires in ((DESK, 600), (MOBILE, 600), ("<sip:alice@192.0.2.50;x=1>", 600), (DESK, 0)):
        register(world, contact, expires)
        documents.append(only(alice.heard()))
    alice.ask(600)
    documents.append(only(alice.heard()))
    assert len({document.registrations[0].id for document in documents}) == 1
    ids = {contact.uri: contact.id for document in documents for contact in contacts(document)}
    assert len(ids) == len(set(ids.values())) == 3


def test_the_end_of_the_registration_is_not_followed_by_its_new_beginning(
    world: Watching, alice: Phone
) -> None:
    assert state(only(alice.heard())) == "init"
    register(world, DESK)
    assert state(only(alice.heard())) == "active"
    register(world, DESK, 0)
    assert state(only(alice.heard())) == "terminated"
    world.house.after(60)
    assert alice.heard() == []


def test_another_format_is_not_acceptable(world: Watching) -> None:
    answer = world.subscribe("reg", ALICE, ALICE, more="Accept: text/xml").answer
    assert (answer.status, answer.get("Accept")) == (406, "application/reginfo+xml")


def test_nobody_else_may_watch(world: Watching) -> None:
    answer = world.subscribe("reg", ALICE, BOB).answer
    assert (answer.status, answer.reason) == (403, "Only the user himself may watch this")


def test_it_cannot_be_published(world: Watching) -> None:
    answer = world.publish("reg", ALICE, "application/reginfo+xml", b"<reginfo/>")
    assert answer.status == 489
    assert answer.get("Allow-Events") == "presence, dialog, message-summary"


def test_what_goes_out_is_valid(world: Watching, alice: Phone, shared: Path) -> None:
    register(world, '"A & B" <sip:alice@192.0.2.50>;q=0.5;+x="<&>"')
    register(world, "<sip:alice@192.0.2.50>", 0)
    alice.ask(600)
    for notify in alice.heard():
        check(shared, "reginfo.xsd", notify.body)
