"""The usual 200 to a NOTIFY, which is not parsed (sip.transaction.plain): what is usual, what is not."""

from __future__ import annotations

import pytest

from sip.errors import TransportError
from sip.message import Response, parse
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import ClientTransaction, TransactionLayer
from tests.sip.flows import FakeFlow
from tests.sip.transaction.test_server import Core

NOTIFY = (
    b"NOTIFY sip:bob@192.0.2.7 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours;rport\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\n"
    b'To: "Bob" <sip:bob@example.com>;tag=b\r\n'
    b"Call-ID: c2\r\n"
    b"CSeq: 7 NOTIFY\r\n"
    b"Max-Forwards: 70\r\n"
    b"Event: presence\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)
OK = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=z9hG4bKours\r\n"
    b"Call-ID: c2\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\n"
    b'To: "Bob" <sip:bob@example.com>;tag=b\r\n'
    b"CSeq: 7 NOTIFY\r\n"
    b"Contact: <sip:bob@192.0.2.7:5062>\r\n"
    b"User-Agent: phone\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Sent:
    """A layer that sent one NOTIFY as bytes, and is its user."""

    def __init__(self, transport: str = "UDP") -> None:
        self.timers = TimerWheel()
        self.stats = Stats()
        self.layer = TransactionLayer(Core(), self.timers, self.stats)
        self.flow = FakeFlow(transport)
        self.heard: list[object] = []
        self.layer.client_written(NOTIFY, "z9hG4bKours", self.flow, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        self.heard.append((response.status, response.reason))

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self.heard.append("timeout")

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        self.heard.append(str(error))

    def after(self, seconds: float) -> None:
        self.timers.advance(self.timers.now + seconds)


def test_the_usual_answer_ends_the_transaction_in_whatever_order_its_lines_are() -> None:
    sent = Sent()
    assert sent.layer.receive_plain(OK)
    assert sent.heard == [(200, "OK")]
    sent.after(4.0)
    assert len(sent.flow.sent) == 1
    sent.after(2.0)
    assert len(sent.layer) == 0


def test_it_is_sent_again_until_it_is_answered() -> None:
    sent = Sent()
    sent.after(0.6)
    assert sent.flow.sent == [NOTIFY, NOTIFY]
    assert sent.stats.retransmissions["NOTIFY"] == 1
    sent.layer.receive_plain(OK)
    sent.after(3.0)
    assert len(sent.flow.sent) == 2


def test_silence_is_told() -> None:
    sent = Sent()
    for _ in range(40):
        sent.after(1.0)
    assert sent.heard == ["timeout"]


def test_a_second_answer_is_absorbed_by_the_transaction() -> None:
    sent = Sent()
    sent.layer.receive_plain(OK)
    assert not sent.layer.receive_plain(OK)
    again = parse(OK)
    assert isinstance(again, Response)
    assert sent.layer.receive_response(again)
    assert sent.heard == [(200, "OK")]


def test_a_connection_that_goes_before_the_answer_is_told() -> None:
    sent = Sent("TCP")
    sent.flow.lose()
    assert sent.heard == ["the connection to 192.0.2.7 was closed"]


@pytest.mark.parametrize(
    "unusual",
    [
        OK.replace(b"200 OK", b"202 Accepted"),
        OK.replace(b"200 OK", b"200 Fine"),
        OK.replace(b"200 OK", b"481 Gone"),
        OK.replace(b"branch=z9hG4bKours", b"branch=z9hG4bKtheirs"),
        OK.replace(b"7 NOTIFY", b"8 NOTIFY"),
        OK.replace(b"7 NOTIFY", b"7 MESSAGE"),
        OK.replace(b"CSeq: 7 NOTIFY\r\n", b""),
        OK.replace(b"CSeq: 7 NOTIFY\r\n", b"CSeq: 7 NOTIFY\r\nCSeq: 7 NOTIFY\r\n"),
        OK.replace(b"Call-ID: c2", b"i: c2"),
        OK.replace(b"tag=b", b"tag=b\r\n ;more"),
        OK.replace(b"User-Agent: phone", b"User-Agent: phone\r\n again"),
        OK.replace(b"User-Agent: phone", b"User-Agent: phone\nCSeq: 8 NOTIFY"),
        OK.replace(b"User-Agent: phone", b"User-Agent: \0"),
        OK.replace(b"User-Agent: phone", b"Event: presence;max-rate=1"),
        OK.replace(b"User-Agent: phone", b"Require: something"),
        OK.replace(b"User-Agent: phone", b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother"),
        OK.replace(b"z9hG4bKours\r\n", b"z9hG4bKours, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\n"),
        OK.replace(b"z9hG4bKours\r\n", b"z9hG4bKours;x=1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\n"),
        OK.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 4\r\n\r\nbody"),
        OK.replace(b"Content-Length: 0", b"Content-Length: 4"),
        OK + b"more",
        OK[:-2],
    ],
)
def test_whatever_differs_is_left_to_be_parsed(unusual: bytes) -> None:
    sent = Sent()
    assert unusual != OK
    assert not sent.layer.receive_plain(unusual)
    assert sent.heard == []


def test_an_answer_to_what_was_a_message_is_left_to_be_parsed() -> None:
    sent = Sent()
    request = parse(NOTIFY.replace(b"ours", b"message"))
    assert not isinstance(request, Response)
    sent.layer.client(request, "z9hG4bKmessage", sent.flow, sent)
    assert not sent.layer.receive_plain(OK.replace(b"ours", b"message"))
