"""More than the server can do: its capacity, then a multiple of that, then little again.

The server has one processor for all its processes and the driver has the others, so that it is the server
which is short of time.  New work is that of users who sign on, as after an outage: a REGISTER, a PUBLISH, and
a SUBSCRIBE to the list of their 20 contacts, with its NOTIFY.  Every twentieth request goes on with something
that is there: a SUBSCRIBE within its dialog, with its NOTIFY, or the refresh of a publication.

Other mixes show where that ends.  At three times the capacity two requests are refused for each that is
served, so the cheaper a request, the larger the part of the time that goes into refusals: `buddies` has ten
SUBSCRIBEs to single users in place of the list, `cheap` as many REGISTERs as SUBSCRIBEs and nothing else.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench_lib import builds, machine
from bench_lib.driver import Driver, Exchange, Outcome, percentile
from bench_lib.errors import BenchError
from bench_lib.simplestone import BUDDIES, Domain
from bench_lib.targets import Presentity
from bench_lib.traffic import Traffic

GOODPUT = 0.8
"""Part of the capacity that has to be left."""
NORMAL = 0.1
"""Seconds in which a request is answered when all is normal."""
RECOVERY = 3.0
"""Seconds after which all has to be normal again."""
EVERY = 20
"""One request of so many goes on with something."""
CALM = 0.3
"""Part of the capacity that is asked for afterwards."""
WINDOW = 40
"""Requests under way while everything is prepared."""
MEMBERS = 20
"""Contacts in a list: users who only publish at first, or every change would be told to all lists."""
LIST = "SUBSCRIBE to a list"
MIXES = {
    "sign-on": ("REGISTER", "PUBLISH", LIST),
    "buddies": ("REGISTER", "PUBLISH", *["SUBSCRIBE"] * BUDDIES),
    "cheap": ("REGISTER", "SUBSCRIBE"),
}
"""What new work is, by turns."""
SEARCHES = 2
SEARCH = 200
"""The same while the capacity is looked for: enough for the journal's commits to be full."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how much; seconds."""

    users: int = 20_000
    dialogs: int = 400
    owners: int = 500
    search: float = 3.0
    flood: float = 10.0
    calm: float = 8.0
    times: float = 3.0
    mix: str = "sign-on"
    rounds: int = 3


