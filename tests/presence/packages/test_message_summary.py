"""Message waiting (RFC 3842): a mailbox publishes, its owner's phone shows a lamp."""

from __future__ import annotations

import pytest

from presence.directory import USER_CHANGED, Change, Credentials, User
from presence.documents.message_summary import Counts, MessageSummary
from presence.packages.message_summary import together
from tests.presence.house import PASSWORD
from tests.presence.packages.watching import ALICE, BOB, Phone, Watching
from tests.sip.usage.fakes import WALL

NAME = "message-summary"
TYPE = "application/simple-message-summary"
NONE = b"Messages-Waiting: no\r\nMessage-Account: sip:alice@sip.test\r\n"
ONE = b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n"


@pytest.fixture
def world() -> Watching:
    return Watching()


@pytest.fixture
def alice(world: Watching) -> Phone:
    return world.subscribe(NAME, ALICE, ALICE)


def publish(world: Watching, body: bytes, tag: str = "") -> str:
    answer = world.publish(NAME, ALICE, TYPE, body, tag=tag)
    assert answer.status == 200
    return answer.get("SIP-ETag") or ""


def bodies(phone: Phone) -> list[bytes]:
    return [notify.body for notify in phone.heard()]


def test_without_a_mailbox_no_message_waits(alice: Phone) -> None:
    (notify,) = alice.heard()
    assert (notify.get("Content-Type"), notify.body) == (TYPE, NONE)


def test_what_is_published_is_told_as_a_whole(world: Watching, alice: Phone) -> None:
    alice.heard()
    tag = publish(world, ONE)
    assert bodies(alice) == [ONE]
    publish(world, b"Messages-Waiting: no\nvoice-message: 0/10\n", tag)
    assert bodies(alice) == [NONE + b"voice-message: 0/10\r\n"]


def test_a_mailbox_that_goes_takes_its_messages_along(world: Watching, alice: Phone) -> None:
    tag = publish(world, ONE)
    alice.heard()
    assert world.publish(NAME, ALICE, TYPE, b"", tag=tag, expires=0).status == 200
    assert bodies(alice) == [NONE]


def test_a_refresh_of_the_publication_tells_nothing(world: Watching, alice: Phone) -> None:
    tag = publish(world, ONE)
    alice.heard()
    assert world.publish(NAME, ALICE, TYPE, b"", tag=tag).status == 200
    assert alice.heard() == []


def test_headers_of_single_messages_are_not_passed_on(world: Watching, alice: Phone) -> None:
    publish(world, ONE + b"\r\nTo: <alice@atlanta.example.com>\r\nSubject: call me back!\r\n")
    assert bodies(alice) == [NONE, ONE]


def test_of_several_mailboxes_the_account_is_the_user(world: Watching, alice: Phone) -> None:
    alice.heard()
    for box in (b"vmail", b"fax"):
        publish(world, ONE.replace(b"vmail", box))
    assert bodies(alice)[-1] == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@sip.test\r\nVoice-Message: 4/16 (0/4)\r\n"
    )


def test_whoever_subscribes_by_an_alias_is_told_the_account(world: Watching) -> None:
    user = User(ALICE, "", WALL, Credentials.of(ALICE, PASSWORD), ("sip:reception@sip.test",))
    world.house.parts.apply([Change(1, WALL, USER_CHANGED, ALICE, {}, user)])
    assert bodies(world.subscribe(NAME, "sip:reception@sip.test", ALICE)) == [NONE]


def test_a_message_that_was_told_is_as_new_to_the_next_phone(world: Watching, alice: Phone) -> None:
    alice.heard()
    publish(world, ONE)
    assert bodies(alice) == [ONE]
    assert bodies(world.subscribe(NAME, ALICE, ALICE)) == [ONE]
    alice.ask(600)
    assert bodies(alice) == [ONE]


def test_another_format_is_not_acceptable(world: Watching) -> None:
    answer = world.subscribe(NAME, ALICE, ALICE, more="Accept: text/plain").answer
    assert (answer.status, answer.get("Accept")) == (406, TYPE)


def test_nobody_else_may_watch(world: Watching) -> None:
    answer = world.subscribe(NAME, ALICE, BOB).answer
    assert (answer.status, answer.reason) == (403, "Only the user himself may watch this")


def test_what_is_no_summary_is_refused(world: Watching) -> None:
    answer = world.publish(NAME, ALICE, TYPE, b"Voice-Message: 1/2\r\n")
    assert (answer.status, answer.reason) == (400, "message-summary: Messages-Waiting is missing")


def test_it_is_there_after_a_restart(world: Watching) -> None:
    publish(world, ONE)
    world.restart()
    assert bodies(world.subscribe(NAME, ALICE, ALICE)) == [ONE]


def test_mailboxes_are_added_up() -> None:
    one = MessageSummary(False, "sip:a@x", (("Voice-Message", Counts(1, 2, (0, 1))),))
    other = MessageSummary(
        True, "sip:b@x", (("voice-message", Counts(3, 4)), ("Fax-Message", Counts(2**32 - 1, 0)))
    )
    assert together([one, other, other]) == MessageSummary(
        True,
        None,
        (("Voice-Message", Counts(7, 10, (0, 1))), ("Fax-Message", Counts(2**32 - 1, 0))),
    )
