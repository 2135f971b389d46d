"""Rates of notification (RFC 6446) by the whole server: asked in Event, seen in the moments of the NOTIFYs.

The clock goes by hand, a tenth of a second a step; each NOTIFY is answered at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from sip.message import Request, parse
from tests.presence.house import TRUSTED, House
from tests.presence.watchers import ALICE, BOB, pidf
from tests.sip.flows import FakeFlow

STEP = 0.1


class Told(NamedTuple):
    """One NOTIFY."""

    moment: float
    """Seconds after the SUBSCRIBE, to a tenth."""
    state: str
    """What the Subscription-State says of rates."""
    note: str
    """Of alice's document."""


class Subscriber:
    """Bob, who asks for rates, and alice, whose note changes."""

    def __init__(self, house: House | None = None) -> None:
        self.house = house or House()
        self.flow: FakeFlow = self.house.network.at(TRUSTED, 5090)
        self.cseq = 0
        self.tag = ""
        self._taken = 0
        self._etag = ""

    def subscribe(self, params: str = "", *, expires: int = 600) -> None:
        self.cseq += 1
        answer = self.house.ask(
            f"""
            SUBSCRIBE {ALICE} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:5090;branch=z9hG4bKrate{self.cseq}
            Max-Forwards: 70
            From: <{BOB}>;tag=1
            To: <{ALICE}>{self.tag}
            Call-ID: rates@{TRUSTED}
            CSeq: {self.cseq} SUBSCRIBE
            Contact: <sip:bob@{TRUSTED}:5090>
            Event: presence{params}
            Expires: {expires}
            """,
            self.flow,
        )
        assert answer.status == 200, answer.start_line
        # RFC 6446 has no place for rates in the answer to a SUBSCRIBE: the Subscription-State says them.
        assert answer.get("Event") is None
        self.tag = f";tag={answer.to.tag}"

    def until(self, end: float, changes: Mapping[float, str] | None = None) -> list[Told]:
        """Time goes by until `end`; alice's note changes at the moments given.  What bob is told."""
        told = list(self._news())
        steps = {round(moment / STEP): note for moment, note in (changes or {}).items()}
        first = round(self.house.parts.timers.now / STEP) + 1
        for step in range(first, round(end / STEP) + 1):
            self.house.after(step * STEP - self.house.parts.timers.now)
            if step in steps:
                self._publish(steps[step])
            told += self._news()
        return told

    def _publish(self, note: str) -> None:
        """Alice's one publication says another thing."""
        if not self._etag:
            self._etag = self.house.publish(ALICE, pidf("open", note))
            return
        answer = self.house.ask(
            f"""
            PUBLISH {ALICE} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKchange{self._etag}
            Max-Forwards: 70
            From: <{ALICE}>;tag=1
            To: <{ALICE}>
            Call-ID: {self._etag}@{TRUSTED}
            CSeq: 1 PUBLISH
            Event: presence
            SIP-If-Match: {self._etag}
            Content-Type: application/pidf+xml
            """,
            body=pidf("open", note),
        )
        assert answer.status == 200, answer.start_line
        self._etag = answer.get("SIP-ETag") or ""

    def _news(self) -> Iterator[Told]:
        fresh = [parse(data) for data in self.flow.sent[self._taken :]]
        self._taken = len(self.flow.sent)
        for message in fresh:
            if not isinstance(message, Request):
                continue
            self.house.respond(message, flow=self.flow)
            state = (message.get("Subscription-State") or "").partition(";expires=")[2].partition(";")[2]
            notes = message.body.decode().rpartition("<note>")[2].partition("</note>")
            moment = round(self.house.parts.timers.now, 1)
            yield Told(moment, state, notes[0] if notes[1] else "")


def moments(told: list[Told]) -> list[float]:
    return [it.moment for it in told]


def by_the_formula(rate: float, changes: list[float], end: float, fastest: float = 0.0) -> list[float]:
    """When NOTIFYs go by §7.4 with a period of ten intervals; `fastest`: the reciprocal of max-rate."""
    period = 10 / rate
    sent = [-back / rate for back in range(10, 0, -1)]
    found = []
    now, waiting = 0.0, sorted(changes)
    while now <= end:
        sent.append(now)
        found.append(now)
        count = len([it for it in sent if it > now - period])
        due = now + max(fastest, count / (rate**2 * period))
        change = next(iter(waiting), None)
        if change is not None and max(change, now + fastest) < due:
            now = max(change, now + fastest)
        else:
            now = due
        waiting = [it for it in waiting if it > now]
    return found