@dataclass(slots=True)
class Phase:
    """What became of the requests of a phase: when each was due, when it ended, and whether well."""

    new: list[tuple[float, float, bool]] = field(default_factory=list)
    going_on: list[tuple[float, float, bool]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    began: float = 0.0

    def good(self, until: float) -> int:
        """Exchanges that were complete by then."""
        return sum(well and ended <= until for _, ended, well in (*self.new, *self.going_on))

    def delays(self) -> list[float]:
        """Of the requests that went on with something."""
        return [ended - due for due, ended, well in self.going_on if well]


@dataclass(slots=True)
class Report:
    """The figures of a run."""

    capacity: float
    offered: float
    goodput: float
    new_p50: float
    going_on: int
    going_on_failed: int
    going_on_p50: float
    going_on_p99: float
    refusals: Counter[str]
    sent_again: int
    normal_after: float
    driver: float

    @property
    def kept(self) -> float:
        """Part of the capacity that was left."""
        return self.goodput / self.capacity

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"capacity              {self.capacity:8.0f} exchanges a second"
        yield f"offered               {self.offered:8.0f} a second ({self.offered / self.capacity:.1f} times)"
        yield f"goodput               {self.goodput:8.0f} a second ({self.kept:.0%})"
        for what, count in self.refusals.most_common():
            yield f"  answered {what}: {count}"
        yield f"  sent again by the driver: {self.sent_again}; it took {self.driver:.0%} of a processor"
        yield f"new work, p50         {self.new_p50 * 1e3:8.0f} ms"
        yield f"within dialogs, p50   {self.going_on_p50 * 1e3:8.0f} ms ({self.going_on} of them)"
        yield f"within dialogs, p99   {self.going_on_p99 * 1e3:8.0f} ms"
        yield f"within dialogs failed {self.going_on_failed:8d}"
        yield f"all normal after      {self.normal_after:8.2f} s"


class Flood:
    """Makes the requests."""

    def __init__(self, traffic: Traffic, plan: Plan) -> None:
        dialogs = plan.dialogs
        self._traffic = traffic
        self._new = itertools.cycle(MIXES[plan.mix])
        self._names = itertools.cycle(f"u{number}" for number in range(MEMBERS, plan.users))
        self._lists = traffic.list_subscriber(MEMBERS, plan.owners)
        self._driver = traffic.driver
        self._domain = Domain(traffic, max(4 * BUDDIES, dialogs // BUDDIES))
        failed = traffic.driver.through(self._domain.sign_on(), WINDOW).failed
        self._watched = itertools.cycle(traffic.publish_many(dialogs))
        if failed:
            raise BenchError(f"{failed} requests failed while preparing")
        self._turn = itertools.count(1)
        # One request at a time in each dialog, and for each publication.
        self._resting = deque((user, dialog) for user in self._domain.users for dialog in user.dialogs)
        self._phase = Phase()

    def closed(self, seconds: float) -> Phase:
        """As fast as answers come, for about so long."""
        pilot = self._driver.closed(5 * SEARCH, SEARCH, self._make)
        return self._run(lambda: self._driver.closed(int(pilot.rate * seconds), SEARCH, self._make))

    def paced(self, seconds: float, rate: float) -> Phase:
        """So many a second, whatever becomes of them."""
        return self._run(lambda: self._driver.paced(int(rate * seconds), rate, self._make))

    def _run(self, drive: Callable[[], Outcome]) -> Phase:
        phase = self._phase = Phase(began=time.monotonic())
        phase.outcome = drive()
        return phase

    def _make(self) -> Exchange:
        turn = next(self._turn)
        if turn % EVERY == 0:
            if turn // EVERY % 2 and self._traffic.published:
                return self._noted(self._traffic.refresh(), self._phase.going_on)
            if self._resting:
                user, dialog = self._resting.popleft()
                exchange = self._domain.refresh(user, dialog)
                return self._noted(
                    exchange, self._phase.going_on, lambda: self._resting.append((user, dialog))
                )
        method = next(self._new)
        if method == LIST:
            return self._noted(self._lists(), self._phase.new)
        name = next(self._names)
        if method == "SUBSCRIBE":
            exchange, _ = self._traffic.subscribe(next(self._watched), name)
            return self._noted(exchange, self._phase.new)
        number = self._driver.number()
        if method == "REGISTER":
            request = self._driver.wire.register(number, name)
        else:
            wire = self._driver.wire
            request = wire.publish(number, name, body=wire.pidf(name, turn))
        return self._noted(Exchange(number, request), self._phase.new)

    def _noted(
        self,
        exchange: Exchange,
        into: list[tuple[float, float, bool]],
        then: Callable[[], None] | None = None,
    ) -> Exchange:
        def ended() -> None:
            into.append((exchange.due, time.monotonic(), exchange.awaiting == 0))
            if then is not None:
                then()

        exchange.on_end = ended
        return exchange


def faults(reports: Sequence[Report]) -> list[str]:
    """What is not as it has to be: of most rounds, for a machine has pauses of its own."""
    found = []
    kept = median(report.kept for report in reports)
    if kept < GOODPUT:
        found.append(f"goodput is {kept:.0%} of the capacity")
    failed = sum(report.going_on_failed for report in reports)
    if failed:
        found.append(f"{failed} requests failed that go on with something")
    normal_after = median(report.normal_after for report in reports)
    if normal_after > RECOVERY:
        found.append(f"normal only after {normal_after:.1f} s")
    return found


def run(target: Presentity, plan: Plan) -> Iterator[Report]:
    """Rounds of all phases against a server that runs."""
    with Driver(target.address, patience=8.0) as driver, collector_off():
        flood = Flood(Traffic(driver, plan.users), plan)
        for _ in range(plan.rounds):
            yield _round(driver, flood, plan)


def _round(driver: Driver, flood: Flood, plan: Plan) -> Report:
    # The best of some: with less than that it would be offered too little.
    capacity = max(flood.closed(plan.search).outcome.rate for _ in range(SEARCHES))
    rate = plan.times * capacity
    driver.idle(0.2)
    much = flood.paced(plan.flood, rate)
    over = much.began + plan.flood
    little = flood.paced(plan.calm, CALM * capacity)
    late = [ended for due, ended, well in (*little.new, *little.going_on) if not well or ended - due > NORMAL]
    delays = much.delays()
    return Report(
        capacity=capacity,
        offered=rate,
        goodput=much.good(over) / plan.flood,
        new_p50=percentile([ended - due for due, ended, well in much.new if well], 0.5),
        going_on=len(much.going_on),
        going_on_failed=sum(not well for _, _, well in (*much.going_on, *little.going_on)),
        going_on_p50=percentile(delays, 0.5),
        going_on_p99=percentile(delays, 0.99),
        refusals=much.outcome.refusals,
        sent_again=much.outcome.sent_again,
        normal_after=max(0.0, max(late, default=over) - over),
        driver=much.outcome.driver_seconds / much.outcome.seconds,
    )


@contextmanager
def collector_off() -> Iterator[None]:
    """Python's collector rests: a look at all that the driver remembers would make answers late."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def one_processor() -> Iterator[None]:
    """What is started within has one processor; we get the others then, where there are any."""
    ours = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, ours[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours[1:] or ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if something is not as it has to be."""
    parser = argparse.ArgumentParser(prog="scripts/overload", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=Plan().flood, help="length of the flood (%(default)s)"
    )
    parser.add_argument("--times", type=float, default=Plan().times, help="times the capacity (%(default)s)")
    parser.add_argument(
        "--mix", choices=sorted(MIXES), default=Plan().mix, help="what new work is (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="medians count (%(default)s)")
    parser.add_argument("--work", type=Path, help="folder for data, on the disk to measure with")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server"
    )
    options = parser.parse_args(arguments)
    plan = Plan(flood=options.seconds, times=options.times, mix=options.mix, rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="presentity-overload-", dir=options.work) as folder:
        settings = [part for each in options.set for part in ("--set", each)]
        target = Presentity(Path(folder), plan.users, {MEMBERS: plan.owners}, settings)
        try:
            with one_processor():
                target.start()
            for name, value in (builds.facts() | machine.facts()).items():
                print(f"{name}: {value}")
            reports = []
            for report in run(target, plan):
                reports.append(report)
                print(f"-- round {len(reports)} of {plan.rounds}")
                print(*report.lines(), sep="\n", flush=True)
        except BenchError as error:
            print(f"overload: {error}", file=sys.stderr)
            return 2
        finally:
            target.stop()
    wrong = faults(reports)
    for fault in wrong:
        print(f"overload: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
