"""The signals that a server hears from its first step to its last: two end it in order, one reloads.

Python's own ways are to die at once (SIGTERM, SIGHUP) and to show a traceback (SIGINT).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT)


def on_end(handle: Callable[[], None]) -> None:
    """Call `handle` for each signal that ends."""
    for number in ENDING:
        # What the parent wants ignored stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            _on(number, handle)


def on_reload(handle: Callable[[], None]) -> None:
    """Call `handle` for SIGHUP, which whoever manages services means by "reload"; a terminal that goes away
    sends it too, and ends no server.

    Also where it was ignored so far, by `scripts/serve`, nohup or `ignore_reload`: that it does not end
    anything is what they wanted.
    """
    _on(signal.SIGHUP, handle)


def ignore_reload() -> None:
    """Until `on_reload` is called SIGHUP does nothing."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def end_at_once() -> None:
    """Until somebody else takes over, each signal that ends does so with status 0, and there is nothing to
    reload. Main thread only."""
    on_end(lambda: sys.exit(0))
    on_reload(lambda: None)


def _on(number: signal.Signals, handle: Callable[[], None]) -> None:
    signal.signal(number, lambda *_: handle())
