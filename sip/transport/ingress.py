"""What has come in and is not looked at yet, from all transports, in the order in which it came.

As long as the server keeps up nothing waits here: a message is handled where it was read.  Whoever has
handled messages for `SLICE` seconds without a break puts the next ones here, and they are handled in slices
between which the reactor reads what else has come.  So a backlog stands here and not in the buffers of the
system, where nobody knows its age and where it is lost at the end without regard to what it is.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip.transport.flow import Flow
from sip.transport.spec import host_port

log = logging.getLogger(__name__)

SLICE: Final = 0.01
"""Seconds for which messages are handled before the reactor has its turn."""

REFUSALS: Final = SLICE
"""Seconds that may go into refusals from one slice to the next; what is more is dropped.  A refusal costs
some tenth of a request: with many times what can be done, nothing else would be done (receive livelock).
Not less, for what is dropped comes again.  Connections are held back by their peers' own buffers instead."""

BREAK: Final = 0.001
"""Seconds between two messages in which the reactor certainly had it."""

SMOOTH: Final = 8
"""Slices over which it is averaged what a message takes."""

LARGEST: Final = 32 * 1024 * 1024
"""Bytes that may wait.  With more, the oldest are handled where new ones are read: then the peers' own
buffers fill."""


class Gate(Protocol):
    """Who decides what is let in while there is too much."""

    @property
    def closed(self) -> bool:
        """Whether anything is turned away at present."""

    def waited(self, seconds: float, now: float) -> None:
        """Messages wait so long now; 0: none waits."""

    def drop(self, data: bytes) -> bool:
        """Whether `data` is among what is turned away; then it is dropped, unanswered."""

    def turn_away(self, data: bytes, flow: Flow) -> bool:
        """Answer `data` at once if it is among what is turned away; False: it is to be let in."""


class OpenGate:
    """Lets everything in."""

    closed = False

    def waited(self, seconds: float, now: float) -> None:
        """Not asked for."""

    def drop(self, data: bytes) -> bool:
        """Nothing is."""
        return False

    def turn_away(self, data: bytes, flow: Flow) -> bool:
        """Nothing is."""
        return False


class Ingress:
    """The queue.

    Args:
        reactor: calls for the next slice.
        now: monotonic seconds.
        handle: takes a message, its flow and the time (monotonic seconds).
    """

    def __init__(
        self,
        reactor: IReactorTime,
        now: Callable[[], float],
        handle: Callable[[bytes, Flow, float], None],
    ) -> None:
        self._reactor = reactor
        self._now = now
        self.handle = handle
        self.gate: Gate = OpenGate()
        """Decides what is let in."""
        self._waiting: deque[tuple[float, bytes, Flow]] = deque()
        self._bytes = 0
        self._began = 0.0
        self._ended = 0.0
        self._each = 0.0
        self._refusing = 0.0
        self._call: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def deliver(self, data: bytes, flow: Flow) -> None:
        """A message was read."""
        now = self._now()
        if self._waiting:
            gate = self.gate
            gate.waited(self._expected(now), now)
            if gate.closed and self._refused(data, flow, now):
                return
            self._put(data, flow, now)
            return
        if self.gate.closed and self._refused(data, flow, now):
            return
        if now - self._ended > BREAK:
            self._began = now
        elif now - self._began > SLICE:
            self._put(data, flow, now)
            return
        self._give(data, flow, now)
        self._ended = self._now()

    def close(self) -> None:
        """What waits is dropped."""
        self._waiting.clear()
        self._bytes = 0
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _give(self, data: bytes, flow: Flow, now: float) -> None:
        # The boundary to the reactor: a fault above must cost one message, not the listener.
        try:
            self.handle(data, flow, now)
        except Exception:
            log.exception("transport.receiver-failed", extra={"peer": host_port(*flow.remote)})

    def _refused(self, data: bytes, flow: Flow, now: float) -> bool:
        gate = self.gate
        # What is dropped comes again, but only where it may have been lost: on a connection it is told.
        if self._refusing > REFUSALS and not flow.reliable:
            return gate.drop(data)
        if not gate.turn_away(data, flow):
            return False
        self._refusing += self._now() - now
        if self._call is None and self._refusing > REFUSALS:
            # Nothing waits, but the reactor has its turn before more is refused.
            self._call = self._reactor.callLater(0, self._slice)
        return True

    def _put(self, data: bytes, flow: Flow, now: float) -> None:
        waiting = self._waiting
        while waiting and self._bytes + len(data) > LARGEST:
            # The oldest: handled here, the new one would overtake what waits of its connection.
            _, oldest, whence = waiting.popleft()
            self._bytes -= len(oldest)
            # Thousands may have to go for a large one: meanwhile it gets later.
            self._give(oldest, whence, self._now())
        waiting.append((now, data, flow))
        self._bytes += len(data)
        if self._call is None:
            self._call = self._reactor.callLater(0, self._slice)

    def _expected(self, now: float) -> float:
        """Seconds that a message waits which comes now: as long as the oldest did, or as those before it
        take.

        The former alone would be told too late: at three times what can be done, the last of a queue waits
        three times as long as its first had when the last came.
        """
        waiting = self._waiting
        return max(now - waiting[0][0], len(waiting) * self._each) if waiting else 0.0

    def _slice(self) -> None:
        self._call = None
        waiting = self._waiting
        now = self._now()
        # What the reactor did since the last slice is part of what a message takes.
        since = self._ended if self._began == self._ended else now
        until = now + SLICE
        handled = 0
        self._refusing = 0.0
        self.gate.waited(self._expected(now), now)
        while waiting:
            _, data, flow = waiting.popleft()
            self._bytes -= len(data)
            self._give(data, flow, now)
            handled += 1
            now = self._now()
            if now >= until:
                break
        if handled:
            each = (now - since) / handled
            self._each = each if not self._each else self._each + (each - self._each) / SMOOTH
        self._began = self._ended = now
        if not waiting:
            self.gate.waited(0.0, now)
        elif self._call is None:
            self._call = self._reactor.callLater(0, self._slice)
