"""The proxy on real transactions and the real sender: calls and messages as bytes on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from textwrap import dedent

import pytest
from twisted.internet.defer import Deferred, succeed

from sip.errors import TransportError
from sip.headers import Via
from sip.message import Request, Response, parse
from sip.request import ServerRequest
from sip.sender import RequestSender
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import ServerTransaction, TransactionLayer
from sip.transport.flow import Flow
from sip.transport.spec import Destination
from sip.uri import Uri
from sip.usage.proxy import Proxy, ProxySettings, Target
from tests.sip.usage.proxy_fakes import INVITE, MESSAGE, FakeFlow, unmarked, uri

DESK = "sip:bob@192.0.2.20:5060"
MOBILE = "sip:bob@192.0.2.21:5060"

CANCEL = """\
    CANCEL sip:bob@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice1;rport
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>
    Call-ID: call-1@192.0.2.10
    CSeq: 1 CANCEL
    Reason: SIP;cause=487;text="Changed her mind"

    """

ACK = """\
    ACK sip:bob@192.0.2.20:5060 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice-ack;rport
    Route: <sip:192.0.2.1:5060;lr>
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>;tag=desk
    Call-ID: call-1@192.0.2.10
    CSeq: 1 ACK

    """

BYE = """\
    BYE sip:bob@192.0.2.20:5060 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice-bye;rport
    Route: <sip:192.0.2.1:5060;lr>
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>;tag=desk
    Call-ID: call-1@192.0.2.10
    CSeq: 2 BYE

    """


class Broken(FakeFlow):
    """A way that leads nowhere."""

    def send(self, data: bytes) -> None:
        raise TransportError("no route to host")


class Network:
    """One UDP flow for each peer; names lead to what `places` says."""

    def __init__(self) -> None:
        self.flows: dict[tuple[str, str, int], FakeFlow] = {}
        self.places: dict[str, list[Destination]] = {}

    def resolve(self, target: Uri) -> Deferred[list[Destination]]:
        return succeed(self.places.get(target.host, [Destination("UDP", target.host, target.port or 5060)]))

    def connect(self, destination: Destination) -> Deferred[Flow]:
        return succeed(self.flow(destination.transport, destination.host, destination.port))

    def flow(self, transport: str, host: str, port: int = 5060) -> FakeFlow:
        key = (transport, host, port)
        if key not in self.flows:
            self.flows[key] = FakeFlow(transport, (host, port))
        return self.flows[key]


class Server:
    """The least around the proxy that takes bytes: every request goes to `targets`, or along its route."""

    def __init__(self, *targets: str | Target) -> None:
        self.targets = [
            target if isinstance(target, Target) else Target(uri(target), uri(target)) for target in targets
        ]
        self.timers = TimerWheel()
        self.network = Network()
        self.layer = TransactionLayer(self, self.timers, Stats())
        numbers = count(1)
        sender = RequestSender(self.layer, self.network, self.timers, lambda: f"rnd{next(numbers)}")
        self.proxy = Proxy(sender, self.timers, ProxySettings(loop_key=b"k"), lambda _: False)
        self.alice = self.network.flow("UDP", "192.0.2.10")

    def receive(self, text: str) -> None:
        """Alice sends `text`."""
        message = parse(dedent(text).replace("\n", "\r\n").encode())
        assert isinstance(message, Request)
        self.layer.receive_request(message, message.via, self.alice, self.alice)

    def answer(self, peer: FakeFlow, status: int, *, to: Request | None = None, tag: str = "b1") -> None:
        """`peer` answers the last request that it got."""
        request = to or asked(peer)[-1]
        headers = [("Record-Route", value) for value in request.get_all("Record-Route")]
        response = Response.answering(request, status, to_tag=tag, headers=headers)
        self.layer.receive_response(response)

    # -- TransactionCore -----------------------------------------------------------------------------------

    def on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        sr = ServerRequest(transaction, aor="", trusted=False, now=self.timers.now, to_tag="us")
        if request.method == "CANCEL":
            cancelled = self.layer.cancelled_by(request, request.via)
            assert cancelled is not None
            assert cancelled.on_cancel is not None
            sr.reply(200)
            cancelled.on_cancel(request)
        elif request.to.tag is not None:
            request.remove("Route")  # ours, as the core does
            self.proxy.route(sr)
        else:
            self.proxy.forward(sr, self.targets, record_route=True)

    def on_ack(self, request: Request, flow: Flow) -> None:
        request.remove("Route")
        self.proxy.forward_ack(request)

    def on_undeliverable(self, via: Via, answer: bytes) -> None:
        raise AssertionError("an answer could not be sent")


def asked(peer: FakeFlow) -> list[Request]:
    """The requests that `peer` got."""
    return [message for message in map(parse, peer.sent) if isinstance(message, Request)]


def methods(peer: FakeFlow) -> list[str]:
    return [request.method for request in asked(peer)]


def told(peer: FakeFlow, method: str) -> list[int]:
    """The statuses that `peer` got for its requests of `method`."""
    answers = [message for message in map(parse, peer.sent) if isinstance(message, Response)]
    return [answer.status for answer in answers if answer.cseq.method == method]


@pytest.fixture
def server() -> Iterator[Server]:
    """Bob has two phones."""
    server = Server(DESK, MOBILE)
    yield server
    # Whatever happened, everything ends: nothing stays behind in the layer.
    server.timers.advance(1000.0)
    server.timers.advance(2000.0)
    assert len(server.layer) == 0


@pytest.fixture
def desk(server: Server) -> FakeFlow:
    return server.network.flow("UDP", "192.0.2.20")


@pytest.fixture
def mobile(server: Server) -> FakeFlow:
    return server.network.flow("UDP", "192.0.2.21")


def test_a_call_from_ringing_to_goodbye(server: Server, desk: FakeFlow, mobile: FakeFlow) -> None:
    server.receive(INVITE)
    assert (methods(desk), methods(mobile)) == (["INVITE"], ["INVITE"])
    server.answer(desk, 180, tag="desk")
    server.answer(mobile, 180, tag="mobile")
    server.answer(desk, 200, tag="desk")
    assert told(server.alice, "INVITE") == [100, 180, 180, 200]
    assert methods(mobile) == ["INVITE", "CANCEL"]
    server.answer(mobile, 200)
    server.answer(mobile, 487, to=asked(mobile)[0], tag="mobile")
    assert methods(mobile) == ["INVITE", "CANCEL", "ACK"]

    server.receive(ACK)
    assert methods(desk) == ["INVITE", "ACK"]
    assert asked(desk)[-1].uri_text == DESK

    server.receive(BYE)
    assert methods(desk) == ["INVITE", "ACK", "BYE"]
    server.answer(desk, 200)
    assert told(server.alice, "BYE") == [200]


def test_a_200_that_comes_again_is_passed_on_again(server: Server, desk: FakeFlow) -> None:
    server.receive(INVITE)
    for _ in range(3):
        server.answer(desk, 200, tag="desk")
    assert told(server.alice, "INVITE") == [100, 200, 200, 200]


def test_a_cancelled_call(server: Server, desk: FakeFlow, mobile: FakeFlow) -> None:
    server.receive(INVITE)
    server.answer(desk, 180)
    server.receive(CANCEL)
    assert told(server.alice, "CANCEL") == [200]
    # The mobile has said nothing yet: it is told when it does (RFC 3261 §9.1).
    assert (methods(desk), methods(mobile)) == (["INVITE", "CANCEL"], ["INVITE"])
    server.answer(mobile, 180)
    assert methods(mobile) == ["INVITE", "CANCEL"]
    first, cancelled = asked(desk)
    assert cancelled.via.branch == first.via.branch
    assert cancelled.get("Reason") == 'SIP;cause=487;text="Changed her mind"'
    server.answer(desk, 487, to=first)
    server.answer(mobile, 487, to=asked(mobile)[0])
    assert told(server.alice, "INVITE") == [100, 180, 180, 487]


def test_a_phone_that_rings_on_after_it_was_cancelled_is_cancelled_once() -> None:
    server = Server(DESK)
    desk = server.network.flow("UDP", "192.0.2.20")
    server.receive(INVITE)
    server.answer(desk, 180)
    server.receive(CANCEL)
    server.answer(desk, 180, to=asked(desk)[0])
    assert methods(desk) == ["INVITE", "CANCEL"]


def test_a_cancelled_phone_that_never_ends_the_call_leaves_nothing_behind() -> None:
    # RFC 3261 §9.1: 64 times T1 after the CANCEL the INVITE transaction is destroyed.
    server = Server(DESK)
    server.receive(INVITE)
    server.answer(server.network.flow("UDP", "192.0.2.20"), 180)
    server.receive(CANCEL)
    for second in range(200):
        server.timers.advance(float(second))
    # Alice never acknowledges, so the 487 comes to her again and again.
    assert list(dict.fromkeys(told(server.alice, "INVITE"))) == [100, 180, 487]
    assert len(server.layer) == 0


def test_a_message_that_one_of_two_phones_takes(server: Server, desk: FakeFlow, mobile: FakeFlow) -> None:
    server.receive(MESSAGE)
    server.answer(mobile, 200)
    server.answer(desk, 404)
    assert told(server.alice, "MESSAGE") == [200]


def test_a_message_that_nobody_answers_is_never_answered_408(server: Server) -> None:
    server.receive(MESSAGE)
    for second in range(40):
        server.timers.advance(float(second))
    assert told(server.alice, "MESSAGE") == [100]


def test_a_refusal_arrives_in_time_although_another_phone_is_gone(server: Server, desk: FakeFlow) -> None:
    server.receive(MESSAGE)
    server.answer(desk, 415)
    for second in range(32):
        server.timers.advance(float(second))
    assert told(server.alice, "MESSAGE") == [100, 415]


def test_an_unreachable_phone_is_told_as_500() -> None:
    server = Server(Target(uri(DESK), Broken()))
    server.receive(INVITE)
    server.timers.advance(0.1)
    server.timers.advance(0.2)
    assert told(server.alice, "INVITE") == [100, 500]


def test_each_attempt_is_record_routed_for_the_way_that_it_takes() -> None:
    server = Server("sip:bob@phones.example.net")
    server.network.places["phones.example.net"] = [
        Destination("TCP", "192.0.2.30", 5060),
        Destination("UDP", "192.0.2.31", 5060),
    ]
    server.network.flows["TCP", "192.0.2.30", 5060] = Broken("TCP", ("192.0.2.30", 5060))
    server.receive(INVITE)
    server.timers.advance(0.1)
    (invite,) = asked(server.network.flow("UDP", "192.0.2.31"))
    assert unmarked(invite.get_all("Record-Route")) == ["<sip:192.0.2.1:5060;lr>"]


def test_the_loop_mark_is_in_the_branch_of_what_is_sent(server: Server, desk: FakeFlow) -> None:
    server.receive(MESSAGE)
    random, _, mark = (asked(desk)[0].via.branch or "").partition(".")
    assert (random[:7], len(mark)) == ("z9hG4bK", 16)
