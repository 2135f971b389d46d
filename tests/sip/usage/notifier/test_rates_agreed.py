"""Rates of notification (RFC 6446) as the subscriber and the notifier agree on them, on the wire."""

from __future__ import annotations

import pytest

from sip.usage.notifier import NotifierSettings
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import (
    ALICE,
    again,
    answer,
    bodies,
    change,
    paced,
    state,
    subscribed,
)


class TestSaid:
    """§4.2, §5.2, §6.2, §7.2: the Subscription-State says what was adopted."""

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("max-rate=0.1", "max-rate=0.1"),
            ("min-rate=0.05", "min-rate=0.05"),
            ("adaptive-min-rate=0.02", "adaptive-min-rate=0.02"),
            ("max-rate=0.2;min-rate=0.5", "max-rate=0.2;min-rate=0.2"),
            ("max-rate=0.0001", "max-rate=0.0016666667"),
        ],
    )
    def test_every_notify_says_the_rate_that_is_kept(self, house: House, asked: str, said: str) -> None:
        first = paced(house, asked)
        assert state(first) == f"active;expires=600;{said}"
        house.ask(again(house, cseq=11).replace("Event: presence", f"Event: presence;{asked}"))
        assert state(house.notifies()[-1]) == f"active;expires=600;{said}"

    def test_who_asks_for_none_is_told_of_none(self, house: House) -> None:
        assert state(subscribed(house)) == "active;expires=600"


