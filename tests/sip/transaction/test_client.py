"""Client transactions (RFC 3261 §17.1, RFC 6026), seen from the wire."""

from __future__ import annotations

import pytest

from sip.errors import TransportError
from sip.message import Request, Response, parse
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import ClientTransaction, TransactionLayer
from tests.sip.flows import FakeFlow, wire
from tests.sip.transaction.test_server import Core

MESSAGE = """
    MESSAGE sip:bob@192.0.2.7 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours
    Max-Forwards: 70
    From: <sip:alice@example.com>;tag=a
    To: <sip:bob@example.com>
    Call-ID: c2
    CSeq: 7 MESSAGE
"""
INVITE = MESSAGE.replace("MESSAGE", "INVITE")


class User:
    """Hears what became of a request."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        self.heard.append(response.status)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self.heard.append("timeout")

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        self.heard.append("error")


class Client:
    """A layer that sends one request to one peer."""

    def __init__(self, text: str, transport: str = "UDP", *, gone: bool = False) -> None:
        self.timers = TimerWheel()
        self.stats = Stats()
        self.layer = TransactionLayer(Core(), self.timers, self.stats)
        self.flow = FakeFlow(transport)
        self.flow.gone = gone
        self.user = User()
        request = parse(wire(text))
        assert isinstance(request, Request)
        self.request = request
        self.layer.client(request, "z9hG4bKours", self.flow, self.user)

    def receive(self, status: int, branch: str = "z9hG4bKours", *, method: str = "") -> bool:
        response = parse(Response.answering(self.request, status, to_tag="them").render())
        assert isinstance(response, Response)
        if branch != "z9hG4bKours":
            response.set("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}")
        if method:
            response.set("CSeq", f"{response.cseq.number} {method}")
        return self.layer.receive_response(response)

    def after(self, seconds: float) -> None:
        self.timers.advance(self.timers.now + seconds)


class TestNonInvite:
    def test_the_request_is_repeated_at_intervals_that_double_up_to_t2(self) -> None:
        client, sent = Client(MESSAGE), []
        for _ in range(2000):
            before = len(client.flow.sent)
            client.after(0.01)
            if len(client.flow.sent) > before:
                sent.append(round(client.timers.now, 1))
        assert sent == pytest.approx([0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5], abs=0.11)

    def test_repetitions_are_counted_by_method_and_the_first_transmission_is_none(self) -> None:
        client = Client(MESSAGE)
        assert not client.stats.retransmissions
        for _ in range(100):
            client.after(0.01)
        client.after(0.6)
        assert client.stats.retransmissions == {"MESSAGE": 2}

    def test_timer_f_gives_up_after_32_seconds(self) -> None:
        client = Client(MESSAGE)
        for _ in range(650):
            client.after(0.05)
        assert client.user.heard == ["timeout"]
        assert len(client.layer) == 0
        assert len(client.flow.sent) == 11

    def test_nothing_is_repeated_on_reliable_transports(self) -> None:
        client = Client(MESSAGE, "TCP")
        client.after(20)
        assert len(client.flow.sent) == 1
        client.after(13)
        assert client.user.heard == ["timeout"]

    def test_an_answer_ends_the_repeating_and_is_told_once(self) -> None:
        client = Client(MESSAGE)
        client.receive(200)
        client.receive(200)
        client.after(10)
        assert client.user.heard == [200]
        assert len(client.flow.sent) == 1

    def test_after_a_provisional_the_request_is_repeated_every_t2(self) -> None:
        client = Client(MESSAGE)
        client.receive(100)
        client.after(0.51)
        client.after(3.9)
        assert len(client.flow.sent) == 2
        client.after(0.2)
        assert len(client.flow.sent) == 3

    def test_timer_k_keeps_the_branch_for_5_seconds(self) -> None:
        client = Client(MESSAGE)
        client.receive(200)
        client.after(4.9)
        assert len(client.layer) == 1
        client.after(0.7)
        assert len(client.layer) == 0

    def test_an_answer_that_comes_again_within_timer_k_is_absorbed(self) -> None:
        client = Client(MESSAGE)
        client.receive(200)
        client.after(4.9)
        assert client.receive(200) is True
        assert client.user.heard == [200]
        assert client.stats.stray_responses == 0

    def test_an_answer_to_another_method_is_a_stray_within_timer_k_too(self) -> None:
        client = Client(MESSAGE)
        client.receive(200)
        assert client.receive(200, method="INFO") is False
        assert client.stats.stray_responses == 1

    def test_an_answer_that_comes_again_after_timer_k_is_a_stray(self) -> None:
        client = Client(MESSAGE)
        client.receive(200)
        client.after(5.6)
        assert client.receive(200) is False
        assert client.user.heard == [200]
        assert client.stats.stray_responses == 1

    def test_a_response_to_another_branch_is_a_stray_and_dropped(self) -> None:
        client = Client(MESSAGE)
        assert client.receive(200, "z9hG4bKnobody") is False
        assert client.user.heard == []
        assert client.stats.stray_responses == 1

    def test_a_flow_that_is_gone_is_told_after_the_call(self) -> None:
        client = Client(MESSAGE, "TCP", gone=True)
        assert client.user.heard == []
        client.after(0.01)
        assert client.user.heard == ["error"]

    def test_a_connection_that_breaks_ends_what_waits_on_it(self) -> None:
        client = Client(MESSAGE, "TCP")
        client.flow.lose()
        assert client.user.heard == ["error"]
        assert len(client.layer) == 0


class TestInvite:
    def test_a_refusal_is_acknowledged_within_the_transaction(self) -> None:
        client = Client(INVITE + "Route: <sip:proxy.example.com;lr>\n")
        client.receive(486)
        ack = client.flow.last
        assert isinstance(ack, Request)
        assert (ack.method, ack.via.branch, ack.cseq.number, ack.to.tag) == ("ACK", "z9hG4bKours", 7, "them")
        assert ack.get("Route") == "<sip:proxy.example.com;lr>"
        assert client.user.heard == [486]

    def test_a_refusal_that_comes_again_is_acknowledged_again_and_not_told(self) -> None:
        client = Client(INVITE)
        client.receive(486)
        client.receive(486)
        assert client.flow.methods == ["INVITE", "ACK", "ACK"]
        assert client.user.heard == [486]

    def test_a_provisional_ends_the_repeating_for_good(self) -> None:
        client = Client(INVITE)
        client.receive(180)
        client.after(100)
        assert client.flow.methods == ["INVITE"]
        assert client.user.heard == [180]

    def test_every_2xx_is_told_until_timer_m(self) -> None:
        client = Client(INVITE)
        client.receive(200)
        client.receive(200)
        client.after(32.1)
        assert client.receive(200) is False
        assert client.user.heard == [200, 200]

    @pytest.mark.parametrize(("transport", "lingers"), [("UDP", True), ("TCP", False)])
    def test_timer_d_is_32_seconds_on_udp_and_nothing_else(self, transport: str, lingers: bool) -> None:
        client = Client(INVITE, transport)
        client.receive(486)
        client.after(0.05)
        assert bool(len(client.layer)) is lingers
        client.after(32)
        assert len(client.layer) == 0
