"""Which Python runs, how well it was built, and in which form the server runs on it.

All three change every figure of a benchmark by more than most changes of the server do.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
import time

from bench_lib.targets import server_environment

COMPILED = "compiled by mypyc"
INTERPRETED = "Python source"
_ROUNDS, _STEPS = 30, 10_000
_LOADED = "import sip.core; print(sip.core.__file__)"


def facts() -> dict[str, str]:
    """What belongs beside every figure."""
    return {
        "python": f"{platform.python_version()}, {optimized()} ({platform.python_compiler()})",
        "speed of python": f"{step_nanoseconds():.0f} ns for a call, a sum and an entry in a dict",
        "server": form(),
    }


def optimized() -> str:
    """Whether Python was built with a profile of itself, as far as it knows."""
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return "built with --enable-optimizations"
    if "deb_system" in sysconfig.get_scheme_names():
        # Debian's and Ubuntu's packages are, by a step of their own that the configuration does not tell of.
        return "built by Debian, optimized"
    return "built WITHOUT --enable-optimizations"


def form() -> str:
    """What a server that is started now consists of: `COMPILED` or `INTERPRETED`."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOADED],
        env=server_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return "unknown"
    return INTERPRETED if done.stdout.strip().endswith(".py") else COMPILED


def step_nanoseconds() -> float:
    """How long the interpreter takes for one step of a loop, at best; by that two reports can be compared."""
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        _work()
        best = min(best, time.perf_counter() - begun)
    return best / _STEPS * 1e9


def _work() -> None:
    total, entries, held = 0, {}, ("x",) * 3
    for number in range(_STEPS):
        total = _step(total, held)
        entries[total & 63] = number


def _step(total: int, held: tuple[str, ...]) -> int:
    return total + len(held)
