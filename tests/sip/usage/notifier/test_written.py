"""NOTIFYs that are written as bytes (sip.usage.notifier.sending): the same as those made of messages."""

from __future__ import annotations

import pytest

from sip.message import Request, parse
from sip.sender import SenderSettings
from sip.transaction import TransactionLayer
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed

LOOSE = "Record-Route: <sip:192.0.2.7;lr>\n"
STRICT = "Record-Route: <sip:192.0.2.7>\n"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was sent as bytes."""
    found: list[bytes] = []
    send = TransactionLayer.client_written

    def noted(self, data, *more):  # type: ignore[no-untyped-def]
        found.append(data)
        return send(self, data, *more)

    monkeypatch.setattr(TransactionLayer, "client_written", noted)
    return found


def without_branch(data: bytes) -> Request:
    request = parse(data)
    assert isinstance(request, Request)
    request.remove("Via")
    return request


@pytest.mark.parametrize(
    "text",
    [
        SUBSCRIBE,
        SUBSCRIBE.replace("Event: presence", "Event: presence;id=7"),
        SUBSCRIBE.replace('"Bob"', '"B\u00f6b"'),
        SUBSCRIBE + LOOSE,
    ],
)
def test_what_is_written_is_what_a_message_says(
    text: str, written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    house.receive(text)
    monkeypatch.setattr("sip.usage.notifier.sending._goes_by", lambda *_: False)
    other = House()
    other.receive(text)
    (sent,) = written
    assert sent == house.peer.sent[-1]
    one, two = without_branch(sent), without_branch(other.peer.sent[-1])
    assert one.start_line == two.start_line
    assert sorted(one.items()) == sorted(two.items())
    assert one.body == two.body


def test_its_via_has_a_branch_and_asks_for_the_port(written: list[bytes]) -> None:
    subscribed(House())
    request = parse(written[0])
    assert (request.via.sent_by, request.via.transport) == ("192.0.2.1:5060", "UDP")
    assert (request.via.branch or "").startswith("z9hG4bK")
    assert "rport" in request.via.params


@pytest.mark.parametrize(
    "text",
    [
        SUBSCRIBE + STRICT,
        SUBSCRIBE.replace(";tag=bobtag", ""),
        SUBSCRIBE.replace("Contact: <sip:bob@192.0.2.7:5060>", "Contact: <sip:bob@phone.example.com>"),
        SUBSCRIBE.replace("Contact: <sip:bob@192.0.2.7:5060>", "Contact: <sip:bob@192.0.2.8:5060>"),
    ],
)
def test_what_goes_another_way_is_a_message(text: str, written: list[bytes]) -> None:
    house = House()
    assert house.ask(text).status == 200
    sent = [data for flow in house.network.flows.values() for data in flow.sent]
    assert [data[:6] for data in sent].count(b"NOTIFY") == 1
    assert written == []


def test_a_new_contact_is_another_way(written: list[bytes]) -> None:
    house = House()
    subscribed(house)
    house.receive(again(house, cseq=11).replace("bob@192.0.2.7:5060>", "bob@192.0.2.8:5060>"))
    (moved,) = house.notifies(house.network.at("192.0.2.8"))
    assert moved.uri_text == "sip:bob@192.0.2.8:5060"
    assert len(written) == 1


def test_a_connection_that_is_gone_is_another_way(written: list[bytes]) -> None:
    house = House()
    flow = house.network.at("192.0.2.7", 40000, "TCP")
    text = SUBSCRIBE.replace("SIP/2.0/UDP 192.0.2.7:5060", "SIP/2.0/TCP 192.0.2.7:5060")
    house.receive(text, flow)
    assert len(written) == 1
    house.answer(house.notifies(flow)[0], flow=flow)
    flow.lose()
    house.notifier.changed("presence", "sip:alice@example.com")
    assert len(written) == 1
    assert len(house.notifies()) == 1


def test_what_the_system_does_not_send_goes_by_a_connection_with_the_same_number(
    written: list[bytes],
) -> None:
    house = House()
    house.peer.room = 9216
    house.package.state = "x" * 20_000
    house.receive(SUBSCRIBE)
    house.after(0.1)
    (sent,) = house.network.at("192.0.2.7", 5060, "TCP").messages
    assert isinstance(sent, Request)
    assert [via.transport for via in sent.vias] == ["TCP"]
    assert sent.get("Contact") == "<sip:192.0.2.1:5060;transport=tcp>"
    assert sent.cseq.number == 1
    house.answer(sent)
    house.package.state = "small"
    house.notifier.changed("presence", "sip:alice@example.com")
    assert house.notifies()[-1].cseq.number == 2


def test_where_large_requests_avoid_datagrams_all_are_messages(written: list[bytes]) -> None:
    house = House(sender=SenderSettings(congestion_safe=True))
    subscribed(house)
    assert written == []


def test_a_value_that_would_break_a_line_is_left_to_the_message_which_refuses_it(
    written: list[bytes],
) -> None:
    house = House()
    subscribed(house)
    (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
    subscription.event_id = "7\r\nRoute: <sip:evil.example.com>"
    house.notifier.changed("presence", "sip:alice@example.com")
    assert len(written) == 1
    assert len(house.notifier) == 0


def test_a_refusal_of_what_was_written_ends_the_subscription() -> None:
    house = House()
    house.receive(SUBSCRIBE)
    house.answer(house.notifies()[0], 481)
    assert len(house.notifier) == 0


def test_the_rates_of_an_answer_are_heard() -> None:
    house = House()
    house.receive(SUBSCRIBE.replace("Event: presence", "Event: presence;max-rate=0.5"))
    (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
    assert subscription.agreed_rates == ";max-rate=0.5"
    head = house.peer.sent[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")
    ok = [b"SIP/2.0 200 OK", *head[1:6], b"Event: presence;max-rate=0.2", b"", b""]
    house.receive(b"\r\n".join(ok))
    assert subscription.agreed_rates == ";max-rate=0.2"
