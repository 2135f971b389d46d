"""One timer wheel for the many: transactions, expiries, retransmissions.

The wheel has no clock.  Whoever drives it calls `advance(now)` with monotonic seconds; a test does the same
with numbers of its own.  Adding and cancelling cost a dictionary operation, whatever the number of timers,
and a cancelled timer leaves at once instead of waiting in memory until it would have been due.
"""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

_AGES: Final = 10
"""Parts of the time for which a name is remembered: few names are forgotten at a time."""


class Timer:
    """A callback that is due at some time; `cancel()` forgets it."""

    __slots__ = ("_args", "_callback", "_slot", "due")

    def __init__(self, due: float, slot: dict[Timer, None], callback: Callable[..., None], args: Any) -> None:
        self.due = due
        self._slot: dict[Timer, None] | None = slot
        self._callback = callback
        self._args = args

    @property
    def active(self) -> bool:
        """True until the timer fires or is cancelled."""
        return self._slot is not None

    def cancel(self) -> None:
        """Forget the timer; harmless when it has fired already."""
        if self._slot is not None:
            slot = self._slot
            slot.pop(self, None)
            if not slot:
                # It may be an hour until it is due, and an empty dict keeps the room that it had.
                slot.clear()
            self._slot = None
            # Mostly something that knows its timer: they must not hold each other in memory.
            self._args = ()

    def _fire(self) -> None:
        self._slot = None
        args, self._args = self._args, ()
        self._callback(*args)


class TimerWheel:
    """Timers in slots of `tick` seconds; a timer fires at most one tick late and never early."""

    __slots__ = ("_due_slots", "_slots", "_tick", "now")

    def __init__(self, now: float = 0.0, tick: float = 0.01) -> None:
        self.now = now
        self._tick = tick
        self._slots: dict[int, dict[Timer, None]] = {}
        self._due_slots: list[int] = []

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots.values())

    def after(self, delay: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(*args)` in `delay` seconds from `now`."""
        return self.at(self.now + delay, callback, *args)

    def at(self, due: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(*args)` when the wheel is advanced to `due` (monotonic seconds) or beyond."""
        # Rounded up, so that a slot that is reached holds nothing that is not due yet.
        number = -int(-due // self._tick)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            heapq.heappush(self._due_slots, number)
        timer = Timer(due, slot, callback, args)
        slot[timer] = None
        return timer

    def next_due(self) -> float | None:
        """Monotonic seconds of the next slot that holds a timer, None when there is nothing to wait for."""
        while self._due_slots:
            number = self._due_slots[0]
            if self._slots[number]:
                return number * self._tick
            heapq.heappop(self._due_slots)
            del self._slots[number]
        return None

    def advance(self, now: float) -> None:
        """Move time to `now` and fire what is due, in order.

        A callback that fails is logged and takes nothing else down: the timers of others are no part of it.
        """
        if now > self.now:
            self.now = now
        while self._due_slots and self._due_slots[0] * self._tick <= self.now:
            number = heapq.heappop(self._due_slots)
            slot = self._slots.pop(number)
            for timer in list(slot):
                if not timer.active:
                    # Cancelled by one before it.
                    continue
                try:
                    timer._fire()
                except Exception:
                    # The boundary between timers that have nothing to do with each other.
                    log.exception("timer.failed")


class Lane(Generic[T]):
    """Many timers of one delay: they fall due in the order in which they are set, so a queue is enough.

    None can be cancelled: `callback` is called with each item and looks whether it still matters.  So each
    costs a fraction of a `Timer`; one of those is kept for the whole lane.
    """

    __slots__ = ("_armed", "_callback", "_delay", "_dues", "_items", "_wheel")

    def __init__(self, wheel: TimerWheel, delay: float, callback: Callable[[T], None]) -> None:
        self._wheel = wheel
        self._delay = delay
        self._callback = callback
        # Two queues: a pair for each would take as much memory again as what it is about.
        self._dues: deque[float] = deque()
        self._items: deque[T] = deque()
        self._armed = False

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        """Call `callback(item)` after the delay."""
        due = self._wheel.now + self._delay
        self._dues.append(due)
        self._items.append(item)
        if not self._armed:
            self._armed = True
            self._wheel.at(due, self._reached)

    def _reached(self) -> None:
        dues, items, now = self._dues, self._items, self._wheel.now
        while dues and dues[0] <= now:
            dues.popleft()
            item = items.popleft()
            try:
                self._callback(item)
            except Exception:
                # As on the wheel: the timers of others are no part of it.
                log.exception("timer.failed")
        if dues:
            self._wheel.at(dues[0], self._reached)
        else:
            self._armed = False


class Recent:
    """Names that are remembered for a while: for `lifetime` seconds, and for a tenth of that longer at most.

    Each with what is known of it.  Nothing happens when one is forgotten, so many are at a time: to remember
    one costs no more than to put it into a dictionary, and to forget it nearly nothing.
    """

    __slots__ = ("_ages", "_newest", "_next", "_part", "_wheel")

    def __init__(self, wheel: TimerWheel, lifetime: float) -> None:
        self._wheel = wheel
        self._part = lifetime / _AGES
        self._newest: dict[str, str] = {}
        self._ages: deque[dict[str, str]] = deque()
        self._next = 0.0
        """When all grow older by a part; 0 while there is nothing to forget."""

    def __len__(self) -> int:
        return len(self._newest) + sum(map(len, self._ages))

    def find(self, name: str) -> str | None:
        """What is known of `name`; None if it is not remembered."""
        found = self._newest.get(name)
        if found is None:
            for age in self._ages:
                if name in age:
                    return age[name]
        return found

    def add(self, name: str, known: str) -> None:
        """Remember `name` from now on, and `known` of it."""
        self._newest[name] = known
        if not self._next:
            self._grow_at(self._wheel.now + self._part)

    def _grow_at(self, due: float) -> None:
        self._next = due
        self._wheel.at(due, self._grow_older)

    def _grow_older(self) -> None:
        ages = self._ages
        ages.append(self._newest)
        self._newest = {}
        if len(ages) > _AGES:
            ages.popleft()
        if any(ages):
            self._grow_at(self._next + self._part)
        else:
            ages.clear()
            self._next = 0.0
