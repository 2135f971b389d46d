"""The operations that can be measured, by name: single requests, fan-out, lists."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench_lib import simplestone, sipp, sizes
from bench_lib.driver import Outcome
from bench_lib.measure import Bench, Measured, Options, Result, fill
from bench_lib.targets import Target
from bench_lib.traffic import Maker, Traffic

GATHERED = 1.0  # seconds, beyond the window of lists
SLOW_SIZE = 10_000  # of --sizes, on a server that stores some hundred changes a second

Prepare = Callable[[Traffic], Maker]


@dataclass(frozen=True, slots=True)
class Operation:
    """`seconds`: about how long it takes, with and without looking for the highest rate."""

    text: str
    measure: Callable[[Bench], list[Result]]
    seconds: tuple[float, float]
    needs_lists: bool = False
    needs_durable: bool = False
    usual: bool = True
    """Whether it is measured when none is named."""
    fills: bool = False
    """Whether it begins with as much as --sizes say in the server."""

    def fits(self, target: Target) -> bool:
        """Whether that server can do it."""
        return (target.lists or not self.needs_lists) and (target.durable or not self.needs_durable)

    def takes_too_long(self, target: Target, options: Options) -> bool:
        """Whether to fill that server alone takes many minutes."""
        return self.fills and target.slow and options.sizes[-1] > SLOW_SIZE


def single(name: str, prepare: Callable[[Bench, Traffic], Maker]) -> Callable[[Bench], list[Result]]:
    """An operation that is one exchange at a time."""

    def measure(bench: Bench) -> list[Result]:
        result = bench.result(name)
        if bench.sipp and name in sipp.SCENARIOS:
            with bench.fresh() as traffic:
                prepare(bench, traffic)
                sipp.measure(bench, traffic, name, result)
            return [result]
        with bench.fresh() as traffic:
            bench.closed(traffic, result, prepare(bench, traffic))
        bench.ladder(result, lambda traffic: prepare(bench, traffic))
        return [result]

    return measure


def _modify(bench: Bench, traffic: Traffic) -> Maker:
    traffic.publish_many(bench.options.presentities)
    return traffic.modify


def _refresh(bench: Bench, traffic: Traffic) -> Maker:
    traffic.publish_many(bench.options.presentities)
    return traffic.refresh


def _subscribe(bench: Bench, traffic: Traffic) -> Maker:
    groups = traffic.publish_many(bench.options.presentities)
    return traffic.subscriber(itertools.cycle(groups))


def _message(bench: Bench, traffic: Traffic) -> Maker:
    traffic.register_many(bench.options.presentities)
    return traffic.message


def fanout(watchers: int) -> Callable[[Bench], list[Result]]:
    """Changes of one presentity, each told to so many watchers; then of several presentities at once."""

    def measure(bench: Bench) -> list[Result]:
        result = bench.result(f"fanout-{watchers}", "NOTIFY")
        options = bench.options
        atonce = (1, 2, 4, 8) if options.ladder else (1,)
        with bench.fresh() as traffic:
            for width in atonce:
                groups = traffic.publish_many(width)
                bench.say(f"{width} x {watchers} watchers")
                traffic.watch_many(groups, watchers)
                make = traffic.changer(groups, watchers)
                part = result if width == 1 else replace(result, by_process={}, more={}, refusals={})
                few = replace(options, count=max(3 * width, options.count * 2 // watchers))
                outcome = bench.sharing(few).closed(traffic, part, make, window=width, each=watchers)
                sizes.note_fanout(result, part, outcome, width)
        return [result]

    return measure


def lists(members: int, owners: int) -> Callable[[Bench], list[Result]]:
    """SUBSCRIBE to lists of so many members; then changes of the members, told of in all lists.

    What a change costs is what it costs more than one of which nobody is told, for each list.
    """

    def measure(bench: Bench) -> list[Result]:
        name = f"list-{members}"
        asked = bench.result(name, "list SUBSCRIBE")
        told = bench.result(f"{name}-change", "changed member in a list")
        with bench.fresh() as traffic:
            traffic.publish_many(members)
            alone, untold = _changes(bench, traffic, members)
            subscribe = traffic.list_subscriber(members, owners)
            traffic.set_up(min(owners, 5), subscribe)
            measured = Measured(bench.target)
            outcome = traffic.set_up(owners, subscribe, 1 if owners == 1 else bench.options.window)
            traffic.driver.idle(bench.options.settle)
            measured.stop()
            fill(asked, outcome, measured)
            watching = owners + min(owners, 5)
            traffic.driver.idle(0.5)
            measured, changes = _changes(bench, traffic, members)
            fill(told, changes, measured, each=watching)
            told.more["notifies"] = float(changes.notifies)
            told.more["publish_alone_us"] = alone.seconds / untold.good * 1e6
            told.more["with_publish_us"] = measured.seconds / told.count * 1e6
            told.take_off(
                {known: seconds / untold.good / watching * 1e6 for known, seconds in alone.by_process.items()}
            )
        return [asked, told]

    return measure


def _changes(bench: Bench, traffic: Traffic, members: int) -> tuple[Measured, Outcome]:
    """Some changes of each member."""
    measured = Measured(bench.target)
    changes = Outcome()
    for _ in range(max(1, min(5, bench.options.count // (members * 10)))):
        one = traffic.set_up(members, traffic.modify, min(members, bench.options.window))
        # Longer than the server gathers changes: who changes again within that is told of once.
        one.notifies += traffic.driver.idle(GATHERED).notifies
        changes.good += one.good
        changes.notifies += one.notifies
        changes.seconds += one.seconds
    changes.notifies += traffic.driver.idle(bench.options.settle).notifies
    measured.stop()
    return measured, changes


OPERATIONS: dict[str, Operation] = {
    "register": Operation(
        "REGISTER of a new contact", single("register", lambda _, it: it.register), (60, 15)
    ),
    "publish": Operation("first PUBLISH, 700 bytes", single("publish", lambda _, it: it.publish), (60, 15)),
    "publish-modify": Operation("PUBLISH of another document", single("publish-modify", _modify), (55, 15)),
    "publish-refresh": Operation(
        "PUBLISH without a body", single("publish-refresh", _refresh), (55, 15), usual=False
    ),
    "subscribe": Operation(
        "SUBSCRIBE with its NOTIFY and the 200 to that", single("subscribe", _subscribe), (65, 20)
    ),
    "message": Operation("MESSAGE to a registered user", single("message", _message), (55, 15)),
    "fanout-1": Operation("a change told to one watcher", fanout(1), (50, 15), usual=False),
    "fanout-10": Operation("a change told to 10 watchers, for each NOTIFY", fanout(10), (60, 20)),
    "fanout-100": Operation("a change told to 100 watchers, for each NOTIFY", fanout(100), (70, 20)),
    "fanout-1000": Operation("a change told to 1000 watchers, for each NOTIFY", fanout(1000), (90, 25)),
    "large-fanout": Operation(
        "a change told to 10,000 watchers, and the latency of REGISTER meanwhile",
        sizes.large_fanout,
        (80, 80),
    ),
    "list-20": Operation("SUBSCRIBE to 200 lists of 20 members, and changes", lists(20, 200), (40, 40), True),
    "list-500": Operation("SUBSCRIBE to a list of 500 members, and changes", lists(500, 1), (40, 40), True),
    "mixed": Operation("SIMPLEstone: sign-on, steady state, sign-off", simplestone.measure, (70, 70)),
    "memory": Operation(
        "memory for each object, with the largest of --sizes", sizes.memory, (120, 120), fills=True
    ),
    "scale": Operation("cost of a change and a SUBSCRIBE over --sizes", sizes.scale, (110, 110), fills=True),
    "start": Operation(
        "start with the largest of --sizes in the database",
        sizes.start,
        (60, 60),
        needs_durable=True,
        fills=True,
    ),
}
LISTS = {20: 200, 500: 1}
"""Contacts that are provisioned: members of a list, and how many such lists."""
