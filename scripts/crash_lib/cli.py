"""The command line of `scripts/crashtest`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import randrange
from statistics import median

from bench_lib.progress import Progress, clock

from crash_lib.outage import Impossible, server_with, suffer
from crash_lib.rounds import CrashTest, Round
from tests.support.server import ServerFailure, postgres_database

_EXPECTED = 4.0
"""Seconds of a round, for the estimate."""


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="scripts/crashtest",
        description="Kill the server at random moments under a load of REGISTER, PUBLISH, SUBSCRIBE, MESSAGE"
        " and SOAP changes, start it again, and look whether it kept what it had answered.",
        epilog="Exit status: 0 nothing lost, 1 something is not as it was answered, 2 it could not be run.",
    )
    made.add_argument("--rounds", type=int, default=10, metavar="N", help="kills (default: %(default)s)")
    made.add_argument(
        "--database",
        default="sqlite",
        metavar="sqlite|postgresql|URL",
        help="which database; URL: of a PostgreSQL whose user may create databases (default: %(default)s)",
    )
    made.add_argument(
        "--outage",
        type=float,
        metavar="S",
        help="kill nothing; have the database take no writes for so many seconds (PostgreSQL: it is away;"
        " SQLite: the disk is full, then the file is read-only; both as root)",
    )
    made.add_argument("--seed", type=int, help="repeat the choices of an earlier run; it tells its own")
    return made


@contextmanager
def database(name: str) -> Iterator[str | None]:
    """The URL of an empty database; None for SQLite in the data folder.  Raises LookupError."""
    if name == "sqlite":
        yield None
        return
    with postgres_database(None if name == "postgresql" else name) as url:
        yield url


def run(rounds: int, url: str | None, seed: int, folder: Path) -> tuple[list[Round], CrashTest]:
    """Run all rounds, telling of each; stops after the first in which something was wrong."""
    done: list[Round] = []
    progress = Progress(rounds * _EXPECTED, rounds)
    with CrashTest(folder, rounds, url, seed) as test:
        for _ in range(rounds):
            progress.begin("load, kill, start, look")
            done.append(test.round())
            progress.end(_EXPECTED)
            print(done[-1], flush=True)
            if done[-1].wrongs:
                print("\n".join(done[-1].wrongs))
                print(test.server.told("what the server said:", lines=60))
                break
    return done, test


def outages(seconds: float, url: str | None, seed: int, folder: Path) -> int:
    """Run those of the database, telling of each; how many things were wrong."""
    wrongs = 0
    for kind in ("full", "read-only") if url is None else ("away",):
        try:
            with server_with(kind, folder / kind, url, seed) as (test, fault):
                outage = suffer(test, fault, seconds)
        except Impossible as error:
            print(f"{kind}: not tried, {error}")
            continue
        print(outage, flush=True)
        for wrong in outage.wrongs:
            print(wrong)
        wrongs += len(outage.wrongs)
    return wrongs


def summary(done: Sequence[Round], test: CrashTest, seconds: float) -> list[str]:
    """The figures of a run."""
    starts = [it.down for it in done if it.down is not None]
    lines = [
        f"rounds                  {len(done)} in {clock(seconds)}",
        f"answered 2xx            {sum(it.answered for it in done)}",
        f"without an answer       {sum(it.lost for it in done)}",
        f"refused with 503        {sum(it.refused for it in done)}",
        f"delivered a second time {test.evidence.repeated} (the first answer was lost with the server)",
    ]
    if starts:
        lines.append(f"until ready again       {median(starts):.1f} s, at most {max(starts):.1f} s")
    kinds = sorted(test.evidence.answers.items())
    return [*lines, "answers                 " + ", ".join(f"{name}: {count}" for name, count in kinds)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    asked = parser().parse_args(arguments)
    seed = randrange(1 << 32) if asked.seed is None else asked.seed
    folder = Path(tempfile.mkdtemp(prefix="presentity-crashtest-"))
    begun = time.monotonic()
    what = f"--rounds {asked.rounds}" if asked.outage is None else f"--outage {asked.outage:g}"
    print(f"scripts/crashtest {what} --database {asked.database} --seed {seed}", flush=True)
    done: list[Round] = []
    try:
        with database(asked.database) as url:
            if asked.outage is not None:
                wrongs = outages(asked.outage, url, seed, folder)
            else:
                done, test = run(asked.rounds, url, seed, folder)
                wrongs = sum(len(it.wrongs) for it in done)
                print(*summary(done, test, time.monotonic() - begun), sep="\n")
    except LookupError as error:
        shutil.rmtree(folder)
        print(f"scripts/crashtest: {error}", file=sys.stderr)
        return 2
    except ServerFailure as error:
        print(f"scripts/crashtest: {error}\nthe data folder is {folder}", file=sys.stderr)
        return 2
    if wrongs:
        print(f"FAILED: {wrongs} wrong; the data folder is {folder}")
        return 1
    shutil.rmtree(folder)
    print("PASSED: everything that was answered 2xx is there, and nothing that was refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
