"""What is turned away while there is too much to do, and what is not."""

from __future__ import annotations

import pytest

from sip.door import Door
from sip.limits import GateSettings
from sip.message import Response
from tests.sip.asking import INVITE, OPTIONS, REGISTER
from tests.sip.flows import FakeFlow, wire
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed

PUBLISH = """
    PUBLISH sip:alice@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKpub1
    Max-Forwards: 70
    From: <sip:alice@example.com>;tag=a1
    To: <sip:alice@example.com>
    Call-ID: publish1
    CSeq: 1 PUBLISH
    Event: presence
    Expires: 600
"""


class Overloaded(House):
    """A stack that has too much to do."""

    def __init__(self, gate: GateSettings | None = None) -> None:
        super().__init__(gate=gate)
        self.door = Door(
            self.core.load,
            self.core.note_source,
            self.layer.knows,
            self.layer.knows_branch,
            self.stats,
            self.core.keeps_out,
            self.core.turned_away,
        )
        self.overload()

    def overload(self) -> None:
        self.core.load.looked(0.0, "Too much to do", self.timers.now)

    def knock(self, text: str, flow: FakeFlow | None = None) -> Response | None:
        """The 503 to a request; None: it was let in."""
        flow = flow or self.peer
        before = len(flow.sent)
        if not self.door.turn_away(wire(text), flow):
            assert len(flow.sent) == before
            return None
        answer = flow.messages[before]
        assert isinstance(answer, Response)
        return answer


@pytest.fixture
def house() -> Overloaded:
    return Overloaded()


@pytest.mark.parametrize("text", [OPTIONS, INVITE, REGISTER, PUBLISH, SUBSCRIBE])
def test_new_work_is_answered_503_with_a_reason_and_retry_after(house: Overloaded, text: str):
    answer = house.knock(text)
    assert answer is not None
    assert (answer.status, answer.reason) == (503, "Too much to do")
    assert 5 <= int(answer.get("Retry-After") or 0) <= 10
    assert answer.to.tag
    assert len(house.layer) == 0
    assert house.stats.shed == 1
    assert house.door.drop(wire(text))
    assert house.stats.shed == 2


def test_it_is_counted_with_its_method(house: Overloaded):
    house.knock(REGISTER)
    assert house.stats.requests["REGISTER", 503] == 1


def test_the_same_request_gets_the_same_answer(house: Overloaded):
    first, second = house.knock(INVITE), house.knock(INVITE)
    assert first is not None
    assert first == second


def test_the_answer_goes_where_the_request_came_from(house: Overloaded):
    flow = house.network.at("198.51.100.9", 49152)
    answer = house.knock(OPTIONS.replace("198.51.100.9:5060;", "10.0.0.5:5062;rport;"), flow)
    assert answer is not None
    assert (answer.via.received, answer.via.rport) == ("198.51.100.9", 49152)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(REGISTER.replace("REGISTER", "ACK"), id="ACK"),
        pytest.param(INVITE.replace("INVITE", "CANCEL"), id="CANCEL"),
        pytest.param(
            INVITE.replace("INVITE", "INFO").replace(
                "<sip:alice@example.com>", "<sip:alice@example.com>;tag=x"
            ),
            id="within a dialog",
        ),
        pytest.param(
            INVITE.replace("INVITE", "INFO").replace(
                "<sip:alice@example.com>", "<sip:alice@example.com> ;Tag = x"
            ),
            id="within a dialog, written otherwise",
        ),
        pytest.param(PUBLISH.replace("Expires", "Sip-If-Match: e1\nExpires"), id="Sip-If-Match"),
        pytest.param(PUBLISH.replace("Expires", "SIP-If-Match: e1\nExpires"), id="SIP-If-Match"),
        pytest.param(
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\nCSeq: 1 NOTIFY", id="response"
        ),
        pytest.param(
            REGISTER.replace("CSeq: 1 REGISTER", "CSeq: none"), id="malformed, answered 400 where it is read"
        ),
    ],
)
def test_what_goes_on_is_let_in(house: Overloaded, text: str):
    assert not house.door.drop(wire(text)) or "none" in text
    house.stats.shed = 0
    assert house.knock(text) is None or "none" in text
    assert house.stats.shed == ("none" in text)


def folded(text: str) -> bytes:
    """`text` with a fold (RFC 3261 §7.3.1) at each ~."""
    return wire(text).replace(b"~", b"\r\n ")


@pytest.mark.parametrize("line", ["To: <sip:a@example.com>~;tag=x", "t: <sip:a@example.com>~~; tag~ =x"])
def test_what_is_within_a_dialog_by_a_folded_line_is_let_in(house: Overloaded, line: str):
    data = folded(OPTIONS.replace("To: <sip:example.com>", line))
    assert not house.door.drop(data)
    assert not house.door.turn_away(data, house.peer)


