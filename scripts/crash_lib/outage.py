"""A database that takes no writes for a while, under the same load."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crash_lib.evidence import Evidence
from crash_lib.faults import Fault, Impossible, befalling, suffering
from crash_lib.rounds import CrashTest

AROUND = 2.0
"""Seconds of load before and after."""
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Outage:
    """What became of one.

    Attributes:
        name: what was the matter.
        seconds: for how long.
        went_on: operations that were answered 2xx meanwhile, which need nothing stored.
        refused: those that were refused with 503 and Retry-After.
        back: seconds from its end until `/healthz` said that all is well, and the first change was stored.
        wrongs: what was not as it had been answered, before and after a kill and a restart.
    """

    name: str
    seconds: float
    went_on: int
    refused: int
    back: float
    wrongs: tuple[str, ...]

    def __str__(self) -> str:
        verdict = f"{len(self.wrongs)} WRONG" if self.wrongs else "nothing lost"
        return (
            f"{self.name} for {self.seconds:g} s: {self.went_on} operations went on, {self.refused} refused"
            f" with 503, all well {self.back:.1f} s after its end: {verdict}"
        )


@contextmanager
def server_with(kind: str, folder: Path, url: str | None, seed: int) -> Iterator[tuple[CrashTest, Fault]]:
    """A server under a load, and what can befall it: "away", "full" or "read-only".

    Raises:
        Impossible: not on this machine.
    """
    folder.mkdir()
    with (
        befalling(kind, folder / "data", url, megabytes=64) as (fault, database),
        CrashTest(folder, 1, database, seed) as test,
    ):
        yield test, fault


def suffer(test: CrashTest, fault: Fault, seconds: float) -> Outage:
    """Let it happen, and look what became of everything."""
    evidence, load, server = test.evidence, test.load, test.server
    assert load is not None
    with load.running():
        evidence.pause(AROUND)
        with suffering(fault):
            # What was under way is not counted.
            evidence.pause(0.5)
            before = _counts(evidence)
            evidence.pause(seconds)
            went_on, refused = (now - then for now, then in zip(_counts(evidence), before, strict=True))
        begun = time.monotonic()
        server.wait_until(lambda: server.get("/healthz")[0] == 200, timeout=_PATIENCE)
        stored = evidence.answers["PUBLISH 200"]
        server.wait_until(lambda: evidence.answers["PUBLISH 200"] > stored, timeout=_PATIENCE)
        back = time.monotonic() - begun
        evidence.pause(AROUND)
    wrongs = load.check()
    server.kill9()
    evidence.killed()
    server.start()
    wrongs += load.check()
    return Outage(fault.name, seconds, went_on, refused, back, tuple(wrongs))


def _counts(evidence: Evidence) -> tuple[int, int]:
    return evidence.total("2"), evidence.total("503")


__all__ = ["Impossible", "Outage", "server_with", "suffer"]
