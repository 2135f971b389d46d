"""Server transactions (RFC 3261 §17.2, RFC 6026, RFC 4320), seen from the wire."""

from __future__ import annotations

import pytest

from sip.headers import Via
from sip.message import Request, Response, parse
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import ServerTransaction, TransactionLayer
from sip.transport.flow import Flow
from tests.sip.flows import FakeFlow, wire

OPTIONS = """
    OPTIONS sip:example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKo1
    From: <sip:bob@example.com>;tag=b
    To: <sip:example.com>
    Call-ID: c1
    CSeq: 1 OPTIONS
"""
INVITE = OPTIONS.replace("OPTIONS", "INVITE").replace("z9hG4bKo1", "z9hG4bKi1")
ACK = INVITE.replace("INVITE", "ACK").replace("To: <sip:example.com>", "To: <sip:example.com>;tag=us")


class Core:
    """Hears what the layer tells."""

    def __init__(self) -> None:
        self.requests: list[ServerTransaction] = []
        self.acks: list[Request] = []
        self.undelivered: list[bytes] = []

    def on_request(self, transaction: ServerTransaction) -> None:
        self.requests.append(transaction)

    def on_ack(self, request: Request, flow: Flow) -> None:
        self.acks.append(request)

    def on_undeliverable(self, via: Via, answer: bytes) -> None:
        self.undelivered.append(answer)


class Server:
    """A layer with a clock of its own and one peer."""

    def __init__(self, transport: str = "UDP") -> None:
        self.core = Core()
        self.timers = TimerWheel()
        self.stats = Stats()
        self.layer = TransactionLayer(self.core, self.timers, self.stats)
        self.flow = FakeFlow(transport)
        self.request: Request

    def receive(self, text: str) -> None:
        request = parse(wire(text))
        assert isinstance(request, Request)
        self.request = request
        self.layer.receive_request(request, request.via, self.flow, self.flow)

    def answer(self, status: int) -> None:
        transaction = self.core.requests[-1]
        transaction.respond(Response.answering(self.request, status, to_tag="us"))

    def after(self, seconds: float) -> None:
        self.timers.advance(self.timers.now + seconds)


@pytest.fixture
def server() -> Server:
    return Server()


