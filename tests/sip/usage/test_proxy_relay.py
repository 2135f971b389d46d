"""Relays: a MESSAGE to all bindings at once, on behalf of a service that answers its client itself."""

from __future__ import annotations

import pytest

from sip.errors import LoopDetected, SipError
from sip.message import Response
from tests.sip.usage.proxy_fakes import MESSAGE, House, request, to

DESK, MOBILE = "sip:bob@desk.example.net", "sip:bob@mobile.example.net"

STORED = """\
    MESSAGE sip:bob@example.com SIP/2.0
    From: Alice <sip:alice@example.com>;tag=s1
    To: <sip:bob@example.com>
    Call-ID: stored-1@example.com
    CSeq: 1 MESSAGE
    Date: Thu, 21 Nov 2026 13:02:03 GMT
    Content-Type: text/plain

    Are you there?
    """


class Service:
    """Collects results."""

    def __init__(self) -> None:
        self.results: list[tuple[int, Response | None]] = []

    def __call__(self, status: int, response: Response | None) -> None:
        self.results.append((status, response))

    @property
    def statuses(self) -> list[int]:
        return [status for status, _ in self.results]


def test_all_targets_get_the_message_at_once_whatever_their_q() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK, 900), to(MOBILE, 100)], service)
    assert house.sender.places == [DESK, MOBILE]


def test_the_first_2xx_is_the_result() -> None:
    house, service = House(), Service()
    relay = house.proxy.relay(request(MESSAGE), [to(DESK), to(MOBILE)], service)
    house.sent[0].answer(486)
    assert (service.results, relay.done) == ([], False)
    house.sent[1].answer(200, "Read it")
    assert [response.reason for _, response in service.results if response] == ["Read it"]
    assert relay.done


def test_the_result_is_given_once() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK), to(MOBILE)], service)
    house.sent[0].answer(200)
    house.sent[1].answer(200)
    house.timers.advance(100.0)
    assert service.statuses == [200]


def test_when_all_refuse_the_best_refusal_is_the_result() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK), to(MOBILE)], service)
    house.sent[0].answer(500)
    house.sent[1].answer(415)
    assert service.statuses == [415]


@pytest.mark.parametrize("failure", [408, 503])
def test_when_nobody_answers_there_is_a_status_and_no_response(failure: int) -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK)], service)
    house.sent[0].fail(failure)
    assert service.results == [(failure, None)]


def test_nobody_to_relay_to_is_480() -> None:
    service = Service()
    relay = House().proxy.relay(request(MESSAGE), [], service)
    assert service.results == [(480, None)]
    assert relay.done


def test_silence_is_408_when_patience_is_over() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK)], service)
    house.timers.advance(19.9)
    assert service.results == []
    house.timers.advance(20.1)
    assert service.results == [(408, None)]


def test_patience_can_be_given() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK)], service, patience=5.0)
    house.timers.advance(5.1)
    assert service.statuses == [408]


def test_a_2xx_after_the_result_is_told_as_late() -> None:
    house, service = House(), Service()
    late: list[Response] = []
    relay = house.proxy.relay(request(MESSAGE), [to(DESK)], service)
    relay.on_late = late.append
    house.timers.advance(21.0)
    house.sent[0].answer(200)
    assert (service.statuses, [response.status for response in late]) == ([408], [200])


def test_a_copy_that_a_second_device_takes_is_not_late() -> None:
    house, service = House(), Service()
    late: list[Response] = []
    relay = house.proxy.relay(request(MESSAGE), [to(DESK), to(MOBILE)], service)
    relay.on_late = late.append
    house.sent[0].answer(200)
    house.sent[1].answer(200)
    assert late == []


def test_a_cancelled_relay_tells_nothing() -> None:
    house, service = House(), Service()
    relay = house.proxy.relay(request(MESSAGE), [to(DESK)], service)
    relay.cancel()
    house.sent[0].answer(200)
    assert (service.results, relay.done) == ([], True)


def test_a_stored_message_leaves_as_it_was_with_only_our_via() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(STORED), [to(DESK)], service)
    copy = house.sent[0].request
    assert len(copy.vias) == 1
    assert copy.get("Date") == "Thu, 21 Nov 2026 13:02:03 GMT"
    assert (copy.get("Max-Forwards"), copy.body) == ("70", b"Are you there?\r\n")


def test_the_answer_to_a_stored_message_is_a_result_although_it_has_only_our_via() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(STORED), [to(DESK)], service)
    house.sent[0].answer(200)
    assert service.statuses == [200]


def test_a_looping_message_is_not_relayed() -> None:
    house, service = House(), Service()
    house.proxy.relay(request(MESSAGE), [to(DESK)], service)
    back = house.sent[0].request.copy()
    back.retarget("sip:bob@example.com")
    with pytest.raises(LoopDetected):
        house.proxy.relay(back, [to(DESK)], service)


def test_a_relay_keeps_to_max_breadth() -> None:
    house, service = House(), Service()
    with pytest.raises(SipError, match="440"):
        house.proxy.relay(request(MESSAGE, max_breadth="1"), [to(DESK), to(MOBILE)], service)