class TestRates:
    """§5, §6: what a watcher asks for is kept, and holds up no end and no SUBSCRIBE."""

    def test_a_maximum_is_said_and_kept_and_the_last_state_is_not_lost(self, house: House) -> None:
        first = paced(house, "max-rate=0.1")
        assert first.get("Subscription-State") == "active;expires=600;max-rate=0.1"
        for text in ("rain", "hail", "snow"):
            change(house, text)
        house.after(9.9)
        assert len(house.notifies()) == 1
        house.after(0.2)
        assert bodies(house) == [b"sunny", b"snow"]

    def test_a_subscribe_is_answered_at_once_whatever_the_maximum(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.ask(again(house, cseq=11).replace("Event: presence", "Event: presence;max-rate=0.1"))
        assert len(house.notifies()) == 2

    def test_a_refresh_without_it_ends_it(self, house: House) -> None:
        paced(house, "max-rate=0.01")
        house.ask(again(house, cseq=11))
        house.answer(house.notifies()[-1])
        change(house, "rain")
        assert house.notifies()[-1].body == b"rain"

    def test_a_minimum_brings_the_state_though_nothing_changed(self, house: House) -> None:
        paced(house, "min-rate=0.05")
        house.after(19.9)
        assert len(house.notifies()) == 1
        house.after(0.3)
        assert bodies(house) == [b"sunny", b"sunny"]
        house.answer(house.notifies()[-1])
        house.after(20.2)
        assert len(house.notifies()) == 3

    def test_the_server_has_a_least_interval_for_everybody(self) -> None:
        house = House(notifier=NotifierSettings(least_interval=5.0))
        subscribed(house)
        change(house, "rain")
        assert len(house.notifies()) == 1
        house.after(5.1)
        assert house.notifies()[-1].body == b"rain"

    def test_the_end_does_not_wait(self, house: House) -> None:
        paced(house, "max-rate=0.01")
        house.notifier.remove_user("sip:alice@example.com")
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=noresource"


class TestMaximum:
    def test_who_is_allowed_hears_it_before_the_interval_is_over(self, house: House) -> None:
        house.package.policy["sip:bob@example.com"] = "pending"
        paced(house, "max-rate=0.01")
        house.package.policy["sip:bob@example.com"] = "active"
        house.notifier.reauthorize("presence", ALICE)
        assert [state(notify).partition(";")[0] for notify in house.notifies()] == ["pending", "active"]

    def test_a_shorter_lifetime_raises_it(self, house: House) -> None:
        paced(house, "max-rate=0.002")
        text = again(house, cseq=11, expires=100)
        house.ask(text.replace("Event: presence", "Event: presence;max-rate=0.002"))
        assert state(house.notifies()[-1]) == "active;expires=100;max-rate=0.01"


class TestLeastInterval:
    def test_the_interval_of_the_server_holds_after_a_restart_too(self) -> None:
        settings = NotifierSettings(least_interval=5.0)
        before, after = House(notifier=settings), House(notifier=settings)
        subscribed(before)
        after.notifier.restore(
            before.journal.load("subscription"), flow=after.network.flow, now=0.0, wall=before.wall()
        )
        after.after(0.1)
        after.answer(after.notifies()[-1])
        change(after, "rain")
        assert bodies(after) == [b"sunny"]
        after.after(5.1)
        assert bodies(after) == [b"sunny", b"rain"]


class TestAdaptive:
    def test_it_brings_the_state_though_nothing_changed(self, house: House) -> None:
        paced(house, "adaptive-min-rate=0.05")
        house.after(24)
        assert bodies(house) == [b"sunny", b"sunny"]

    def test_it_is_patient_after_many_changes(self, house: House) -> None:
        paced(house, "adaptive-min-rate=0.05")
        for number in range(10):
            change(house, f"rain {number}")
            answer(house)
        house.after(24)
        assert len(house.notifies()) == 11


class TestAgreedInAnAnswer:
    """§9.3: Event in the 2xx to a NOTIFY."""

    @pytest.mark.parametrize("rate", ["max-rate", "min-rate", "adaptive-min-rate"])
    def test_the_rate_of_an_answer_takes_the_place_of_the_one_before(self, house: House, rate: str) -> None:
        paced(house, f"{rate}=0.1")
        house.after(11)
        change(house, "rain")
        answer(house, f"presence;{rate}=0.5")
        house.after(11)
        change(house, "hail")
        assert f";{rate}=0.5" in state(house.notifies()[-1])

    def test_a_maximum_of_an_answer_is_kept(self, house: House) -> None:
        paced(house, "max-rate=1")
        house.after(2)
        change(house, "rain")
        answer(house, "presence;max-rate=0.1")
        change(house, "hail")
        house.after(9)
        assert bodies(house) == [b"sunny", b"rain"]
        house.after(2)
        assert bodies(house) == [b"sunny", b"rain", b"hail"]

    def test_a_maximum_that_an_answer_leaves_out_is_over(self, house: House) -> None:
        paced(house, "max-rate=0.01")
        house.after(101)
        change(house, "rain")
        answer(house, "presence")
        change(house, "hail")
        assert bodies(house)[-1] == b"hail"
        assert state(house.notifies()[-1]) == "active;expires=499"

    def test_a_minimum_that_an_answer_leaves_out_is_over(self, house: House) -> None:
        paced(house, "min-rate=0.1")
        house.after(5)
        change(house, "rain")
        answer(house, "presence")
        house.after(100)
        assert bodies(house) == [b"sunny", b"rain"]

    def test_an_answer_without_event_changes_nothing(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.after(11)
        change(house, "rain")
        answer(house)
        change(house, "hail")
        assert bodies(house) == [b"sunny", b"rain"]

    @pytest.mark.parametrize("event", ["dialog;max-rate=0.5", "presence;max-rate=", ";;;", "no event"])
    def test_what_is_no_wish_for_this_package_breaks_nothing(self, house: House, event: str) -> None:
        paced(house, "min-rate=0.1")
        house.after(5)
        change(house, "rain")
        answer(house, event)
        change(house, "hail")
        assert bodies(house) == [b"sunny", b"rain", b"hail"]

    def test_other_parameters_of_the_event_mean_nothing(self, house: House) -> None:
        paced(house, "max-rate=1")
        house.after(2)
        change(house, "rain")
        answer(house, "presence;id=7;max-rate=0.5;call-id=x")
        house.after(3)
        change(house, "hail")
        notify = house.notifies()[-1]
        assert (notify.body, notify.get("Event")) == (b"hail", "presence")
        assert state(notify).endswith(";max-rate=0.5")

    def test_who_did_not_ask_in_his_subscribe_has_no_say_in_an_answer(self, house: House) -> None:
        subscribed(house)
        change(house, "rain")
        answer(house, "presence;max-rate=0.01")
        change(house, "hail")
        assert bodies(house) == [b"sunny", b"rain", b"hail"]


class TestHeldBack:
    """A change that waits for its time while something else brings the state."""

    def test_a_subscribe_that_brings_it_leaves_nothing_to_be_told_later(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.after(1)
        change(house, "rain")
        house.after(1)
        house.ask(again(house, cseq=11).replace("Event: presence", "Event: presence;max-rate=0.1"))
        answer(house)
        house.after(60)
        assert bodies(house) == [b"sunny", b"rain"]

    def test_nor_does_one_that_ends_the_rate(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        change(house, "rain")
        house.after(1)
        house.ask(again(house, cseq=11))
        answer(house)
        house.after(60)
        assert bodies(house) == [b"sunny", b"rain"]

    def test_the_interval_begins_anew_with_the_answer_to_a_subscribe(self, house: House) -> None:
        paced(house, "max-rate=0.1")
        house.after(1)
        change(house, "rain")
        house.after(1)
        house.ask(again(house, cseq=11).replace("Event: presence", "Event: presence;max-rate=0.1"))
        answer(house)
        change(house, "hail")
        house.after(9.5)
        assert bodies(house) == [b"sunny", b"rain"]
        house.after(1)
        assert bodies(house) == [b"sunny", b"rain", b"hail"]

    def test_a_minimum_goes_on_after_it(self, house: House) -> None:
        paced(house, "max-rate=0.1;min-rate=0.05")
        change(house, "rain")
        text = again(house, cseq=11)
        house.ask(text.replace("Event: presence", "Event: presence;max-rate=0.1;min-rate=0.05"))
        answer(house)
        house.after(19)
        assert bodies(house) == [b"sunny", b"rain"]
        house.after(1.1)
        assert bodies(house) == [b"sunny", b"rain", b"rain"]


class TestConditions:
    """Rates beside Suppress-If-Match (RFC 5839 §5.2, §6.3; RFC 6446 §6.2)."""

    def quiet(self, house: House, rate: str, tag: str) -> None:
        """A refresh with this condition, answered 204."""
        text = again(house, cseq=11, more=f"Suppress-If-Match: {tag}\n")
        assert house.ask(text.replace("Event: presence", f"Event: presence;{rate}")).status == 204

    @pytest.mark.parametrize("rate", ["min-rate=0.5", "adaptive-min-rate=0.5"])
    def test_a_least_rate_brings_nothing_while_the_condition_is_true(self, house: House, rate: str) -> None:
        first = paced(house, rate)
        self.quiet(house, rate, first.get("SIP-ETag") or "")
        house.after(60)
        assert bodies(house) == [b"sunny"]

    @pytest.mark.parametrize("rate", ["min-rate=0.5", "adaptive-min-rate=0.5"])
    def test_nor_does_it_to_who_wants_nothing_at_all(self, house: House, rate: str) -> None:
        paced(house, rate)
        self.quiet(house, rate, "*")
        house.after(60)
        change(house, "rain")
        house.after(60)
        assert bodies(house) == [b"sunny"]

    def test_it_brings_the_state_again_when_the_condition_is_over(self, house: House) -> None:
        first = paced(house, "min-rate=0.5")
        self.quiet(house, "min-rate=0.5", first.get("SIP-ETag") or "")
        house.after(60)
        change(house, "rain")
        answer(house)
        house.after(2.1)
        assert bodies(house) == [b"sunny", b"rain", b"rain"]

    def test_the_end_is_told_to_who_wants_nothing_at_all(self, house: House) -> None:
        paced(house, "min-rate=0.5")
        self.quiet(house, "min-rate=0.5", "*")
        house.after(601)
        last = house.notifies()[-1]
        assert (state(last), last.body) == ("terminated;reason=timeout", b"")
