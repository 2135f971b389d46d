"""What depends on how much there is: memory, cost over size, the start, a change with very many watchers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from bench_lib.driver import Exchange, Group, Outcome, percentile
from bench_lib.measure import BAD, Bench, Measured, Result, Rung, fill
from bench_lib.measure import memory as memory_of
from bench_lib.traffic import Maker, Traffic

TURNS = 10
"""Parts that a closed loop has where servers take turns."""
OTHERS = 100.0  # REGISTERs a second beside a large fan-out
CHANGES = 3


def note_fanout(result: Result, part: Result, outcome: Outcome, width: int) -> None:
    """A closed loop over `width` presentities at once as a step of the result; its `asked` is that number."""
    wrong = part.failed * max(1, part.count // max(1, outcome.good)) + part.again
    rung = Rung(
        float(width),
        round(outcome.notifies / outcome.seconds, 1),
        round(wrong / max(1, part.count), 5),
        round(percentile(outcome.notify_delays, 0.5) * 1e3, 3),
        round(percentile(outcome.notify_delays, 0.99) * 1e3, 3),
        round(outcome.driver_seconds / outcome.seconds, 2),
    )
    result.rungs.append(rung)
    if rung.bad <= BAD:
        result.rate = max(result.rate or 0.0, rung.rate)
    if width == 1:
        result.p50, result.p99 = rung.p50, rung.p99
        result.more["last_notify_p50_ms"] = percentile(outcome.delays, 0.5) * 1e3


def large_fanout(bench: Bench) -> list[Result]:
    """Changes of one presentity with very many watchers; other requests go on at a steady rate."""
    watchers = bench.options.watchers
    result = bench.result("large-fanout", "NOTIFY")
    with bench.fresh() as traffic:
        (group,) = traffic.publish_many(1)
        bench.say(f"{watchers} watchers")
        traffic.watch_many([group], watchers)
        traffic.driver.idle(bench.options.settle)
        alone = Measured(bench.target)
        calm = _others(traffic, None, watchers, bench.options.apart)
        traffic.driver.idle(bench.options.settle)
        alone.stop()
        measured = Measured(bench.target)
        busy = _others(traffic, group, watchers, bench.options.apart)
        traffic.driver.idle(bench.options.settle)
        measured.stop()
    others = busy.count - CHANGES
    fill(result, busy.outcome, measured)
    result.count = busy.outcome.notifies
    notifies = max(1, busy.outcome.notifies)
    result.cpu = measured.seconds / notifies * 1e6
    result.by_process = {known: seconds / notifies * 1e6 for known, seconds in measured.by_process.items()}
    # What the others take by themselves.
    result.take_off({known: seconds / notifies * 1e6 for known, seconds in alone.by_process.items()})
    result.closed_rate = None
    result.p50 = percentile(busy.outcome.notify_delays, 0.5) * 1e3
    result.p99 = percentile(busy.outcome.notify_delays, 0.99) * 1e3
    result.more = {
        "watchers": float(watchers),
        "last_notify_s": max(busy.changes, default=0.0),
        "others": float(others),
        "others_p50_ms": percentile(busy.others, 0.5) * 1e3,
        "others_p99_ms": percentile(busy.others, 0.99) * 1e3,
        "others_worst_ms": max(busy.others, default=0.0) * 1e3,
        "others_calm_p99_ms": percentile(calm.others, 0.99) * 1e3,
    }
    return [result]


class _Beside:
    """What came of changes and of the requests beside them."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.others: list[float] = []
        self.changes: list[float] = []
        self.count = 0


def _others(traffic: Traffic, group: Group | None, watchers: int, apart: float) -> _Beside:
    """REGISTERs at a rate; in between, if there is a group, changes of it."""
    found = _Beside()
    every = max(4, int(OTHERS * apart))
    found.count = every * CHANGES
    numbers = itertools.count()

    def make() -> Exchange:
        number = next(numbers)
        kept = found.others
        if group is not None and number % every == every // 4:
            exchange = traffic.change(group, watchers)
            kept = found.changes
        else:
            exchange = traffic.register()
        exchange.on_end = lambda: kept.append(time.monotonic() - exchange.due)
        return exchange

    found.outcome = traffic.driver.paced(found.count, OTHERS, make)
    return found


