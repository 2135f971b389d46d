"""The signals that end a server in an orderly way, from its first step to its last.

Python's own ways are to die at once (SIGTERM, SIGHUP) and to show a traceback (SIGINT).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_end(handle: Callable[[], None]) -> None:
    """Call `handle` for each signal that ends; those that the parent wants ignored (nohup) stay so."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: handle())


def end_at_once() -> None:
    """Until somebody else takes over, each such signal ends the process with status 0. Main thread only."""
    on_end(lambda: sys.exit(0))
