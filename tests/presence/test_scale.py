"""What a change costs does not go by how much else there is; counted, not timed (`tests.support.costs`)."""

from __future__ import annotations

import pytest

from sip.message import Request
from tests.presence.house import House
from tests.presence.watchers import ALICE, BOB, CAROL, Watcher, pidf, rule, set_rules, watch
from tests.support import costs
from tests.support.costs import Counter, Traffic

FEW, MANY = 2, 40

pytestmark = pytest.mark.skipif(not costs.interpreted(), reason="the compiled form has no bytecode to count")


def ruled(others: int) -> tuple[House, dict[str, Watcher]]:
    """Bob and carol watch alice, who has rules, and so do others each other."""
    house = House(["alice", "bob", "carol", *(f"u{number}" for number in range(others))])
    for number in range(others):
        user, next_one = f"sip:u{number}@sip.test", f"sip:u{(number + 1) % others}@sip.test"
        set_rules(house, rule("all", next_one, "allow"), owner=user)
        house.publish(user, pidf())
        watch(house, next_one, whom=user)
    set_rules(house, rule("b", BOB, "allow"), rule("c", CAROL, "allow"))
    house.publish(ALICE, pidf())
    return house, {who: watch(house, who) for who in (BOB, CAROL)}


def cost_of_a_rule_change(others: int) -> int:
    """Instructions; it has happened once before, so that nothing is made for the first time."""
    house, watchers = ruled(others)
    for handling in ("polite-block", "allow"):
        set_rules(house, rule("b", BOB, handling), rule("c", CAROL, "allow"))
        watchers[BOB].news()
    with Counter() as counter:
        set_rules(house, rule("b", BOB, "polite-block"), rule("c", CAROL, "allow"))
    assert len(watchers[BOB].news()) == 1
    return counter.instructions


def test_a_rule_change_reaches_those_whom_it_concerns_and_nobody_else() -> None:
    house, watchers = ruled(FEW)
    before = {place: len(flow.sent) for place, flow in house.network.flows.items()}
    set_rules(house, rule("b", BOB, "polite-block"), rule("c", CAROL, "allow"))
    sent = [
        message
        for place, flow in house.network.flows.items()
        for message in flow.messages[before.get(place, 0) :]
        if isinstance(message, Request)
    ]
    assert [message.call_id for message in sent] == [watchers[BOB].notifies[0].call_id]


def test_a_rule_change_costs_the_same_however_many_others_are_watched() -> None:
    # How deep a heap of timers or a dictionary is makes some instructions.
    assert cost_of_a_rule_change(MANY) == pytest.approx(cost_of_a_rule_change(FEW), rel=0.02)


def cost_of_a_change(publications: int) -> float:
    """Instructions for a PUBLISH of one of so many phones, and the NOTIFY of what is made of all."""
    traffic = Traffic()
    etag, *_ = [traffic.publish(0) for _ in range(publications)]
    traffic.subscribe("u0", 1)
    etag = traffic.publish(0, etag)
    traffic.end()
    with Counter() as counter:
        for _ in range(5):
            etag = traffic.publish(0, etag)
        traffic.end()
    return counter.instructions / 5


def test_a_change_of_one_phone_of_five_costs_at_most_twice_that_of_the_only_one() -> None:
    assert cost_of_a_change(5) < 2 * cost_of_a_change(1)


def test_a_phone_more_costs_a_tenth_of_a_change_at_most() -> None:
    # Each phone shows a tuple, and says something of the person: composition goes by these.
    more = (cost_of_a_change(9) - cost_of_a_change(5)) / 4
    assert more < cost_of_a_change(1) / 10


def cost_of_seeing(house: House, others: int) -> int:
    """Instructions of asking what bob sees of alice, after so many others have asked."""
    for number in range(others):
        house.parts.policy.view_of(f"sip:w{number}@sip.test", ALICE)
    with Counter() as counter:
        house.parts.policy.view_of(BOB, ALICE)
    return counter.instructions


@pytest.mark.parametrize("rules", [(), (rule("b", CAROL, "block"),)], ids=["without rules", "with rules"])
def test_what_a_watcher_sees_is_remembered_however_many_others_there_are(rules: tuple[str, ...]) -> None:
    house = House(["alice", "bob"])
    if rules:
        set_rules(house, *rules)
    cost_of_seeing(house, 0)
    assert cost_of_seeing(house, 25_000) == cost_of_seeing(house, 0)