def memory(bench: Bench) -> list[Result]:
    """Bytes for each binding, publication and subscription; soon after, and when transactions are over."""
    count = bench.options.sizes[-1]
    results = []
    with bench.fresh() as traffic:
        empty = before = memory_of(bench.target)
        groups: list[Group] = []

        def publish() -> None:
            groups.extend(traffic.publish_many(count))

        def subscribe() -> None:
            traffic.watch_many(groups, 1)

        def register() -> None:
            with_users = Traffic(traffic.driver, bench.options.users)
            with_users.register_many(count)

        for name, work in (("publication", publish), ("subscription", subscribe), ("binding", register)):
            bench.say(f"{count} of: {name}")
            result = bench.result(f"memory-{name}", name)
            work()
            traffic.driver.idle(bench.options.settle)
            soon = memory_of(bench.target)
            traffic.driver.idle(bench.options.quiet)
            after = memory_of(bench.target)
            result.count = count
            result.more = {
                "bytes_each": (after - before) / count,
                "bytes_each_soon": (soon - before) / count,
                "all_mb": after / 2**20,
                "empty_mb": empty / 2**20,
            }
            before = after
            results.append(result)
    return results


def fill_to(bench: Bench, traffic: Traffic, size: int) -> list[Group]:
    """So many publications, each with a watcher."""
    bench.say(f"{size} publications")
    groups = traffic.publish_many(size)
    bench.say(f"{size} subscriptions")
    traffic.watch_many(groups, 1)
    return groups


@dataclass(slots=True)
class _Sized:
    """A server that was filled."""

    bench: Bench
    traffic: Traffic
    size: int
    groups: list[Group]


def scale(bench: Bench) -> list[Result]:
    """The same operations with more and more presentities and subscriptions in the server.

    There is a server for each size, and they have short turns: between two sizes the machine's speed changes
    by more than what is to be seen.  Nothing is measured before the transactions of the filling are over, for
    there are as many of them as the size says.
    """
    options = bench.options
    with ExitStack() as servers:
        sized: list[_Sized] = []
        for size in options.sizes:
            one = bench.beside(str(size))
            traffic = servers.enter_context(one.fresh())
            sized.append(_Sized(one, traffic, size, fill_to(one, traffic, size)))
        bench.say("until no transaction is left")
        sized[-1].traffic.driver.idle(options.quiet)
        for it in sized:
            it.bench.target.read_files()
        changed = _by_turns(
            sized, "change", "change with one NOTIFY", lambda it: it.traffic.changer(it.groups, 1)
        )
        asked = _by_turns(
            sized,
            "subscribe",
            "SUBSCRIBE with NOTIFY",
            lambda it: it.traffic.subscriber(itertools.cycle(it.groups)),
        )
    return [result for pair in zip(changed, asked, strict=True) for result in pair]


def _by_turns(
    sized: list[_Sized], operation: str, unit: str, maker: Callable[[_Sized], Maker]
) -> list[Result]:
    """A closed loop of each, in `TURNS` parts."""
    options = sized[0].bench.options
    count = max(1, options.count // TURNS)
    makers = [maker(it) for it in sized]
    windows = [min(options.window, it.size) for it in sized]
    for it, make, window in zip(sized, makers, windows, strict=True):
        it.bench.say(f"{operation}: warming up")
        it.traffic.driver.closed(max(window, min(count // 4, 200)), window, make)
        it.traffic.driver.idle(min(0.5, options.settle))
    measured = [Measured(it.bench.target) for it in sized]
    outcomes = [Outcome() for _ in sized]
    for turn in range(TURNS):
        for index, it in enumerate(sized):
            it.bench.say(f"{operation}, {it.size}: {count} in a closed loop ({turn + 1} of {TURNS})")
            measured[index].again()
            outcomes[index].add(it.traffic.driver.closed(count, windows[index], makers[index]))
            it.traffic.driver.idle(min(0.2, options.settle))
            measured[index].stop()
    for one in measured:
        one.again()
    sized[-1].traffic.driver.idle(options.settle)
    results = []
    for it, one, outcome in zip(sized, measured, outcomes, strict=True):
        one.stop()
        result = it.bench.result(f"scale-{operation}-{it.size}", unit)
        fill(result, outcome, one)
        result.more["size"] = float(it.size)
        results.append(result)
    return results


def start(bench: Bench) -> list[Result]:
    """A start with everything in the database; then requests while watchers are told."""
    size = bench.options.sizes[-1]
    result = bench.result("start", "start")
    with bench.fresh() as traffic:
        fill_to(bench, traffic, size)
        traffic.driver.idle(bench.options.settle)
        bench.target.stop()
        bench.target.read_files()
        bench.say("starting again")
        seconds = bench.target.start(fresh=False)
        measured = memory_of(bench.target)
        beside = traffic.driver.paced(300, OTHERS, Traffic(traffic.driver, bench.options.users).register)
    result.count = size
    result.failed = beside.failed
    result.p50 = percentile(beside.delays, 0.5) * 1e3
    result.p99 = percentile(beside.delays, 0.99) * 1e3
    result.more = {"size": float(size), "serving_s": seconds, "all_mb": measured / 2**20}
    return [result]
