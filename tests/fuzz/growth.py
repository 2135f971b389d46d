"""What grows with its input: of pathological ones, one twice as large may cost twice as much and no more.

Two things are measured, since each is blind where the other sees: instructions of Python (exact, but a call
into C is one of them, however long it takes) and CPU time (all of it, but disturbed by whatever else runs).
"""

from __future__ import annotations

import functools
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from presence.observe.redact import redact_message
from sip.errors import SipError
from sip.framing import StreamFramer
from tests.fuzz import targets
from tests.presence.house import House
from tests.support.costs import Counter

MOST = 2.6
"""What doubling may multiply the cost by."""
TRIFLE = 0.004
"""Seconds of CPU below which no growth is looked for."""
COUNTED = 2048
TIMED = 16384
"""Bytes of the smaller input, about, where instructions are counted and where time is taken."""


Run = Callable[[], Callable[[bytes], object]]
"""Makes ready, which is not measured, what reads an input."""


def in_drops(data: bytes) -> None:
    """As a stream that comes 16 bytes at a time."""
    framer = StreamFramer(1 << 20, 1 << 20)
    with suppress(SipError):
        for start in range(0, len(data), 16):
            framer.feed(data[start : start + 16])


def growth(run: Run, make: Callable[[int], bytes], *, timed: bool = True) -> tuple[float, float]:
    """By what doubling the input multiplies instructions and CPU time; 0 for a time that is a trifle."""
    run()(make(64))  # what is made once is there
    counts = [_instructions(run, make(size)) for size in (COUNTED, 2 * COUNTED)]
    return counts[1] / counts[0], _slowing(run, make(TIMED), make(2 * TIMED)) if timed else 0.0


def _instructions(run: Run, data: bytes) -> int:
    _forget()
    ready = run()
    with Counter() as counter:
        ready(data)
    return max(1, counter.instructions)


def _slowing(run: Run, small: bytes, large: bytes) -> float:
    """The least of some measurements: other work on the machine makes all but that larger."""
    found = float("inf")
    for _ in range(4):
        many = _seconds(run, large)
        found = min(found, 0.0 if many < TRIFLE else many / _seconds(run, small))
        if found < MOST:
            break
    return found


def _seconds(run: Run, data: bytes) -> float:
    least = float("inf")
    for _ in range(2):
        _forget()
        ready = run()
        begun = time.process_time()
        ready(data)
        least = min(least, time.process_time() - begun)
        if least > 0.5:
            break
    return max(least, 1e-6)


def _forget() -> None:
    """Nothing is known from before: a cache would make the first of two inputs the dearer one."""
    for cache in _caches():
        cache.cache_clear()


@functools.cache
def _caches() -> list[Any]:
    ours = ("sip.", "presence.")
    return [
        it
        for it in gc.get_objects()
        if isinstance(it, functools._lru_cache_wrapper) and str(it.__module__).startswith(ours)
    ]


def as_it_is(run: Callable[[bytes], object]) -> Run:
    """What needs nothing to be made ready."""
    return lambda: run


RUNS: dict[str, Run] = {
    **{name: as_it_is(target.run) for name, target in targets.TARGETS.items()},
    "stream": as_it_is(in_drops),
    "trace": as_it_is(redact_message),
    "server": lambda: House(("alice", "bob", "carol")).receive,
}
"""What measures how an input is read."""
