"""Who is blocked politely (RFC 5025 §3.2.1) can tell it from nothing: bytes, moments, turns of the reactor.

The same watcher does the same in two worlds, at the same moments of a clock by hand.  In one alice allows him
and has no state at all, in the other she blocks him politely and has a life.  All that he is sent is
compared, with the moment and with the number of turns (answers of the journal) that passed before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from sip.message import Request, Response, parse
from sip.usage.publication.keeper import PublicationKeeper
from tests.presence.house import TRUSTED, House
from tests.presence.lists.list_phones import contacts
from tests.presence.packages.presence_filters import WHEN_OPEN
from tests.presence.watchers import ALICE, BOB, CAROL, DAVE, PARTIAL, pidf, rule, set_rules
from tests.sip.flows import FakeFlow, wire

LIST = "sip:bob+contacts@sip.test"
TICK = 0.01
"""Of the wheel, seconds."""


class Heard(NamedTuple):
    """One message that the watcher was sent."""

    moment: float
    """Seconds."""
    turn: int
    """Turns since he last said something or a tick went by."""
    message: str

    @property
    def is_notify(self) -> bool:
        return self.message.startswith("NOTIFY")


class World:
    """A server with two listeners' ends: bob, who is watched over, and all others."""

    def __init__(self, *, blocked: bool) -> None:
        self.house = House()
        self.house.journal.hold = True
        self.blocked = blocked
        self.bob: FakeFlow = self.house.network.at(TRUSTED, 10001)
        self.heard: list[Heard] = []
        self.cseq: dict[str, int] = {}
        self.tags: dict[str, str] = {}
        self._seen = 0
        if blocked:
            set_rules(self.house, rule("foe", BOB, "polite-block"))
        self._turns()

    @property
    def now(self) -> float:
        return self.house.parts.timers.now

    def _listen(self, turn: int) -> bool:
        fresh = self.bob.sent[self._seen :]
        self._seen += len(fresh)
        for data in fresh:
            self.heard.append(Heard(round(self.now, 2), turn, data.decode()))
            message = parse(data)
            if isinstance(message, Request):
                self.house.parts.core.receive(answer_to(message), self.bob)
        return bool(fresh)

    def _turns(self) -> None:
        """As many turns as it takes until nothing is left to do at this moment."""
        journal, timers = self.house.journal, self.house.parts.timers
        turn = 0
        while self._listen(turn) or journal.waiting:
            turn += 1
            if journal.waiting:
                journal.release()
            timers.advance(timers.now)

    def at(self, moment: float) -> World:
        """Time goes by, tick by tick."""
        timers = self.house.parts.timers
        while timers.now < moment - TICK / 2:
            timers.advance(timers.now + TICK)
            self._turns()
        return self

    def subscribe(self, whom: str = ALICE, *headers: str, body: bytes = b"", expires: int = 600) -> None:
        """Bob's SUBSCRIBE, within the dialog when there is one."""
        cseq = self.cseq[whom] = self.cseq.get(whom, 0) + 1
        tag = f";tag={self.tags[whom]}" if whom in self.tags else ""
        name = whom[4:].partition("@")[0]
        lines = "\n".join(f"            {line}" for line in headers)
        event = "" if any(line.startswith("Event:") for line in headers) else "            Event: presence"
        text = f"""
            SUBSCRIBE {whom} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:10001;branch=z9hG4bK{name}{cseq}
            Max-Forwards: 70
            From: <{BOB}>;tag=b
            To: <{whom}>{tag}
            Call-ID: {name}@{TRUSTED}
            CSeq: {cseq} SUBSCRIBE
            Contact: <sip:w@{TRUSTED}:10001>
            Expires: {expires}
{event}
{lines}
            """
        data = wire("\n".join(line for line in text.splitlines() if line.strip()), body)
        before = len(self.heard)
        self.house.parts.core.receive(data, self.bob)
        self._turns()
        for it in self.heard[before:]:
            found = re.search(r"^To: .*;tag=(\S+)", it.message, re.M)
            if it.message.startswith("SIP/2.0 2") and found and whom not in self.tags:
                self.tags[whom] = found[1].strip()

    def publish(self, aor: str, body: bytes) -> None:
        self.house.journal.hold = False
        self.house.publish(aor, body)
        self.house.journal.hold = True
        self._turns()

    def alice_lives(self, number: int) -> None:
        """What happens at alice's, in the world in which she has something to hide."""
        if self.blocked:
            self.publish(ALICE, pidf("open" if number % 2 else "closed", note=f"note {number}", mood="happy"))
            set_rules(self.house, rule("foe", BOB, "polite-block"), rule(f"r{number}", DAVE, "allow"))
            self._turns()

    @property
    def transcript(self) -> Sequence[Heard]:
        """With names for the random words, in the order in which he sees them."""
        names: dict[str, str] = {}

        def named(found: re.Match[str]) -> str:
            return names.setdefault(found[0], f"word{len(names)}")

        return [it._replace(message=re.sub(r"token\d+", named, it.message)) for it in self.heard]


def answer_to(request: Request) -> bytes:
    return Response.answering(request, 200, to_tag="theirs").render()


def both(script: Callable[[World], None]) -> Sequence[Heard]:
    """What bob hears, which is the same in both worlds."""
    blocked, alone = World(blocked=True), World(blocked=False)
    script(blocked)
    script(alone)
    shown = blocked.transcript
    assert [(it.moment, it.turn, it.message.split("\r\n")[0]) for it in shown] == [
        (it.moment, it.turn, it.message.split("\r\n")[0]) for it in alone.transcript
    ]
    assert shown == alone.transcript
    assert not any("note" in it.message or "happy" in it.message for it in shown)
    return shown