class TestMaximum:
    def test_what_changes_too_fast_comes_when_the_interval_is_over_and_is_the_last_state(self) -> None:
        bob = Subscriber()
        bob.subscribe(";max-rate=0.1")
        told = bob.until(40, {1: "one", 2: "two", 3: "three", 25: "later"})
        assert told == [
            (0.0, "max-rate=0.1", ""),
            (10.0, "max-rate=0.1", "three"),
            (25.0, "max-rate=0.1", "later"),
        ]

    def test_it_ends_with_a_refresh_that_does_not_name_it(self) -> None:
        bob = Subscriber()
        bob.subscribe(";max-rate=0.1")
        bob.until(1)
        bob.subscribe()
        assert bob.until(5, {2: "one", 3: "two"}) == [(1.0, "", ""), (2.0, "", "one"), (3.0, "", "two")]

    def test_the_setting_of_the_server_holds_for_who_asked_for_nothing(self) -> None:
        bob = Subscriber(House(min_notify_interval=5))
        bob.subscribe()
        assert bob.until(20, {1: "one", 2: "two", 12: "three"}) == [
            (0.0, "", ""),
            (5.0, "", "two"),
            (12.0, "", "three"),
        ]

    def test_and_for_who_asked_for_more(self) -> None:
        bob = Subscriber(House(min_notify_interval=5))
        bob.subscribe(";max-rate=1")
        assert moments(bob.until(12, {1: "one", 6: "two"})) == [0.0, 5.0, 10.0]


class TestMinimum:
    def test_the_state_comes_though_nothing_changed_counted_from_the_last_notify(self) -> None:
        bob = Subscriber()
        bob.subscribe(";min-rate=0.05")
        told = bob.until(70, {27: "news"})
        assert told == [
            (0.0, "min-rate=0.05", ""),
            (20.0, "min-rate=0.05", ""),
            (27.0, "min-rate=0.05", "news"),
            (47.0, "min-rate=0.05", "news"),
            (67.0, "min-rate=0.05", "news"),
        ]

    @pytest.mark.parametrize("params", [";min-rate=0.05", ";adaptive-min-rate=0.05"])
    def test_the_server_does_not_notify_more_often_than_its_setting_allows(self, params: str) -> None:
        bob = Subscriber(House(min_notify_interval=30))
        bob.subscribe(params)
        assert moments(bob.until(70)) == pytest.approx([0, 30, 60], abs=STEP)


class TestAdaptive:
    """§7: at least so many on average over a period; here of ten intervals."""

    def test_while_nothing_changes_it_is_a_minimum(self) -> None:
        bob = Subscriber()
        bob.subscribe(";adaptive-min-rate=0.1")
        told = bob.until(50)
        assert moments(told) == pytest.approx([0, 10, 20, 30, 40, 50], abs=STEP)
        assert {it.state for it in told} == {"adaptive-min-rate=0.1"}

    def test_after_many_changes_it_waits_longer_and_then_less_and_less(self) -> None:
        bob = Subscriber()
        bob.subscribe(";adaptive-min-rate=0.1")
        changes = {second: f"{second}" for second in range(1, 7)}
        told = moments(bob.until(250, changes))
        assert told[:7] == [0, 1, 2, 3, 4, 5, 6]
        # Sixteen within a hundred seconds: sixteen seconds are waited, and all are in the average still.
        assert told[7] == pytest.approx(22, abs=STEP)
        assert told == pytest.approx(by_the_formula(0.1, [*map(float, changes)], 250), abs=1.0)

    def test_the_average_is_what_was_asked_for(self) -> None:
        bob = Subscriber()
        bob.subscribe(";adaptive-min-rate=0.1", expires=3600)
        changes = {float(second): f"{second}" for second in (3, 4, 5, 50, 51, 52, 53, 120, 300, 301, 302)}
        told = moments(bob.until(1000, changes))
        for begin in range(0, 900, 50):
            assert len([it for it in told if begin < it <= begin + 100]) >= 8

    def test_beside_a_maximum_no_interval_is_shorter_than_that_allows(self) -> None:
        # Equation (2).
        bob = Subscriber()
        bob.subscribe(";adaptive-min-rate=0.1;max-rate=0.2")
        changes = {second: f"{second}" for second in range(1, 20)}
        told = bob.until(120, changes)
        assert {it.state for it in told} == {"max-rate=0.2;adaptive-min-rate=0.1"}
        gaps = [after - before for before, after in zip(moments(told), moments(told)[1:], strict=False)]
        assert min(gaps) >= 5 - STEP
        assert moments(told)[:5] == pytest.approx([0, 5, 10, 15, 20], abs=STEP)
        assert told[4].note == "19"

    def test_a_refresh_with_another_rate_begins_anew(self) -> None:
        bob = Subscriber()
        bob.subscribe(";adaptive-min-rate=0.1")
        bob.until(5)
        bob.subscribe(";adaptive-min-rate=0.05")
        assert bob.until(46) == [
            (5.0, "adaptive-min-rate=0.05", ""),
            (pytest.approx(25, abs=STEP), "adaptive-min-rate=0.05", ""),
            (pytest.approx(45, abs=STEP), "adaptive-min-rate=0.05", ""),
        ]
