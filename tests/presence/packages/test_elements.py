"""A PBX or a voice mailbox that publishes for users under its own address (setting `publishers`)."""

from __future__ import annotations

import itertools

import pytest

from presence.directory import Credentials, User
from sip.message import Response
from tests.presence.house import TRUSTED
from tests.presence.packages.test_dialog import TYPE, call, only, published, states
from tests.presence.packages.watching import ALICE, BOB, Watching
from tests.sip.usage.fakes import WALL

PBX = "sip:pbx@10.0.0.5"
MAILBOX = "sip:carol@sip.test"
STRANGER = "203.0.113.9"
_NUMBERS = itertools.count(1)
SUMMARY = b"Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n"


@pytest.fixture
def world() -> Watching:
    return Watching(publishers="pbx@10.0.0.5, carol@sip.test")


def publish(
    world: Watching,
    by: str,
    *,
    package: str = "dialog",
    aor: str = ALICE,
    content_type: str = TYPE,
    body: bytes = b"",
    more: str = "",
    host: str = TRUSTED,
) -> Response:
    """A PUBLISH with the From that the element has."""
    number = next(_NUMBERS)
    kind = f"\nContent-Type: {content_type}" if body else ""
    more = f"\n{more}" if more else ""
    return world.house.ask(
        f"""
        PUBLISH {aor} SIP/2.0
        Via: SIP/2.0/UDP {host};branch=z9hG4bKelement{number}
        Max-Forwards: 70
        From: <{by}>;tag=1
        To: <{aor}>
        Call-ID: element{number}
        CSeq: 1 PUBLISH
        Event: {package}
        Expires: 600{kind}{more}
        """,
        world.house.network.at(host),
        body,
    )


def test_an_element_may_be_named_by_an_alias_of_its_account() -> None:
    world = Watching(publishers="vm@sip.test")
    account = User(MAILBOX, "", WALL, Credentials.of(MAILBOX, "secret"), ("sip:vm@sip.test",))
    assert publish(world, MAILBOX, body=published(call("1", "confirmed"))).status == 403
    world.house.parts.directory.load([account])
    assert publish(world, MAILBOX, body=published(call("1", "confirmed"))).status == 200
    assert publish(world, BOB, body=published(call("1", "confirmed"))).status == 403


def test_a_pbx_lights_the_lamps_of_users(world: Watching) -> None:
    bob = world.subscribe("dialog", ALICE, BOB)
    bob.heard()
    assert publish(world, PBX, body=published(call("1", "confirmed"))).status == 200
    assert states(only(bob.heard())) == ["confirmed"]


def test_it_may_be_the_identity_that_a_trusted_peer_asserts(world: Watching) -> None:
    answer = publish(
        world,
        "sip:whoever@10.0.0.5",
        body=published(call("1", "early")),
        more=f"P-Asserted-Identity: <{PBX}>",
    )
    assert answer.status == 200


def test_a_mailbox_with_an_account_here_tells_what_waits(world: Watching) -> None:
    alice = world.subscribe("message-summary", ALICE, ALICE)
    alice.heard()
    answer = publish(
        world,
        MAILBOX,
        package="message-summary",
        content_type="application/simple-message-summary",
        body=SUMMARY,
    )
    assert answer.status == 200
    (notify,) = alice.heard()
    assert b"Voice-Message: 2/0" in notify.body


def test_what_it_has_published_it_changes_by_the_entity_tag(world: Watching) -> None:
    answer = publish(world, PBX, body=published(call("1", "early")))
    match = f"SIP-If-Match: {answer.get('SIP-ETag')}"
    assert publish(world, PBX, body=published(call("1", "confirmed")), more=match).status == 200
    assert states(only(world.subscribe("dialog", ALICE, BOB).heard())) == ["confirmed"]


@pytest.mark.parametrize("by", ["sip:other@10.0.0.5", "sip:pbx@10.0.0.6", BOB])
def test_nobody_else_may(world: Watching, by: str) -> None:
    answer = publish(world, by, body=published(call("1", "confirmed")))
    assert (answer.status, answer.reason) == (403, "Not allowed for this user")


def test_presence_is_nobodys_but_the_users(world: Watching) -> None:
    body = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test"/>'
    answer = publish(world, PBX, package="presence", content_type="application/pidf+xml", body=body)
    assert (answer.status, answer.reason) == (403, "Not allowed for this user")


def test_only_users_that_there_are(world: Watching) -> None:
    answer = publish(world, PBX, aor="sip:nobody@sip.test", body=published(call("1", "early")))
    assert answer.status == 404


def test_who_is_not_trusted_is_not_believed_to_be_the_pbx(world: Watching) -> None:
    answer = publish(world, PBX, body=published(call("1", "confirmed")), host=STRANGER)
    assert answer.status in (401, 403)
    assert states(only(world.subscribe("dialog", ALICE, BOB).heard())) == []


def test_without_the_setting_it_is_refused() -> None:
    answer = publish(Watching(), PBX, body=published(call("1", "confirmed")))
    assert (answer.status, answer.reason) == (403, "Not allowed for this user")
