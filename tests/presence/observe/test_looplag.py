"""The lag of the event loop, measured with a clock of the test."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from presence.observe.looplag import LoopLag


def test_a_punctual_loop_has_no_lag_and_a_blocked_one_shows_how_long():
    clock, seen = Clock(), []
    lag = LoopLag(clock, seen.append, interval=0.25)
    lag.start()
    clock.advance(0.25)
    clock.advance(1.25)
    clock.advance(0.25)
    assert seen == pytest.approx([0.0, 1.0, 0.0])


def test_it_leaves_nothing_behind_when_it_stops():
    clock, seen = Clock(), []
    lag = LoopLag(clock, seen.append)
    lag.start()
    lag.stop()
    assert clock.getDelayedCalls() == []
    lag.stop()
    lag.start()
    clock.advance(10)
    assert len(seen) == 1
