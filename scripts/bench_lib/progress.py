"""What is being measured, how far it is, and how long it will still take."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Lines on standard error: `[3/12] publish, presentity, round 1 (1:20 gone, about 4:10 left)`.

    The rest is estimated from what the steps before took, each weighed by the seconds expected of it.
    """

    def __init__(self, total: float, steps: int, out: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        """`total`: expected seconds of all `steps`; they need only be right in proportion."""
        self._total = total
        self._steps = steps
        self._out = out
        self._quiet = quiet
        self._begun = time.monotonic()
        self._done = 0.0
        self._step = 0
        self._name = ""
        self._line = False

    def begin(self, name: str) -> None:
        """The next step."""
        self._step += 1
        self._name = name
        self._write("\n")

    def end(self, weight: float) -> None:
        """That step is done; `weight`: the seconds that were expected of it."""
        self._done += weight

    def say(self, text: str) -> None:
        """What is going on within the step, on a terminal only: it is overwritten by the next."""
        if self._out.isatty():
            self._write("", f": {text}")

    def left(self) -> float | None:
        """Seconds until the end; None: not known before the first step is done."""
        if not self._done:
            return None
        gone = time.monotonic() - self._begun
        return max(0.0, gone * (self._total - self._done) / self._done)

    def _write(self, end: str, more: str = "") -> None:
        if self._quiet:
            return
        left = self.left()
        rest = f", about {clock(left)} left" if left is not None else f", about {clock(self._total)} in all"
        gone = clock(time.monotonic() - self._begun)
        text = f"[{self._step}/{self._steps}] {self._name}{more} ({gone} gone{rest})"
        if self._out.isatty():
            self._out.write(f"\r\x1b[K{text}{end}")
        else:
            self._out.write(text + end)
        self._out.flush()


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
