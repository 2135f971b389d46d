"""What waits between the socket and the server, by a clock that work moves."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from sip.load import Load
from sip.transport.flow import Flow
from sip.transport.ingress import BREAK, LARGEST, SLICE, Ingress
from tests.sip.flows import FakeFlow

COST = 0.002
"""Seconds that a message takes."""


class Guard:
    """Turns away what says "new"; counts what waits."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.turned_away: list[bytes] = []
        self.dropped = 0

    @property
    def closed(self) -> bool:
        return self.load.reason is not None

    def waited(self, seconds: float, now: float) -> None:
        self.load.queued(seconds, now)

    def drop(self, data: bytes) -> bool:
        self.dropped += data.startswith(b"new")
        return data.startswith(b"new")

    def turn_away(self, data: bytes, flow: Flow) -> bool:
        if not data.startswith(b"new"):
            return False
        self.turned_away.append(data)
        return True


class Party:
    """Somebody who needs `COST` for each message."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.flow = FakeFlow()
        self.ingress = Ingress(self.clock, self.clock.seconds, self.handle)
        self.guard = self.ingress.gate = Guard(Load(0.1, 0.1))
        self.handled: list[bytes] = []
        self.cost = COST

    def handle(self, data: bytes, flow: Flow, now: float) -> None:
        self.clock.rightNow += self.cost
        self.handled.append(data)

    def deliver(self, *messages: bytes) -> None:
        for data in messages:
            self.ingress.deliver(data, self.flow)

    def turn(self) -> None:
        """The reactor's next turn."""
        due = self.clock.getDelayedCalls()
        self.clock.calls = []
        for call in due:
            call.called = 1
            call.func()


@pytest.fixture
def party() -> Party:
    return Party()


def test_what_the_server_keeps_up_with_is_handled_where_it_is_read(party: Party):
    for number in range(100):
        party.deliver(b"%d" % number)
        party.clock.advance(2 * BREAK)
        assert len(party.handled) == number + 1
    assert party.clock.getDelayedCalls() == []


def test_beyond_a_slice_the_rest_waits_for_the_next_turn_in_its_order(party: Party):
    messages = [b"%d" % number for number in range(20)]
    party.deliver(*messages)
    assert 0 < len(party.handled) < 8
    assert len(party.handled) + len(party.ingress) == 20
    for _ in range(4):
        party.turn()
    assert party.handled == messages
    assert party.clock.getDelayedCalls() == []


def test_a_slice_takes_no_longer_than_that(party: Party):
    party.deliver(*[b"x"] * 100)
    before = party.clock.seconds()
    party.turn()
    assert party.clock.seconds() - before <= SLICE + COST


def flood(party: Party, seconds: float, each_turn: int, data: bytes) -> None:
    """So many messages between two slices."""
    end = party.clock.seconds() + seconds
    while party.clock.seconds() < end:
        party.deliver(*[data] * each_turn)
        party.turn()


def test_a_backlog_that_stands_closes_the_door_and_holds_the_waiting_time(party: Party):
    flood(party, 2.0, 15, b"new")
    assert party.guard.turned_away
    assert party.guard.load.waited < 0.25
    # The time that there was went into work.
    assert len(party.handled) * COST > 1.9


def test_refusals_take_half_of_the_time_at_most_and_what_is_more_is_dropped(party: Party):
    refuse = party.guard.turn_away

    def slowly(data: bytes, flow: Flow) -> bool:
        party.clock.rightNow += COST / 4
        return refuse(data, flow)

    party.guard.turn_away = slowly  # type: ignore[method-assign]
    flood(party, 2.0, 100, b"new")
    assert len(party.handled) * COST > 0.45 * 2.0
    assert party.guard.turned_away
    assert party.guard.dropped > len(party.guard.turned_away)


def test_refusals_are_held_back_too_while_nothing_waits(party: Party):
    party.guard.load.looked(0.0, "Too much of something", 0.0)

    def slow(data: bytes, flow: Flow) -> bool:
        party.clock.rightNow += SLICE / 4
        return Guard.turn_away(party.guard, data, flow)

    party.guard.turn_away = slow  # type: ignore[method-assign]
    party.deliver(*[b"new"] * 20)
    assert (len(party.guard.turned_away), party.guard.dropped) == (5, 15)
    party.turn()
    party.deliver(b"new")
    assert len(party.guard.turned_away) == 6


def test_on_a_connection_nothing_is_dropped_for_nothing_comes_again_there(party: Party):
    party.guard.load.looked(0.0, "Too much of something", 0.0)
    party.flow = FakeFlow("TCP")

    def slow(data: bytes, flow: Flow) -> bool:
        party.clock.rightNow += SLICE / 4
        return Guard.turn_away(party.guard, data, flow)

    party.guard.turn_away = slow  # type: ignore[method-assign]
    party.deliver(*[b"new"] * 20)
    assert (len(party.guard.turned_away), party.guard.dropped) == (20, 0)


def test_a_single_burst_turns_nothing_away(party: Party):
    party.deliver(*[b"new"] * 60)
    while len(party.ingress):
        party.turn()
    assert party.guard.turned_away == []
    assert len(party.handled) == 60


def test_what_goes_on_is_let_in_while_the_door_is_closed(party: Party):
    flood(party, 1.0, 15, b"new")
    party.deliver(b"old")
    while len(party.ingress):
        party.turn()
    assert party.handled[-1] == b"old"


def test_the_door_opens_when_nothing_waits_any_more(party: Party):
    flood(party, 1.0, 15, b"new")
    assert party.guard.turned_away
    while len(party.ingress):
        party.turn()
    assert not party.guard.closed
    assert party.guard.load.waited == 0.0


def test_what_waits_has_a_limit_in_bytes_beyond_which_reading_is_slow(party: Party):
    half = b"x" * (LARGEST // 2)
    party.deliver(*[b"x"] * 10)
    waiting = len(party.ingress)
    handled = len(party.handled)
    party.deliver(half, half)
    assert len(party.ingress) == 2
    assert len(party.handled) == handled + waiting


def test_nothing_overtakes_what_waits_even_then(party: Party):
    messages = [b"%d" % number + b"x" * (LARGEST // 3) for number in range(10)]
    party.deliver(*[b"first"] * 10, *messages)
    while len(party.ingress):
        party.turn()
    assert party.handled[-10:] == messages


def test_at_the_end_what_waits_is_dropped(party: Party):
    party.deliver(*[b"x"] * 20)
    party.ingress.close()
    assert party.clock.getDelayedCalls() == []
    assert len(party.ingress) == 0
