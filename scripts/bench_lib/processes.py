"""What a group of processes has used, from the operating system: CPU time and memory.

CPU time is read from each process's CPU clock (clock_getcpuclockid(3): user and system time of all its
threads, in nanoseconds), which is finer than the ticks of /proc/PID/stat; these are the fallback.  Memory
is the proportional set size of /proc/PID/smaps_rollup: a page shared by N processes counts as 1/N in each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench_lib.errors import BenchError

_TICK = os.sysconf("SC_CLK_TCK")
_SCHED = 2  # CPUCLOCK_SCHED, of the whole process


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of each process at a moment."""

    seconds: dict[int, float]

    def since(self, before: Usage) -> dict[int, float]:
        """CPU seconds spent since `before`, by process.

        Raises:
            BenchError: a process is gone, and what it used with it.
        """
        gone = before.seconds.keys() - self.seconds.keys()
        if gone:
            raise BenchError(f"processes of the server ended while it was measured: {sorted(gone)}")
        return {pid: now - before.seconds.get(pid, 0.0) for pid, now in self.seconds.items()}


def tree(root: int) -> list[int]:
    """The process and everything that it has started, itself first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop(0)
        found.append(pid)
        waiting += sorted(children.get(pid, ()))
    return found


def usage(pids: Iterable[int]) -> Usage:
    """CPU seconds of each of these processes that is there."""
    seconds = {}
    for pid in pids:
        try:
            seconds[pid] = _cpu(pid)
        except (OSError, IndexError):
            continue
    return Usage(seconds)


def _cpu(pid: int) -> float:
    try:
        return time.clock_gettime(((~pid) << 3) | _SCHED)
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


def pss(pids: Iterable[int]) -> int:
    """Proportional set size of these processes together, in bytes."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total * 1024


def name(pid: int) -> str:
    """What the process is, shortly: `server` and `writer` for ours, else the name of its command."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        short = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return str(pid)
    if b"presence.storage.journal.writer" in line:
        return "writer"
    return "server" if b"serve" in line and b"--data" in line else short