@pytest.mark.parametrize("lines", ["To: ~<sip:example.com>", "To: <sip:example.com>\nSubject: x~;tag=x"])
def test_new_work_is_turned_away_whatever_is_folded(house: Overloaded, lines: str):
    data = folded(OPTIONS.replace("To: <sip:example.com>", lines))
    assert house.door.drop(data)
    assert house.door.turn_away(data, house.peer)


def test_what_has_no_end_is_dropped_as_well(house: Overloaded):
    assert house.door.drop(b"OPTIONS sip:example.com SIP/2.0\r\nTo: <sip:example.com>\r\n \r\nA")


def test_the_lines_of_a_body_do_not_say_what_a_request_is(house: Overloaded):
    within = OPTIONS.replace("To: <sip:example.com>", "TO: <sip:example.com>;tag=x")
    assert not house.door.drop(wire(within, b"\r\nTo: <sip:example.com>\r\n"))


def test_a_refresh_of_a_subscription_is_let_in(house: Overloaded):
    house.core.load.looked(0.0, None, 0.0)
    subscribed(house)
    house.overload()
    assert house.knock(again(house, cseq=11)) is None


def test_a_request_that_was_let_in_before_is_never_told_another_answer(house: Overloaded):
    house.core.load.looked(0.0, None, 0.0)
    house.receive(SUBSCRIBE)
    house.overload()
    assert house.knock(SUBSCRIBE) is None


def test_requests_within_dialogs_are_turned_away_when_nothing_else_helps(house: Overloaded):
    house.core.load.everything = True
    text = INVITE.replace("INVITE", "INFO").replace(
        "<sip:alice@example.com>", "<sip:alice@example.com>;tag=x"
    )
    answer = house.knock(text)
    assert answer is not None
    assert answer.to.tag == "x"
    assert house.knock(text.replace("INFO", "BYE")) is None


def test_nothing_is_turned_away_otherwise(house: Overloaded):
    house.core.load.looked(0.0, None, 0.0)
    assert not house.door.closed
    assert house.knock(OPTIONS) is None


def test_a_connection_that_is_gone_is_told_nothing_more(house: Overloaded):
    flow = house.network.at("198.51.100.9", 1, "TCP")
    flow.gone = True
    assert house.door.turn_away(wire(OPTIONS), flow)


def test_methods_that_nobody_defined_are_counted_together(house: Overloaded):
    for number in range(100):
        house.knock(
            OPTIONS.replace("OPTIONS", f"X{number}").replace("branch=z9hG4bKopt1", f"branch=z9hG4bK{number}")
        )
    assert house.stats.requests == {("OTHER", 503): 100}


def test_that_holds_for_those_that_are_handled_too(house: Overloaded):
    house.core.load.looked(0.0, None, 0.0)
    for number in range(100):
        text = OPTIONS.replace("OPTIONS", f"X{number}").replace("z9hG4bKopt1", f"z9hG4bK{number}")
        assert isinstance(house.ask(text, house.stranger), Response)
    assert len(house.stats.requests) == 1


class TestWhatAnAddressMayAsk:
    """Three requests at once."""

    @pytest.fixture
    def house(self) -> Overloaded:
        return Overloaded(GateSettings(requests=3, unproved=0, burst=1))

    def test_a_refusal_counts_once_and_who_asks_more_is_not_even_told(self, house: Overloaded):
        for _ in range(5):
            assert house.door.turn_away(wire(OPTIONS), house.stranger)
        assert house.stranger.statuses == [503] * 3
        assert house.stats.limits == {"address_requests": 2}

    def test_so_does_one_to_what_had_to_be_parsed(self, house: Overloaded):
        for _ in range(5):
            assert house.door.turn_away(wire(OPTIONS.replace("Call-ID", "i")), house.stranger)
        assert house.stranger.statuses == [503] * 3

    def test_a_request_within_a_dialog_counts_once(self, house: Overloaded):
        for number in range(5):
            text = OPTIONS.replace("To: <sip:example.com>", "To: <sip:example.com>;tag=x").replace(
                "z9hG4bKopt1", f"z9hG4bK{number}"
            )
            if not house.door.turn_away(wire(text), house.stranger):
                house.receive(text, house.stranger)
        assert house.stranger.statuses == [200] * 3
        assert house.stats.limits == {"address_requests": 2}

    def test_a_peer_that_is_trusted_may_ask_as_much_as_it_likes(self, house: Overloaded):
        assert [house.knock(OPTIONS) is None for _ in range(5)] == [False] * 5