def notified(heard: Sequence[Heard]) -> list[float]:
    """The moments of the NOTIFYs."""
    return [it.moment for it in heard if it.is_notify]


def live(world: World, *moments: float) -> None:
    """Alice does something at these moments."""
    for number, moment in enumerate(moments):
        world.at(moment).alice_lives(number)


@pytest.mark.parametrize("accept", ["application/pidf+xml", PARTIAL])
def test_the_answer_and_the_first_notify_come_in_the_same_turn(accept: str) -> None:
    def script(world: World) -> None:
        live(world, 1.0, 2.0)
        world.at(3.0).subscribe(ALICE, f"Accept: {accept}")

    heard = both(script)
    assert [(it.moment, it.message[:11]) for it in heard] == [(3.0, "SIP/2.0 200"), (3.0, "NOTIFY sip:")]


@pytest.mark.parametrize("accept", ["application/pidf+xml", PARTIAL])
def test_what_alice_does_brings_no_notify_and_a_refresh_the_same_one(accept: str) -> None:
    def script(world: World) -> None:
        world.subscribe(ALICE, f"Accept: {accept}")
        live(world, 1.0, 2.0, 3.0)
        world.at(4.0).subscribe(ALICE, f"Accept: {accept}")
        live(world, 5.0, 6.0)
        world.at(7.0).subscribe(ALICE, f"Accept: {accept}", expires=0)
        world.at(8.0)

    assert notified(both(script)) == [0.0, 4.0, 7.0]


def test_the_entity_tag_stays_and_a_condition_is_met() -> None:
    def script(world: World) -> None:
        world.subscribe()
        live(world, 1.0, 2.0)
        (etag,) = re.findall(r"SIP-ETag: (\S+)", world.heard[-1].message)
        world.at(3.0).subscribe(ALICE, f"Suppress-If-Match: {etag}")
        live(world, 4.0)
        world.at(5.0)

    heard = both(script)
    assert notified(heard) == [0.0]
    assert heard[-1].message.startswith("SIP/2.0 204 ")


def test_a_filter_with_triggers_is_never_triggered() -> None:
    def script(world: World) -> None:
        world.subscribe(ALICE, "Content-Type: application/simple-filter+xml", body=WHEN_OPEN)
        live(world, 1.0, 2.0, 3.0)
        world.at(4.0)

    assert notified(both(script)) == [0.0]


@pytest.mark.parametrize(
    ("params", "moments"),
    [
        ("max-rate=0.1", [0.0]),
        ("min-rate=0.1", [0.0, 10.0, 20.0, 30.0]),
        ("min-rate=0.1;max-rate=0.1", [0.0, 10.0, 20.0, 30.0]),
        ("adaptive-min-rate=0.1;max-rate=0.2", [0.0, 10.0, 20.0, 30.0]),
    ],
)
def test_rates_bring_a_notify_when_they_would_of_one_who_is_away(params: str, moments: list[float]) -> None:
    def script(world: World) -> None:
        world.subscribe(ALICE, f"Event: presence;{params}")
        live(world, 1.0, 4.0, 9.9, 13.0, 19.99, 24.0)
        world.at(35.0)

    assert [round(it, 0) for it in notified(both(script))] == moments


def test_a_least_rate_beside_a_condition_brings_nothing_in_either_world() -> None:
    def script(world: World) -> None:
        world.subscribe(ALICE, "Event: presence;min-rate=0.1")
        (etag,) = re.findall(r"SIP-ETag: (\S+)", world.heard[-1].message)
        world.at(1.0).subscribe(ALICE, "Event: presence;min-rate=0.1", f"Suppress-If-Match: {etag}")
        live(world, 2.0, 9.99, 15.0, 21.0)
        world.at(35.0)

    assert notified(both(script)) == [0.0]


def test_a_fetch_is_the_same() -> None:
    def script(world: World) -> None:
        live(world, 1.0)
        world.at(2.0).subscribe(expires=0)
        world.at(3.0)

    assert notified(both(script)) == [2.0]


def test_the_end_comes_when_the_subscription_expires() -> None:
    def script(world: World) -> None:
        world.subscribe(expires=60)
        live(world, 59.9)
        world.at(62.0)

    assert [round(it) for it in notified(both(script))] == [0, 60]


def test_in_a_list_she_delays_and_hastens_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ids that go out depend on the random ones of publications: carol's are to be the same in both worlds.
    monkeypatch.setattr(PublicationKeeper, "new_id", lambda self, wall: f"{wall:.3f}")

    def script(world: World) -> None:
        contacts(world.house, ALICE, CAROL, owner=BOB)
        world._turns()
        world.subscribe(LIST, "Supported: eventlist")
        # A window of 0.3 s that alice opened would close before that which carol opens.
        live(world, 1.0, 1.1)
        world.at(1.2).publish(CAROL, pidf("open"))
        live(world, 1.3)
        world.at(2.0)
        live(world, 3.0, 3.1)
        world.at(5.0).subscribe(LIST, "Supported: eventlist")
        world.at(6.0)

    first, carol, again = notified(both(script))
    assert (first, carol, again) == (0.0, pytest.approx(1.5, abs=0.02), 5.0)
