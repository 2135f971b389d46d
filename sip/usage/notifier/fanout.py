"""Telling many watchers of one change without keeping anybody else waiting.

A change with some dozens of watchers is told at once.  With thousands that would take the better part of a
second, in which no other request is looked at, and no answer: those would overflow the socket's buffer, and
what they were to end would be sent again.  So only a hundred NOTIFYs go out at once, and each answer lets the
next one out.  That is as fast as both sides can go, and what arrives meanwhile waits behind a hundred answers
and no more.  Who does not answer keeps nobody from being told: the wheel lets others out all the same, unless
very many answers are owed.  Where we are the slow ones these are there already, unread in the socket's
buffer, and what the wheel lets out would only make that queue longer for everybody.

What waits here is a subscription and no state, so each is told the newest when its turn comes, and once
however often it has changed meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sip.timers import TimerWheel

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription

AT_ONCE: Final = 100
"""NOTIFYs that may be sent one after the other: a hundred answers find room in any receive buffer."""

PAUSE: Final = 0.01
"""Seconds after which so many go out that, with those that answers let out, it is `AT_ONCE` again.

With the wheel's own tick that makes some 6000 a second to watchers who take their time, up to `OWED`.
"""


OWED: Final = 500
"""Answers that may be owed to us for the wheel to let others out: a request waits for these at worst, some
tens of milliseconds.  With answers that take a tenth of a second that is still 5000 watchers a second."""

EPOCH: Final = 0.25
"""Seconds: who has not answered within this one and the one before is taken for silent, and owes nothing any
more.  By then his NOTIFY is sent again or is about to be (T1, RFC 3261 §17.1.2.2)."""


class FanOut:
    """The subscriptions that are to be told of a change and wait for their turn.

    Args:
        timers: brings those out whose turn no answer brings.
        tell: sends one the present state; raises nothing.
    """

    __slots__ = ("_answered", "_armed", "_owed", "_tell", "_timers", "_waiting")

    def __init__(self, timers: TimerWheel, tell: Callable[[Subscription], None]) -> None:
        self._timers = timers
        self._tell = tell
        self._waiting: OrderedDict[Subscription, None] = OrderedDict()
        self._answered = 0
        """How many an answer has let out since the wheel was here last."""
        self._owed: dict[int, int] = {}
        """Answers that are owed for what went out in an epoch, by its number."""
        self._armed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def tell(self, subscriptions: Sequence[Subscription]) -> None:
        """Send them the present state: at once if they are few, else in turn."""
        if len(subscriptions) <= AT_ONCE:
            # Also while a large fan-out is under way: what is small does not wait behind it.
            for subscription in subscriptions:
                self._tell(subscription)
            return
        begins = not self._waiting
        for subscription in subscriptions:
            # One that waits already keeps its place.
            self._waiting.setdefault(subscription)
        if begins:
            self._let_out(AT_ONCE)
            self._arm()

    def told(self, subscription: Subscription) -> None:
        """It is being told the present state for another reason: it waits no more."""
        if self._waiting:
            self._waiting.pop(subscription, None)

    def waits(self, subscription: Subscription) -> bool:
        """Whether its turn to be told is still to come."""
        return subscription in self._waiting

    def answered(self, sent_at: float) -> None:
        """A NOTIFY of then (monotonic seconds) has its answer, or is given up: there is room for another."""
        if self._waiting:
            self._answered += 1
            epoch = int(sent_at / EPOCH)
            owed = self._owed.get(epoch, 0)
            if owed > 0:
                self._owed[epoch] = owed - 1
            self._let_out(1)

    def _let_out(self, count: int) -> None:
        waiting = self._waiting
        epoch = int(self._timers.now / EPOCH)
        while waiting and count > 0:
            subscription, _ = waiting.popitem(last=False)
            self._owed[epoch] = self._owed.get(epoch, 0) + 1
            self._tell(subscription)
            count -= 1

    def _arm(self) -> None:
        if self._waiting and not self._armed:
            self._armed = True
            self._timers.after(PAUSE, self._pause_over)

    def _pause_over(self) -> None:
        self._armed = False
        before = int(self._timers.now / EPOCH) - 1
        self._owed = {epoch: owed for epoch, owed in self._owed.items() if epoch >= before}
        count, self._answered = AT_ONCE - self._answered, 0
        self._let_out(min(count, OWED - sum(self._owed.values())))
        self._arm()
