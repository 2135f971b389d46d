"""Round after round: load, kill, start, look."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from crash_lib.evidence import Evidence
from crash_lib.kills import KILLS, Kill
from crash_lib.load import Load, table
from tests.support.server import Server

SHORTEST, LONGEST = 0.2, 1.5
"""Seconds of load before a kill."""
AFTERWARDS = 0.5
"""Seconds of load after the death of a writer alone."""


@dataclass(frozen=True, slots=True)
class Round:
    """What became of a round.

    Attributes:
        kill: what was killed.
        after: seconds of load before.
        down: seconds from the start of the next server until it was ready; None if the server lived on.
        answered, lost, refused: operations.
        wrongs: what was not as it had been answered.
    """

    kill: Kill
    after: float
    down: float | None
    answered: int
    lost: int
    refused: int
    wrongs: tuple[str, ...]

    def __str__(self) -> str:
        ready = "" if self.down is None else f", ready again in {self.down:.1f} s"
        verdict = f"{len(self.wrongs)} WRONG" if self.wrongs else "nothing lost"
        return (
            f"{self.kill.name} killed after {self.after:.2f} s, {self.answered} answered, {self.lost} without"
            f" an answer, {self.refused} refused with 503{ready}: {verdict}"
        )


class CrashTest:
    """A server in a folder of its own, under a load, killed once a round.

    Args:
        folder: where the server's data folder is made.
        rounds: how many there will be at most.
        database: URL of an empty database; None: SQLite in the data folder.
        seed: of everything that chance decides; what the machine decides stays with the machine.
    """

    def __init__(self, folder: Path, rounds: int, database: str | None = None, seed: int = 0) -> None:
        self.evidence = Evidence()
        self.server = Server(folder / "data", listen=["udp"], database=database)
        self._random = Random(seed)
        self._folder = folder
        self._rounds = rounds
        self._done = 0
        self.load: Load | None = None

    def __enter__(self) -> CrashTest:
        """Start the server."""
        users = self._folder / "users.csv"
        count = table(users, self._rounds, self.server.domains[0])
        self.server.start()
        try:
            self.server.import_users(users, count)
            self.load = Load(self.evidence, self.server, self._random)
        except BaseException:
            self.server.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.load is not None:
            self.load.close()
        self.server.close()

    def round(self) -> Round:
        """One round; what was wrong in it."""
        assert self.load is not None
        kill = KILLS[self._done % len(KILLS)]
        self._done += 1
        evidence, random = self.evidence, self._random
        before = self._counts()
        after = random.uniform(SHORTEST, LONGEST)
        with self.load.running():
            evidence.pause(after)
            kill.strike(self.server, random)
            if kill.survives:
                evidence.pause(AFTERWARDS)
            else:
                evidence.down.set()
        answered, lost, refused = (now - then for now, then in zip(self._counts(), before, strict=True))
        down = None if kill.survives else self._start(kill)
        wrongs = self.load.check()
        return Round(kill, after, down, answered, lost, refused, tuple(wrongs))

    def _counts(self) -> tuple[int, int, int]:
        return self.evidence.total("2"), self.evidence.total("lost"), self.evidence.total("503")

    def _start(self, kill: Kill) -> float:
        self.evidence.killed()
        if kill.early:
            self.server.kill9_while_starting(self._random.uniform(0.2, 1.5))
        begun = time.monotonic()
        # Before it is there: whoever it calls may ask it.
        self.evidence.down.clear()
        self.server.start()
        return time.monotonic() - begun
