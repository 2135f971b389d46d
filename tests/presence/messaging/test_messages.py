"""MESSAGE to a local user (RFC 3428): the test answers for the phones and for the journal."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from presence.messaging import MessageService, MessageSettings
from presence.messaging.notifications import is_notification
from sip.errors import LoopDetected
from sip.message import Request, Response, parse
from sip.uri import Uri, parse_uri
from sip.usage.proxy import Target
from tests.sip.usage.fakes import WALL, Directory, Handler, MemoryJournal, sip

BOB = "sip:bob@example.com"
TYPING = "application/im-iscomposing+xml"


@dataclass
class Attempt:
    """A request on its way to the phones."""

    request: Request
    targets: Sequence[Target]
    on_result: Callable[[int, Response | None], None]
    on_late: Callable[[Response], None] | None = None

    def answer(self, status: int, *headers: tuple[str, str]) -> None:
        """A phone answers."""
        response = Response.answering(self._seen(), status, to_tag="phone", headers=headers, body=b"body")
        self.on_result(status, response)

    def silence(self) -> None:
        self.on_result(408, None)

    def answer_late(self) -> None:
        assert self.on_late is not None
        self.on_late(Response.answering(self._seen(), 200, to_tag="phone"))

    def _seen(self) -> Request:
        request = self.request.copy()
        request.prepend("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKour")
        return request


class House(Handler):
    def __init__(self, settings: MessageSettings | None = None, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.phones: list[str] = []
        self.attempts: list[Attempt] = []
        self.refuse: Exception | None = None
        super().__init__(lambda sr: self.service.handle(sr), self.journal)
        self.service = MessageService(
            bindings=self.bindings,
            relay=self.relay,
            directory=Directory(),
            journal=self.journal,
            timers=self.timers,
            settings=settings or MessageSettings(),
            wall=self.wall,
        )

    def bindings(self, aor: str) -> list[Target]:
        uris = [parse_uri(phone) for phone in self.phones] if aor == BOB else []
        return [Target(uri, uri) for uri in uris if isinstance(uri, Uri)]

    def relay(
        self, request: Request, targets: Sequence[Target], on_result: Callable[[int, Response | None], None]
    ) -> Attempt:
        if self.refuse is not None:
            raise self.refuse
        attempt = Attempt(request, targets, on_result)
        self.attempts.append(attempt)
        return attempt

    def register(self) -> None:
        self.phones = ["sip:bob@192.0.2.7"]
        self.service.recipient_registered(BOB)
        self.advance(0.1)

    def answer(self, status: int) -> None:
        """The phone answers the last attempt; time goes on a little."""
        self.attempts[-1].answer(status)
        self.journal.settle()
        self.advance(0.1)

    def restarted(self) -> House:
        again = House(journal=self.journal)
        again.service.restore(self.journal.load("message"), 0.0, WALL + self.timers.now)
        return again

    @property
    def answers(self) -> list[int]:
        return [reply.status for request in self.requests for reply in request.replies]

    @property
    def bodies(self) -> list[bytes]:
        return [attempt.request.body for attempt in self.attempts]


def message(body: bytes = b"hello", *headers: str, to: str = BOB, content_type: str = "text/plain") -> bytes:
    lines = "\n".join([f"Content-Type: {content_type}", *headers])
    return sip(
        f"""
        MESSAGE {to} SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK776sgdkse
        Max-Forwards: 70
        From: "Alice" <sip:alice@example.com>;tag=49583
        To: <{to}>
        Call-ID: asd88asd77a@192.0.2.4
        CSeq: 1 MESSAGE
        Contact: <sip:alice@192.0.2.4>
        Proxy-Authorization: Digest username="alice", response="secret"
        {lines}
        """,
        body,
    )


# -- to phones that are there ---------------------------------------------------------------------


def test_a_message_goes_to_every_binding_and_the_first_200_is_the_answer() -> None:
    house = House()
    house.phones = ["sip:bob@192.0.2.7", "sip:bob@192.0.2.8"]
    assert house.send(message()) is None
    assert [str(target.uri) for target in house.attempts[0].targets] == house.phones
    house.answer(200)
    (reply,) = house.requests[0].replies
    assert (reply.status, reply.body, reply.to.tag) == (200, b"", "phone")
    assert "Contact" not in reply


def test_what_goes_out_has_no_contact_and_no_credentials() -> None:
    house = House()
    house.register()
    house.send(message())
    sent = house.attempts[0].request
    assert "Contact" not in sent
    assert "Proxy-Authorization" not in sent
    assert sent.call_id == "asd88asd77a@192.0.2.4"


@pytest.mark.parametrize("status", [415, 486, 488, 405, 501, 603])
def test_the_refusal_of_a_phone_is_passed_on(status: int) -> None:
    house = House()
    house.register()
    house.send(message())
    house.attempts[0].answer(status, ("Accept", "text/plain"), ("Contact", "<sip:x@y>"))
    (reply,) = house.requests[0].replies
    assert (reply.status, reply.get("Accept"), reply.body) == (status, "text/plain", b"")
    assert "Contact" not in reply
    assert len(house.service) == 0


def test_an_unknown_user_is_404() -> None:
    reply = House().send(message(to="sip:nobody@example.com"))
    assert reply is not None
    assert reply.status == 404


def test_a_body_over_the_limit_is_413() -> None:
    reply = House(MessageSettings(max_body=100)).send(message(b"x" * 101))
    assert reply is not None
    assert (reply.status, reply.reason) == (413, "Message body over 100 bytes")


def test_what_cannot_be_forwarded_is_refused_for_that_reason() -> None:
    house = House()
    house.register()
    house.refuse = LoopDetected()
    reply = house.send(message())
    assert reply is not None
    assert reply.status == 482


def test_an_encoded_body_is_forwarded_untouched() -> None:
    house = House()
    house.register()
    packed = zlib.compress(b"hello")
    house.send(message(packed, "Content-Encoding: deflate"))
    sent = house.attempts[0].request
    assert (sent.body, sent.get("Content-Encoding")) == (packed, "deflate")


# -- nobody there ---------------------------------------------------------------------------------


def test_a_message_to_nobody_is_202_once_it_is_durable() -> None:
    house = House()
    house.journal.hold = True
    assert house.send(message()) is None
    house.journal.hold = False
    house.journal.settle()
    assert house.answers == [202]
    assert house.service.waiting(BOB) == len(house.service) == len(house.journal.rows) == 1


def test_a_message_that_cannot_be_stored_is_503_and_not_kept() -> None:
    house = House()
    house.journal.fail = True
    reply = house.send(message())
    assert reply is not None
    assert (reply.status, reply.get("Retry-After")) == (503, "5")
    assert len(house.service) == 0


@pytest.mark.parametrize("status", [404, 408, 480, 503, 302])
def test_a_message_that_no_phone_took_is_stored(status: int) -> None:
    house = House()
    house.register()
    house.send(message())
    house.answer(status)
    assert house.answers == [202]
    assert house.service.waiting(BOB) == 1


def test_a_message_that_was_answered_by_silence_is_stored() -> None:
    house = House()
    house.register()
    house.send(message())
    house.attempts[0].silence()
    house.journal.settle()
    assert house.answers == [202]


def test_a_message_that_a_phone_took_late_is_not_delivered_again() -> None:
    house = House()
    house.register()
    house.send(message())
    house.attempts[0].silence()
    house.journal.settle()
    house.attempts[0].answer_late()
    house.journal.settle()
    assert len(house.service) == len(house.journal.rows) == 0


def test_a_phone_that_takes_it_while_the_journal_is_busy_counts_too() -> None:
    house = House()
    house.register()
    house.send(message())
    house.attempts[0].silence()
    house.attempts[0].answer_late()
    house.journal.settle()
    assert len(house.service) == len(house.journal.rows) == 0


# -- delivery at the next REGISTER ----------------------------------------------------------------


def test_what_waits_is_delivered_in_order_one_after_the_other() -> None:
    house = House()
    for number in range(3):
        house.send(message(b"%d" % number))
    house.register()
    assert house.bodies == [b"0"]
    house.answer(200)
    assert house.bodies == [b"0", b"1"]
    house.answer(200)
    house.answer(200)
    assert house.bodies == [b"0", b"1", b"2"]
    assert len(house.service) == len(house.journal.rows) == 0


def test_a_delivery_is_a_new_request_with_the_original_sender_and_date() -> None:
    house = House()
    house.send(message(b"hello", "Date: Sun, 22 Nov 2026 04:15:16 GMT", "Subject: tea", "X-Own: kept"))
    house.register()
    sent = house.attempts[0].request
    assert (sent.from_.display, sent.from_.uri_text) == ("Alice", "sip:alice@example.com")
    assert sent.from_.tag not in (None, "49583")
    assert str(sent.to) == "<sip:bob@example.com>"
    assert sent.get("Date") == "Sun, 22 Nov 2026 04:15:16 GMT"
    assert (sent.get("Subject"), sent.get("X-Own"), sent.get("Content-Type")) == ("tea", "kept", "text/plain")
    assert sent.call_id != "asd88asd77a@192.0.2.4"
    assert not {"Via", "Contact", "Route", "Proxy-Authorization"} & {name for name, _ in sent.items()}


def test_a_message_without_date_gets_the_time_at_which_it_came() -> None:
    house = House()
    house.send(message())
    house.advance(3600)
    house.register()
    assert house.attempts[0].request.get("Date") == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_an_encoded_body_is_stored_untouched() -> None:
    house = House()
    packed = zlib.compress(b"hello")
    house.send(message(packed, "Content-Encoding: deflate"))
    house.register()
    sent = house.attempts[0].request
    assert (sent.body, sent.get("Content-Encoding")) == (packed, "deflate")


def test_a_message_that_a_phone_refuses_is_kept_and_the_next_one_goes_out() -> None:
    house = House()
    house.send(message(b"odd"))
    house.send(message(b"good"))
    house.register()
    house.answer(415)
    assert house.bodies == [b"odd", b"good"]
    assert house.service.waiting(BOB) == 2
    house.answer(200)
    house.register()
    assert house.bodies == [b"odd", b"good"]
    assert house.service.waiting(BOB) == 1
    # What nobody takes holds up nobody else, and another phone may take it.
    assert house.send(message(b"new")) is None
    house.answer(200)
    house.phones = ["sip:bob@192.0.2.99"]
    house.service.recipient_registered(BOB)
    house.answer(200)
    assert house.bodies == [b"odd", b"good", b"new", b"odd"]
    assert house.service.waiting(BOB) == 0


def test_without_an_answer_delivery_stops_and_everything_is_kept() -> None:
    house = House()
    house.send(message(b"1"))
    house.send(message(b"2"))
    house.register()
    house.answer(408)
    assert house.bodies == [b"1"]
    assert house.service.waiting(BOB) == 2


def test_after_silence_it_is_tried_again_at_the_next_register() -> None:
    house = House()
    house.send(message(b"1"))
    house.register()
    house.answer(408)
    house.register()
    assert house.bodies == [b"1", b"1"]


def test_after_silence_it_is_tried_again_after_a_while() -> None:
    house = House(MessageSettings(retry_interval=300))
    house.send(message(b"1"))
    house.register()
    house.answer(408)
    house.advance(299)
    assert len(house.attempts) == 1
    house.advance(2)
    assert len(house.attempts) == 2


def test_a_register_during_an_attempt_that_fails_starts_another() -> None:
    house = House()
    house.send(message(b"1"))
    house.register()
    house.register()
    assert len(house.attempts) == 1
    house.answer(408)
    assert len(house.attempts) == 2


def test_who_registers_while_the_journal_is_busy_gets_the_message() -> None:
    house = House()
    house.journal.hold = True
    house.send(message())
    house.register()
    house.journal.hold = False
    house.journal.settle()
    assert house.bodies == [b"hello"]


def test_a_message_that_comes_during_delivery_waits_for_its_turn() -> None:
    house = House()
    house.send(message(b"old"))
    house.register()
    house.send(message(b"new"))
    assert house.bodies == [b"old"]
    assert house.answers == [202, 202]
    house.answer(200)
    house.answer(200)
    assert house.bodies == [b"old", b"new"]


def test_a_new_message_never_overtakes_an_old_one() -> None:
    house = House()
    house.send(message(b"old"))
    house.register()
    house.answer(408)
    reply = house.send(message(b"new"))
    assert reply is not None
    assert reply.status == 202
    house.answer(200)
    house.answer(200)
    assert house.bodies == [b"old", b"old", b"new"]


# -- limits and ends ------------------------------------------------------------------------------


def test_a_full_mailbox_is_480_with_the_reason() -> None:
    house = House(MessageSettings(max_stored=2))
    replies = [house.send(message()) for _ in range(3)]
    assert [reply and (reply.status, reply.reason) for reply in replies] == [
        (202, "Accepted"),
        (202, "Accepted"),
        (480, "Mailbox full"),
    ]


def test_messages_that_are_being_stored_count_for_the_limit() -> None:
    house = House(MessageSettings(max_stored=1))
    house.journal.hold = True
    house.send(message())
    house.send(message())
    house.journal.hold = False
    house.journal.settle()
    assert house.answers == [202, 480]


def test_a_message_expires_after_the_longest_time() -> None:
    house = House(MessageSettings(expires=1000))
    house.send(message())
    house.advance(999)
    assert len(house.service) == 1
    house.advance(2)
    assert len(house.service) == len(house.journal.rows) == 0


def test_a_message_expires_when_it_says_counted_from_its_date() -> None:
    house = House()
    house.send(message(b"x", "Date: Fri, 15 Jan 2027 07:59:00 GMT", "Expires: 100"))
    house.advance(39)
    assert len(house.service) == 1
    house.advance(2)
    assert len(house.service) == 0


def test_a_date_that_is_far_from_the_present_does_not_decide_expiry() -> None:
    house = House()
    house.send(message(b"x", "Date: Sat, 01 Jan 2000 00:00:00 GMT", "Expires: 100"))
    assert house.answers == [202]
    house.register()
    assert house.attempts[0].request.get("Date") == "Sat, 01 Jan 2000 00:00:00 GMT"


def test_a_message_for_now_only_is_480_when_nobody_is_there() -> None:
    reply = House().send(message(b"x", "Expires: 0"))
    assert reply is not None
    assert reply.status == 480


def test_what_waits_for_a_user_who_is_removed_goes() -> None:
    house = House()
    house.send(message())
    house.service.remove_user(BOB)
    house.journal.settle()
    assert len(house.service) == len(house.journal.rows) == 0


# -- typing and delivery reports --------------------------------------------------------------------

CPIM_IMDN = (
    b"From: <sip:bob@example.com>\r\nTo: <sip:alice@example.com>\r\n\r\n"
    b"Content-Type: message/imdn+xml;charset=utf-8\r\n\r\n<imdn/>"
)
CPIM_TEXT = CPIM_IMDN.replace(b"Content-Type: message/imdn+xml;charset=utf-8", b"Content-ID: <1@a>").replace(
    b"<imdn/>", b"Content-Type: message/imdn+xml"
)
NOTIFICATIONS = [
    message(b"<isComposing/>", content_type=TYPING),
    message(b"<imdn/>", content_type="message/imdn+xml"),
    message(CPIM_IMDN, content_type="message/cpim"),
    message(zlib.compress(CPIM_IMDN), "Content-Encoding: deflate", content_type="Message/CPIM"),
]


@pytest.mark.parametrize("data", NOTIFICATIONS)
def test_a_notification_is_forwarded(data: bytes) -> None:
    house = House()
    house.register()
    house.send(data)
    house.answer(200)
    assert house.answers == [200]


@pytest.mark.parametrize("data", NOTIFICATIONS)
def test_a_notification_is_never_stored(data: bytes) -> None:
    house = House()
    reply = house.send(data)
    assert reply is not None
    assert (reply.status, reply.reason) == (480, "Recipient is not there")
    house.phones = ["sip:bob@192.0.2.7"]
    house.send(data)
    house.answer(408)
    assert house.answers == [480, 480]
    assert len(house.journal.rows) == 0


def test_text_within_cpim_is_stored_even_if_it_speaks_of_imdn() -> None:
    house = House()
    house.send(message(CPIM_TEXT, content_type="message/cpim"))
    assert house.answers == [202]


def test_a_notification_does_not_wait_for_messages_that_are_being_delivered() -> None:
    house = House()
    house.send(message(b"old"))
    house.register()
    house.send(message(b"<isComposing/>", content_type=TYPING))
    assert house.bodies == [b"old", b"<isComposing/>"]


def test_captured_notifications_are_told_from_captured_messages(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "captures").glob("*MESSAGE*.sip")):
        request = parse(path.read_bytes())
        if isinstance(request, Request) and request.method == "MESSAGE":
            seen += 1
            expected = "iscomposing" in path.name or "imdn" in path.name
            assert is_notification(request, 65536) == expected, path.name
    assert seen > 20


# -- restart --------------------------------------------------------------------------------------


def test_what_was_accepted_survives_a_restart_in_order() -> None:
    house = House()
    for number in range(3):
        house.send(message(b"%d" % number, "Subject: t\u00e9"))
    again = house.restarted()
    again.register()
    for _ in range(3):
        again.answer(200)
    assert again.bodies == [b"0", b"1", b"2"]
    assert again.attempts[0].request.get("Subject") == "t\u00e9"
    assert len(again.journal.rows) == 0


def test_what_comes_after_a_restart_is_delivered_after_what_waited() -> None:
    house = House()
    house.send(message(b"1"))
    again = House(journal=house.journal)
    again.service.restore(house.journal.load("message"), 0.0, WALL - 1000)
    again.send(message(b"2"))
    ids = [key[0] for key, _ in again.journal.load("message")]
    assert ids == sorted(ids)


def test_what_expired_while_the_server_was_down_is_gone() -> None:
    house = House(MessageSettings(expires=100))
    house.send(message())
    again = House(journal=house.journal)
    again.service.restore(house.journal.load("message"), 0.0, WALL + 101)
    again.advance(0.1)
    again.register()
    assert again.attempts == []
    assert len(again.journal.rows) == 0


def test_messages_of_users_who_are_no_more_are_dropped_at_a_restart() -> None:
    house = House()
    house.send(message())
    ((key, row),) = house.journal.load("message")
    again = House()
    again.service.restore([(key, ("sip:gone@example.com", *row[1:]))], 0.0, WALL)
    assert len(again.service) == 0


def test_a_row_that_cannot_be_read_keeps_nothing_else_from_coming_back() -> None:
    house = House()
    house.send(message())
    rows = [(("bad",), ("sip:bob@example.com", "x", None, None, "[", b"")), *house.journal.load("message")]
    again = House()
    again.service.restore(rows, 0.0, WALL)
    assert again.service.waiting(BOB) == 1
