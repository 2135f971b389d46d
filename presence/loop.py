"""The reactor of the server: Twisted's, with less about each event."""

from __future__ import annotations

import logging
import sys
from typing import Any

log = logging.getLogger(__name__)


def choose_reactor() -> None:
    """Install the reactor that suits this system best, before anything imports `twisted.internet.reactor`.

    Twisted's own for epoll puts the name of what is read or written into a context for its old log at each
    event, and nobody here reads that.  Where a reactor is there already it stays.
    """
    if not sys.platform.startswith("linux") or "twisted.internet.reactor" in sys.modules:
        return
    from twisted.internet.epollreactor import EPollReactor
    from twisted.internet.main import installReactor

    class Reactor(EPollReactor):
        """As `EPollReactor`, without that context."""

        def doPoll(self, timeout: float | None) -> None:
            """Wait for events, for `timeout` seconds at most (None: for ever), and serve them."""
            loop: Any = self
            selectables = loop._selectables
            try:
                events = loop._poller.poll(-1 if timeout is None else timeout, len(selectables))
            except InterruptedError:
                return
            for number, event in events:
                # One that was served before may have taken it away.
                selectable = selectables.get(number)
                if selectable is None:
                    continue
                try:
                    loop._doReadOrWrite(selectable, number, event)
                except Exception:
                    # The boundary between descriptors: what fails when one is closed keeps no other waiting.
                    log.exception("reactor.event-failed", extra={"descriptor": number})

        doIteration = doPoll

    make: Any = Reactor
    installReactor(make())
