"""What a watcher asked for beside the state, over a restart: rates, no state at all, a SIPS Contact."""

from __future__ import annotations

import pytest

from sip.message import Request
from tests.sip.flows import FakeFlow
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import (
    SUBSCRIBE,
    again,
    answer,
    bodies,
    change,
    paced,
    state,
    subscribed,
    tags,
)


def restarted(house: House) -> House:
    """The same rows in a new server at once; what it sends in its first second is answered."""
    after = House()
    after.network.flows = house.network.flows
    after.peer, house.peer.sent[:] = house.peer, []
    after.notifier.restore(
        house.journal.load("subscription"), flow=after.network.flow, now=0.0, wall=house.wall()
    )
    after.journal.rows = dict(house.journal.rows)
    after.package.state = house.package.state
    after.after(0.1)
    if after.notifies():
        after.answer(after.notifies()[-1])
    return after


class TestRates:
    """RFC 6446 §4.2: the rates are those of the subscription, which goes on."""

    def test_a_maximum_is_said_and_kept(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        after = restarted(house)
        assert state(after.notifies()[0]) == "active;expires=600;max-rate=0.1"
        change(after, "rain")
        after.after(9)
        assert bodies(after) == [b"sunny"]
        after.after(2)
        assert bodies(after) == [b"sunny", b"rain"]

    @pytest.mark.parametrize("rate", ["min-rate=0.05", "adaptive-min-rate=0.05"])
    def test_a_minimum_brings_the_state_though_nothing_changed(self, house: House, rate: str) -> None:
        paced(house, rate)
        after = restarted(house)
        after.after(24)
        assert bodies(after) == [b"sunny", b"sunny"]
        assert state(after.notifies()[-1]).endswith(f";{rate}")

    def test_what_was_put_right_is_not_put_right_anew(self, house: House) -> None:
        paced(house, "max-rate=0.0001")
        house.after(500)
        assert state(restarted(house).notifies()[0]) == "active;expires=100;max-rate=0.0016666667"

    def test_those_of_the_last_subscribe_count(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.ask(again(house, cseq=11).replace("Event: presence", "Event: presence;max-rate=0.5"))
        assert state(restarted(house).notifies()[0]).endswith(";max-rate=0.5")

    def test_a_refresh_without_them_ended_them(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.ask(again(house, cseq=11))
        assert state(restarted(house).notifies()[0]) == "active;expires=600"

    def test_those_of_an_answer_count(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.after(11)
        change(house, "rain")
        answer(house, "presence;max-rate=0.5")
        assert state(restarted(house).notifies()[0]).endswith(";max-rate=0.5")


class TestConditions:
    """RFC 5839 §5.2."""

    def quiet(self, house: House, tag: str) -> None:
        assert house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {tag}\n")).status == 204

    def test_who_wants_nothing_at_all_is_not_woken(self, house: House) -> None:
        subscribed(house)
        self.quiet(house, "*")
        after = restarted(house)
        change(after, "rain")
        after.after(60)
        assert after.notifies() == []

    def test_he_is_told_of_the_end(self, house: House) -> None:
        subscribed(house)
        self.quiet(house, "*")
        after = restarted(house)
        after.after(601)
        (last,) = after.notifies()
        assert (state(last), last.body) == ("terminated;reason=timeout", b"")

    def test_he_is_told_that_he_has_to_wait_again(self, house: House) -> None:
        subscribed(house)
        self.quiet(house, "*")
        after = House()
        after.package.policy["sip:bob@example.com"] = "pending"
        after.notifier.restore(
            house.journal.load("subscription"), flow=after.network.flow, now=0.0, wall=house.wall()
        )
        after.after(0.1)
        assert [(state(it), it.body) for it in after.notifies()] == [("pending;expires=600", b"")]

    def test_a_subscribe_without_it_brings_the_state(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=12)
        self.quiet(house, "*")
        after = restarted(house)
        assert after.ask(text).status == 200
        assert bodies(after) == [b"sunny"]

    def test_who_had_a_state_that_was_another_one_meanwhile_gets_it_whole(self, house: House) -> None:
        subscribed(house)
        self.quiet(house, tags(house)[0] or "")
        change(house, "rain")
        answer(house)
        house.package.state = "sunny"
        assert bodies(restarted(house)) == [b"sunny"]


SIPS = (
    SUBSCRIBE.replace("UDP 192.0.2.7:5060", "TLS 192.0.2.7:5061")
    .replace("SUBSCRIBE sip:alice", "SUBSCRIBE sips:alice")
    .replace("To: <sip:alice", "To: <sips:alice")
)
ROUTED = "    Record-Route: <{scheme}:proxy.example.com;lr>\n"
PLAIN = SIPS.replace("sips:", "sip:")
BOB = "sip:bob@192.0.2.7:5060"


class TestSipsContact:
    """RFC 3261 §12.1.1: a dialog that SIPS began has a SIPS Contact."""

    def contacts(self, house: House, text: str, transport: str = "TLS") -> list[str | None]:
        flow = house.network.at("192.0.2.7", 5061, transport)
        response = house.ask(text.replace("TLS 192", f"{transport} 192"), flow)
        assert response.status == 200, response.start_line
        found = [flow.messages[-1]] if isinstance(flow.messages[-1], Request) else []
        return [response.get("Contact"), *(message.get("Contact") for message in found)]

    def test_a_sips_request_uri(self, house: House) -> None:
        assert set(self.contacts(house, SIPS)) == {"<sips:192.0.2.1:5060>"}

    def test_a_sips_contact_without_record_route(self, house: House) -> None:
        text = PLAIN.replace(f"<{BOB}>", "<sips:bob@192.0.2.7:5061>")
        assert self.contacts(house, text)[0] == "<sips:192.0.2.1:5060>"

    def test_the_top_record_route_instead_of_the_contact(self, house: House) -> None:
        sips, sip = (ROUTED.format(scheme=scheme) for scheme in ("sips", "sip"))
        assert self.contacts(house, PLAIN + sips)[0] == "<sips:192.0.2.1:5060>"
        text = PLAIN.replace(f"<{BOB}>", "<sips:bob@192.0.2.7:5061>").replace("call1", "call2")
        text = text.replace("z9hG4bKsub1", "z9hG4bKsub2")
        assert self.contacts(house, text + sip)[0] == "<sip:192.0.2.1:5060;transport=tls>"

    def test_without_sips_anywhere_it_is_sip(self, house: House) -> None:
        assert self.contacts(house, PLAIN)[0] == "<sip:192.0.2.1:5060;transport=tls>"

    def test_over_a_websocket(self, house: House) -> None:
        assert self.contacts(house, SIPS, "WSS")[0] == "<sips:192.0.2.1:5060;transport=ws>"

    def test_where_no_tls_is_it_stays_sip(self, house: House) -> None:
        assert self.contacts(house, SIPS, "TCP")[0] == "<sip:192.0.2.1:5060;transport=tcp>"

    def test_notifies_after_a_restart_have_it_too(self, house: House) -> None:
        self.contacts(house, SIPS)
        after = House()
        flow = FakeFlow("TLS", "192.0.2.7", 5061)
        after.notifier.restore(
            house.journal.load("subscription"), flow=lambda key: flow, now=0.0, wall=house.wall()
        )
        after.after(0.1)
        assert after.notifies(flow)[0].get("Contact") == "<sips:192.0.2.1:5060>"
