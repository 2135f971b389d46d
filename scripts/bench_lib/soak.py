"""Does memory grow with what is over? A mixed load that leaves nothing behind, and what is taken after it.

Users sign on, change and refresh, write to each other, and sign off, round after round, each with new
dialogs, beside what is refused: methods that do not exist, users that do not exist, messages that are none.
With --connections clients come over TCP and TLS as well, sign on and hang up. At a mark everything has been
signed off; when the last transaction is forgotten, the memory is read.

Transactions stay for 64 * T1 (RFC 3261 §17), and memory stays as large as they once made it. With a T1 of
20 ms (1.3 s) they are as many long before ten thousand requests as after a million; with 500 ms the first
mark would come before the server is in the state in which it stays. For the same reason requests come at a
steady rate: as fast as they can be answered, there would be most of them whenever the machine is quiet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench_lib import builds, machine
from bench_lib.connecting import Reconnecting
from bench_lib.driver import Driver, Exchange
from bench_lib.errors import BenchError
from bench_lib.processes import name, pss
from bench_lib.simplestone import Domain
from bench_lib.targets import Presentity, free_port
from bench_lib.traffic import Traffic

GROWTH = 0.10
"""Part by which memory may be larger at the last mark than at the first: what a heap needs to be at rest."""
FIRST = 10_000
T1 = 0.02
"""Seconds."""
QUIET = 64 * T1 + 2.0
"""Seconds until no transaction is left (RFC 3261 timer J)."""
USERS = 200
WINDOW = 20
RATE = 2000.0
"""Requests a second."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Memory after so many requests; bytes by process."""

    requests: int
    notifies: int
    seconds: float
    memory: dict[str, int]
    connections: int = 0
    """Made and closed so far."""

    @property
    def total(self) -> int:
        """All processes."""
        return sum(self.memory.values())

    def line(self) -> str:
        """For people."""
        parts = ", ".join(f"{known} {size / 1e6:.1f}" for known, size in self.memory.items())
        connections = f" {self.connections:7d} connections" if self.connections else ""
        return (
            f"{self.requests:9d} requests {self.notifies:9d} NOTIFYs{connections} {self.seconds:6.0f} s"
            f" {self.total / 1e6:7.1f} MB ({parts})"
        )


class Soak:
    """The load on one server.

    `clients`: how many connect in each round over each transport, beside what comes by UDP.
    """

    def __init__(
        self,
        target: Presentity,
        driver: Driver,
        users: int = USERS,
        quiet: float = QUIET,
        connecting: Reconnecting | None = None,
        clients: int = 0,
    ) -> None:
        self._connecting = connecting
        self._clients = clients
        self._target = target
        self._driver = driver
        self._users = users
        self._quiet = quiet
        self._window = max(1, min(WINDOW, users // 4))
        self._requests = 0
        self._notifies = 0
        self._begun = time.monotonic()
        self.failed = 0
        """Requests that ended otherwise than they have to."""

    def until(self, requests: int) -> Mark:
        """Rounds until there were so many requests in all; then silence, and what is taken."""
        while self._requests < requests:
            self._round()
        self._driver.idle(self._quiet)
        memory: dict[str, int] = {}
        for pid in self._target.pids():
            memory[name(pid)] = memory.get(name(pid), 0) + pss([pid])
        seconds = time.monotonic() - self._begun
        connections = 0 if self._connecting is None else self._connecting.connections
        return Mark(self._requests, self._notifies, seconds, memory, connections)

    def _round(self) -> None:
        driver = self._driver
        traffic = Traffic(driver, self._users)
        domain = Domain(traffic, self._users)
        for part in (domain.sign_on(), self._messages(traffic), domain.steady(), domain.sign_off()):
            self._through(part, 0)
        self._through(self._refused(traffic), self._users)
        if self._connecting is not None:
            good, failed = self._connecting.round(self._clients)
            self._requests += good + failed
            self.failed += failed
        # The last NOTIFYs of what was ended.
        driver.idle(0.2)
        driver.watches.clear()

    def _through(self, work: Iterator[Exchange], refused: int) -> None:
        outcome = self._driver.through(work, self._window, RATE)
        self._requests += outcome.good + outcome.failed
        self._notifies += outcome.notifies
        self.failed += abs(outcome.failed - refused)

    def _messages(self, traffic: Traffic) -> Iterator[Exchange]:
        for place in range(self._users):
            number = self._driver.number()
            yield Exchange(number, self._driver.wire.message(number, f"u{place}", traffic.watcher()))

    def _refused(self, traffic: Traffic) -> Iterator[Exchange]:
        wire, kinds = self._driver.wire, 4
        spoil: tuple[Callable[[int, bytes], bytes], ...] = (
            lambda number, data: data.replace(b"OPTIONS", b"X%d" % number),
            lambda number, data: data.replace(b"OPTIONS sip:", b"SUBSCRIBE sip:nobody%d@" % number).replace(
                b"1 OPTIONS", b"1 SUBSCRIBE"
            ),
            lambda number, data: data.replace(b"1 OPTIONS", b"x OPTIONS"),
            lambda number, data: data.replace(b"Max-Forwards", b"Require: x%d\r\nMax-Forwards" % number),
        )
        for place in range(self._users):
            number = self._driver.number()
            yield Exchange(number, spoil[place % kinds](number, wire.options(number)))


def marks(requests: int) -> list[int]:
    """Where memory is read: at the first mark, at ten times that and so on, and at the end."""
    found = []
    mark = min(FIRST, requests)
    while mark < requests:
        found.append(mark)
        mark *= 10
    return [*found, requests]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if memory grew."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many in all (%(default)s)")
    parser.add_argument("--users", type=int, default=USERS, help="users that make them (%(default)s)")
    parser.add_argument(
        "--quiet", type=float, default=QUIET, help="seconds before memory is read (%(default)s)"
    )
    parser.add_argument(
        "--connections",
        type=int,
        default=0,
        help="clients a round that come and go over TCP, and as many over TLS (%(default)s)",
    )
    parser.add_argument("--work", type=Path, help="folder for data")
    options = parser.parse_args(arguments)
    taken: list[Mark] = []
    with tempfile.TemporaryDirectory(prefix="presentity-soak-", dir=options.work) as folder:
        # What is beyond a busy machine is not refused here, but waited for.
        settings = ["--set", "overload_wait=0", "--set", f"t1={T1}"]
        tls = ("127.0.0.1", free_port())
        if options.connections:
            settings += ["--listen", f"tls:{tls[0]}:{tls[1]}"]
        target = Presentity(Path(folder), options.users, options=settings)
        try:
            target.start()
            for fact, value in chain(builds.facts().items(), machine.facts().items()):
                print(f"{fact}: {value}")
            with Driver(target.address, patience=30.0) as driver:
                connecting = None
                if options.connections:
                    connecting = Reconnecting(
                        {"TCP": target.address, "TLS": tls}, driver.number, options.users
                    )
                    connecting.wait()
                soak = Soak(target, driver, options.users, options.quiet, connecting, options.connections)
                for mark in marks(options.requests):
                    taken.append(soak.until(mark))
                    print(taken[-1].line(), flush=True)
        except BenchError as error:
            print(f"soak: {error}", file=sys.stderr)
            return 2
        finally:
            target.stop()
    grown = taken[-1].total / taken[0].total - 1
    print(f"grown by {grown:.1%} from first to last; {soak.failed} requests did not end as they should")
    return 1 if grown > GROWTH or soak.failed else 0


if __name__ == "__main__":
    sys.exit(main())
