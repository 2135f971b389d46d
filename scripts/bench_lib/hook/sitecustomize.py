"""Lets a process of the server be profiled from outside; Python imports it by its name from the path.

`scripts/profile` puts this folder on PYTHONPATH and names one in BENCH_PROFILE.  SIGUSR1 begins profiling in
the main thread, SIGUSR2 ends it and writes PID.prof there.  Without the variable nothing happens.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_FOLDER = os.environ.get("BENCH_PROFILE")

if _FOLDER:
    import cProfile
    import marshal

    # The writer waits for the disk within calls that also work: only its CPU counts.  In the server no call
    # waits but that for events, and the quicker clock disturbs it less.
    _waits = "presence.storage.journal.writer" in sys.orig_argv
    _profile = cProfile.Profile(time.thread_time) if _waits else cProfile.Profile()

    def _begin(*_: object) -> None:
        _profile.enable()

    def _end(*_: object) -> None:
        _profile.disable()
        _profile.create_stats()
        made = os.path.join(str(_FOLDER), f"{os.getpid()}.new")
        with open(made, "wb") as file:
            marshal.dump(_profile.stats, file)
        os.rename(made, made.removesuffix("new") + "prof")

    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _end)
