"""On what a measurement was made: machine, versions, load beside it (`builds` has Python's own)."""

from __future__ import annotations

import mmap
import os
import platform
import sqlite3
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FRESH = 64 << 20


def facts() -> dict[str, str]:
    """What belongs beside every figure."""
    return {
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "memory": _memory(),
        "fresh memory": f"{fresh_memory():.0f} MB are given a second",
        "system": f"{platform.system()} {platform.release()}",
        "sqlite": sqlite3.sqlite_version,
        "revision": _printed("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
    }


def fresh_memory() -> float:
    """MB a second that the system gives a process which has not had them before.

    A virtual machine whose host gives memory page by page, and takes it back, may be ten times slower than
    any other: then whatever keeps more than before pays for it.
    """
    begun = time.perf_counter()
    with mmap.mmap(-1, _FRESH) as memory:
        for place in range(0, _FRESH, mmap.PAGESIZE):
            memory[place] = 1
        return _FRESH / (time.perf_counter() - begun) / 1e6


def load() -> float:
    """Processes that wanted to run during the last minute, on average."""
    return round(os.getloadavg()[0], 2)


def _printed(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip().partition("\n")[0] or "unknown"


def version_of(*command: str) -> str:
    """The first line that a program prints of itself."""
    return _printed(*command)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"
