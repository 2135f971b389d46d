"""A change with very many watchers (sip.usage.notifier.fanout): in turn, and nobody else waits for it."""

from __future__ import annotations

from collections import Counter

import pytest

from sip.message import Request
from sip.usage.notifier import HeldBack
from sip.usage.notifier.fanout import AT_ONCE, EPOCH, OWED
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import ALICE, SUBSCRIBE, change

MANY = 3 * AT_ONCE


def watched(house: House, count: int = MANY) -> None:
    """So many phones of bob's watch alice, and know her state."""
    for number in range(count):
        text = SUBSCRIBE.replace("call1", f"call{number}").replace("z9hG4bKsub1", f"z9hG4bKsub{number}")
        assert house.ask(text).status == 200
        house.answer(sent(house)[-1])
        house.peer.sent.clear()


def sent(house: House) -> list[Request]:
    return [message for message in house.peer.messages if isinstance(message, Request)]


@pytest.fixture
def house() -> House:
    house = House()
    watched(house)
    return house


def test_few_are_told_at_once() -> None:
    house = House()
    watched(house, AT_ONCE)
    change(house, "rain")
    assert len(sent(house)) == AT_ONCE


def test_of_many_the_first_are_told_at_once_and_the_rest_as_they_answer(house: House) -> None:
    change(house, "rain")
    assert len(sent(house)) == AT_ONCE
    for number in range(MANY):
        house.answer(sent(house)[number])
        assert len(sent(house)) == min(AT_ONCE + number + 1, MANY)
    assert len({notify.call_id for notify in sent(house)}) == MANY
    assert {notify.body for notify in sent(house)} == {b"rain"}


def test_who_waits_for_his_turn_says_so(house: House) -> None:
    def held() -> list[HeldBack | None]:
        return [it.held_back for it in house.notifier.subscriptions("presence", ALICE)]

    assert held() == [None] * MANY
    change(house, "rain")
    assert Counter(held()) == {HeldBack("answer"): AT_ONCE, HeldBack("turn"): MANY - AT_ONCE}
    for number in range(MANY):
        house.answer(sent(house)[number])
    assert held() == [None] * MANY


def test_who_does_not_answer_keeps_nobody_from_being_told(house: House) -> None:
    change(house, "rain")
    house.after(0.02)
    assert len(sent(house)) == 2 * AT_ONCE
    house.after(0.02)
    assert len({notify.call_id for notify in sent(house)}) == MANY


def test_answers_are_no_reason_to_send_more_than_so_many_in_a_pause(house: House) -> None:
    change(house, "rain")
    for number in range(AT_ONCE // 2):
        house.answer(sent(house)[number])
    house.after(0.02)
    assert len(sent(house)) == 2 * AT_ONCE


def test_the_wheel_lets_nobody_out_while_too_many_answers_are_owed() -> None:
    house = House()
    watched(house, OWED + 2 * AT_ONCE)
    change(house, "rain")
    for _ in range(10):
        house.after(0.02)
    assert len(sent(house)) == OWED
    house.answer(sent(house)[0])
    assert len(sent(house)) == OWED + 1
    house.after(0.02)
    assert len(sent(house)) == OWED + 1


def test_who_is_silent_owes_no_answer_any_more() -> None:
    house = House()
    watched(house, OWED + 2 * AT_ONCE)
    change(house, "rain")
    for _ in range(10):
        house.after(0.02)
    house.after(2 * EPOCH)
    for _ in range(2):
        house.after(0.02)
    assert len({notify.call_id for notify in sent(house)}) == OWED + 2 * AT_ONCE


def test_what_changes_meanwhile_is_told_once_and_as_it_is_then(house: House) -> None:
    change(house, "rain")
    change(house, "snow")
    for _ in range(4):
        house.after(0.02)
    first = [notify for notify in sent(house) if notify.body == b"rain"]
    later = [notify for notify in sent(house) if notify.body == b"snow"]
    assert len(first) == AT_ONCE
    assert len(later) == len({notify.call_id for notify in later}) == MANY - AT_ONCE
    for notify in first:
        house.answer(notify)
    assert {notify.call_id for notify in sent(house) if notify.body == b"snow"} == {
        f"call{number}" for number in range(MANY)
    }


def test_who_asks_meanwhile_is_told_at_once_and_not_again(house: House) -> None:
    change(house, "rain")
    last = house.notifier.subscriptions("presence", ALICE)[-1]
    last.notify(asked=True)
    assert sent(house)[-1].call_id == last.dialog.call_id
    house.answer(sent(house)[-1])
    for _ in range(4):
        house.after(0.02)
    assert [notify.call_id for notify in sent(house)].count(last.dialog.call_id) == 1


def test_what_is_small_does_not_wait_behind_it(house: House) -> None:
    house.receive(
        SUBSCRIBE.replace("alice@example.com", "carol@example.com")
        .replace("call1", "other")
        .replace("sub1", "other")
    )
    house.answer(sent(house)[-1])
    change(house, "rain")
    house.notifier.changed("presence", "sip:carol@example.com")
    assert sent(house)[-1].call_id == "other"


def test_who_has_ended_while_he_waited_is_told_nothing(house: House) -> None:
    change(house, "rain")
    last = house.notifier.subscriptions("presence", ALICE)[-1]
    house.notifier.drop(last, "test")
    for _ in range(4):
        house.after(0.02)
    assert len({notify.call_id for notify in sent(house)}) == MANY - 1


def test_one_who_cannot_be_told_ends_alone(house: House) -> None:
    watchers = house.notifier.subscriptions("presence", ALICE)
    watchers[-1].event_id = "broken\r\n"
    change(house, "rain")
    for _ in range(4):
        house.after(0.02)
    assert house.notifier.subscriptions("presence", ALICE) == watchers[:-1]
    assert len({notify.call_id for notify in sent(house)}) == MANY - 1