class TestNonInvite:
    def test_a_retransmission_is_answered_again_and_troubles_nobody(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(200)
        server.receive(OPTIONS)
        assert server.flow.statuses == [200, 200]
        assert len(server.core.requests) == 1
        assert server.flow.sent[0] == server.flow.sent[1]

    def test_a_retransmission_before_the_answer_is_absorbed_in_silence(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.receive(OPTIONS)
        assert server.flow.sent == []
        assert server.stats.retransmissions_absorbed == 1

    def test_a_second_final_answer_is_not_sent(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(200)
        server.answer(500)
        assert server.flow.statuses == [200]
        assert server.stats.requests == {("OPTIONS", 200): 1}

    def test_timer_j_ends_it_after_32_seconds_on_udp(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(200)
        server.after(31.9)
        assert len(server.layer) == 1
        server.after(0.2)
        assert len(server.layer) == 0

    def test_timer_j_is_zero_on_reliable_transports(self) -> None:
        server = Server("TCP")
        server.receive(OPTIONS)
        server.answer(200)
        server.after(0.01)
        assert len(server.layer) == 0

    def test_100_goes_out_when_timer_e_has_reached_t2(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.after(3.4)
        assert server.flow.sent == []
        server.after(0.2)
        assert server.flow.statuses == [100]

    def test_a_provisional_other_than_100_is_never_sent(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(180)
        assert server.flow.sent == []

    def test_408_is_never_sent(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(408)
        assert server.flow.sent == []
        assert len(server.layer) == 0

    def test_credentials_under_the_branch_of_the_challenge_are_a_new_request(self, server: Server) -> None:
        # libpurple does this with MESSAGE.
        server.receive(OPTIONS)
        server.answer(407)
        server.receive(OPTIONS + 'Proxy-Authorization: Digest username="bob"\n')
        assert len(server.core.requests) == 2
        server.answer(200)
        assert server.flow.statuses == [407, 200]

    def test_the_challenged_request_itself_repeated_gets_the_challenge_again(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.answer(407)
        server.receive(OPTIONS)
        assert server.flow.statuses == [407, 407]

    def test_an_answer_whose_connection_is_gone_is_handed_back(self) -> None:
        server = Server("TCP")
        server.receive(OPTIONS)
        server.flow.gone = True
        server.answer(200)
        assert len(server.core.undelivered) == 1

    def test_what_nobody_ever_answers_does_not_stay(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.receive(OPTIONS)
        server.after(4)
        server.after(65)
        assert len(server.layer) == 0
        assert server.flow.statuses == [100]
        assert "transaction.never-answered" in caplog.text


class TestInvite:
    def test_what_nobody_ever_answers_ends_with_500(self, server: Server) -> None:
        server.receive(INVITE)
        server.after(1)
        server.after(901)
        assert server.flow.statuses == [100, 500]

    def test_100_goes_out_after_200_ms(self, server: Server) -> None:
        server.receive(INVITE)
        server.after(0.19)
        assert server.flow.sent == []
        server.after(0.02)
        assert server.flow.statuses == [100]

    def test_a_refusal_is_repeated_until_it_is_acknowledged(self, server: Server) -> None:
        server.receive(INVITE)
        server.answer(486)
        for wait in (0.51, 1.01, 2.01):
            server.after(wait)
        assert server.flow.statuses == [486] * 4
        server.receive(ACK)
        server.after(10)
        assert server.flow.statuses == [486] * 4
        assert server.core.acks == []

    def test_a_refusal_is_not_repeated_on_reliable_transports(self) -> None:
        server = Server("TCP")
        server.receive(INVITE)
        server.answer(486)
        server.after(10)
        assert server.flow.statuses == [486]

    def test_timer_h_gives_up_after_32_seconds(self, server: Server) -> None:
        server.receive(INVITE)
        server.answer(486)
        for _ in range(90):
            server.after(0.5)
        assert len(server.layer) == 0
        assert server.flow.statuses.count(486) == 11

    def test_after_a_2xx_the_invite_is_absorbed_for_32_seconds(self, server: Server) -> None:
        server.receive(INVITE)
        server.answer(200)
        server.receive(INVITE)
        assert server.flow.statuses == [200]
        assert len(server.core.requests) == 1
        server.after(32.1)
        assert len(server.layer) == 0

    def test_a_2xx_that_comes_again_is_passed_on(self, server: Server) -> None:
        server.receive(INVITE)
        server.answer(200)
        server.answer(200)
        assert server.flow.statuses == [200, 200]

    def test_the_ack_to_a_2xx_goes_to_the_core(self, server: Server) -> None:
        server.receive(INVITE)
        server.answer(200)
        server.receive(ACK.replace("z9hG4bKi1", "z9hG4bKother"))
        assert [ack.method for ack in server.core.acks] == ["ACK"]


class TestMatching:
    def test_the_same_branch_from_another_sender_is_another_transaction(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.receive(OPTIONS.replace("192.0.2.7;", "192.0.2.8;"))
        assert len(server.core.requests) == 2

    def test_a_peer_of_rfc_2543_is_matched_without_a_branch(self, server: Server) -> None:
        old = OPTIONS.replace(";branch=z9hG4bKo1", "")
        server.receive(old)
        server.answer(200)
        server.receive(old)
        assert len(server.core.requests) == 1
        server.receive(old.replace("CSeq: 1", "CSeq: 2"))
        assert len(server.core.requests) == 2

    def test_the_ack_of_a_peer_of_rfc_2543_ends_the_repeating(self, server: Server) -> None:
        server.receive(INVITE.replace(";branch=z9hG4bKi1", ""))
        server.answer(486)
        server.receive(ACK.replace(";branch=z9hG4bKi1", ""))
        server.after(5)
        assert server.flow.statuses == [486]

    def test_a_cancel_finds_its_invite(self, server: Server) -> None:
        server.receive(INVITE)
        server.receive(INVITE.replace("INVITE", "CANCEL"))
        cancel = server.core.requests[-1].request
        assert server.layer.cancelled_by(cancel, cancel.via) is server.core.requests[0]

    def test_a_cancel_of_nothing_finds_nothing(self, server: Server) -> None:
        server.receive(INVITE.replace("INVITE", "CANCEL"))
        cancel = server.core.requests[-1].request
        assert server.layer.cancelled_by(cancel, cancel.via) is None


class TestMerging:
    def test_the_same_request_on_another_path_is_merged(self, server: Server) -> None:
        server.receive(OPTIONS)
        assert not server.layer.is_merged(server.core.requests[-1])
        server.receive(OPTIONS.replace("z9hG4bKo1", "z9hG4bKo2"))
        assert server.layer.is_merged(server.core.requests[-1])

    def test_a_request_that_answers_a_challenge_is_not_merged(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.layer.is_merged(server.core.requests[-1])
        server.answer(401)
        server.receive(OPTIONS.replace("z9hG4bKo1", "z9hG4bKo2"))
        assert not server.layer.is_merged(server.core.requests[-1])

    def test_nothing_of_it_stays_when_the_transactions_have_ended(self, server: Server) -> None:
        server.receive(OPTIONS)
        server.layer.is_merged(server.core.requests[-1])
        server.answer(200)
        server.after(33)
        server.receive(OPTIONS.replace("z9hG4bKo1", "z9hG4bKo2"))
        assert not server.layer.is_merged(server.core.requests[-1])
