"""How an operation is measured: CPU in a closed loop, then rates from low to high until one is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from bench_lib import machine
from bench_lib.driver import Driver, Exchange, Outcome, percentile
from bench_lib.errors import BenchError
from bench_lib.processes import name, pss, usage
from bench_lib.progress import Progress
from bench_lib.targets import Target
from bench_lib.traffic import Maker, OutOfUsers, Traffic

BAD = 0.001
"""Part of the operations that may fail, or need something sent again, at a rate that counts as sustained."""
STEPS = (0.25, 0.5, 0.75, 1.0, 1.2, 1.4, 1.7, 2.0)
"""Rates that are tried, as parts of that of the closed loop."""
REACHED = 0.95
"""Part of a rate that has to come about; with less the driver or the server is the bound."""
DRIVER_BUSY = 0.8
"""Part of a processor from which the driver may be the bound."""


@dataclass(frozen=True, slots=True)
class Options:
    """How thoroughly. Times are seconds."""

    count: int = 10_000
    """Most operations in a closed loop."""
    longest: float = 12.0
    """Longest closed loop."""
    window: int = 20
    """Operations under way at a time in it."""
    step: float = 3.0
    """Length of a step at a rate."""
    settle: float = 6.0
    """After a closed loop, what the server does for it still counts that long."""
    quiet: float = 34.0
    """Until no transaction is left (RFC 3261 timer J), for memory."""
    ladder: bool = True
    """Look for the highest rate as well."""
    users: int = 100_000
    presentities: int = 1000
    """Publications that there are for subscriptions, changes and messages."""
    sizes: tuple[int, ...] = (1000, 10_000, 100_000)
    """Presentities and subscriptions, for `scale`; the last is that of `memory` and `start`."""
    watchers: int = 10_000
    """For `large-fanout`."""
    apart: float = 4.0
    """From one change to the next in it."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of one rate; milliseconds."""

    asked: float
    rate: float
    bad: float
    p50: float
    p99: float
    driver: float
    """Part of a processor that the driver took."""


@dataclass(slots=True)
class Result:
    """One operation, one server, one round."""

    operation: str
    server: str
    round: int = 1
    unit: str = "operation"
    """What CPU is given for."""
    count: int = 0
    failed: int = 0
    again: int = 0
    """Messages that were sent again, by either side."""
    cpu: float | None = None
    """Microseconds of CPU for each, all processes."""
    by_process: dict[str, float] = field(default_factory=dict)
    closed_rate: float | None = None
    rate: float | None = None
    """Highest that was sustained with at most `BAD`."""
    bound: str = ""
    """"driver" where the server could have done more."""
    p50: float | None = None
    """Milliseconds, at the highest sustained step that is not above half of the closed loop's rate."""
    p99: float | None = None
    rungs: list[Rung] = field(default_factory=list)
    more: dict[str, float] = field(default_factory=dict)
    """What only this operation has; the unit is in the name."""
    refusals: dict[str, int] = field(default_factory=dict)
    load: float = field(default_factory=machine.load)
    """Load of the machine before."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def take_off(self, spent: Mapping[str, float]) -> None:
        """What something else took meanwhile: microseconds for each operation, by process."""
        self.by_process = {known: each - spent.get(known, 0.0) for known, each in self.by_process.items()}
        self.cpu = sum(self.by_process.values())


class Measured:
    """CPU of a server's processes over a stretch."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._before = usage(target.pids())
        self.seconds = 0.0
        self.by_process: dict[str, float] = {}

    def again(self) -> None:
        """From here on again, after `stop`; the stretches are added up."""
        self._before = usage(self._target.pids())

    def stop(self) -> None:
        """Until here."""
        spent = usage(self._target.pids()).since(self._before)
        self.seconds += sum(spent.values())
        for pid, seconds in spent.items():
            known = name(pid)
            self.by_process[known] = self.by_process.get(known, 0.0) + seconds


class Bench:
    """One server under one operation; `fresh` gives it empty to every stretch that needs that."""

    def __init__(
        self, target: Target, options: Options, progress: Progress, driver: str = "own", round_: int = 1
    ) -> None:
        self.target = target
        self.options = options
        self.round = round_
        self.sipp = driver == "sipp"
        self._progress = progress

    def sharing(self, options: Options) -> Bench:
        """The same with other options."""
        return self._like(self.target, options)

    def beside(self, suffix: str) -> Bench:
        """The same for the same server once more, see `Target.beside`."""
        return self._like(self.target.beside(suffix), self.options)

    def _like(self, target: Target, options: Options) -> Bench:
        return Bench(target, options, self._progress, "sipp" if self.sipp else "own", self.round)

    def say(self, text: str) -> None:
        """What is going on."""
        self._progress.say(text)

    def result(self, operation: str, unit: str = "operation") -> Result:
        """An empty one."""
        return Result(operation, self.target.name, self.round, unit)

    @contextmanager
    def fresh(self) -> Iterator[Traffic]:
        """An empty server and somebody who talks to it."""
        self.say("starting")
        try:
            self.target.start()
            with Driver(self.target.address) as driver:
                yield Traffic(driver, self.options.users)
        finally:
            self.target.stop()

    # -- CPU ----------------------------------------------------------------------------------------------

    def closed(
        self, traffic: Traffic, result: Result, make: Maker, *, window: int = 0, each: int = 1
    ) -> Outcome:
        """A closed loop, into `result`; `each`: units of CPU that one exchange is."""
        options = self.options
        window = window or options.window
        # Warm up, and see how much fits into the time.
        self.say("warming up")
        pilot = traffic.driver.closed(max(window, min(options.count // 20, 200)), window, make)
        count = int(max(window, min(options.count, pilot.rate * options.longest)))
        traffic.driver.idle(min(0.5, options.settle))
        self.say(f"{count} in a closed loop")
        measured = Measured(self.target)
        outcome = traffic.driver.closed(count, window, make)
        traffic.driver.idle(options.settle)
        measured.stop()
        fill(result, outcome, measured, each)
        return outcome

    # -- rates --------------------------------------------------------------------------------------------

    def ladder(self, result: Result, prepare: Callable[[Traffic], Maker]) -> None:
        """Rates from a quarter of the closed loop's on; each with users that are new, if need be after a
        restart.

        `prepare`: what has to be there, and the operation.
        """
        base = result.closed_rate
        if not self.options.ladder or not base:
            return
        presentities = self.options.presentities
        steps = [base * part for part in STEPS]
        doubted = False
        while steps:
            with self.fresh() as traffic:
                make = prepare(traffic)
                # What is only slow at first is no matter of the rate.
                traffic.driver.closed(min(100, self.options.count), self.options.window, make)
                fresh = True
                while steps:
                    rate = steps[0]
                    count = max(20, int(rate * self.options.step))
                    self.say(f"{rate:.0f} a second")
                    try:
                        # So many of them waiting are a server that has too much to do, whatever becomes of
                        # them.
                        outcome = traffic.driver.paced(
                            count, rate, _while_users_last(make) if fresh else make, window=presentities
                        )
                    except OutOfUsers:
                        break  # with new ones
                    fresh = False
                    traffic.driver.idle(min(1.0, self.options.settle))
                    rung = rung_of(rate, outcome)
                    result.rungs.append(rung)
                    if rung.bad > BAD and not doubted:
                        doubted = True  # a hiccup of the machine? Once more.
                        continue
                    doubted = False
                    steps.pop(0)
                    if not _worthwhile(result, rung):
                        steps.clear()
        _conclude(result, base)


def _while_users_last(make: Maker) -> Maker:
    """Makes exchanges until there is nobody left: a rung may be shorter, but not asked for for ever."""

    def some() -> Exchange:
        try:
            return make()
        except OutOfUsers:
            raise StopIteration from None

    return some


def _worthwhile(result: Result, rung: Rung) -> bool:
    """Whether a higher rate is worth trying."""
    if rung.bad > BAD:
        return False
    if rung.rate < REACHED * rung.asked:
        result.bound = "driver" if rung.driver > DRIVER_BUSY else ""
        return False
    return True


def fill(result: Result, outcome: Outcome, measured: Measured, each: int = 1) -> None:
    """Put a closed loop into a result."""
    units = outcome.good * each
    if not units:
        raise BenchError(f"{result.operation}: nothing succeeded: {dict(outcome.refusals)}")
    result.count = units
    result.failed = outcome.failed
    result.again = outcome.sent_again + outcome.received_again
    result.refusals = dict(outcome.refusals)
    result.cpu = measured.seconds / units * 1e6
    result.by_process = {known: seconds / units * 1e6 for known, seconds in measured.by_process.items()}
    result.closed_rate = outcome.rate * each
    result.p50 = percentile(outcome.delays, 0.5) * 1e3
    result.p99 = percentile(outcome.delays, 0.99) * 1e3


def rung_of(asked: float, outcome: Outcome) -> Rung:
    """A step as it is kept."""
    return Rung(
        round(asked, 1),
        round(outcome.rate, 1),
        round(outcome.bad, 5),
        round(percentile(outcome.delays, 0.5) * 1e3, 3),
        round(percentile(outcome.delays, 0.99) * 1e3, 3),
        round(outcome.driver_seconds / outcome.seconds, 2),
    )


def _conclude(result: Result, base: float) -> None:
    good = [rung for rung in result.rungs if rung.bad <= BAD]
    if not good:
        return
    result.rate = max(rung.rate for rung in good)
    calm = [rung for rung in good if rung.asked <= base * 0.5 + 1] or good[:1]
    result.p50, result.p99 = calm[-1].p50, calm[-1].p99


def memory(target: Target) -> int:
    """Bytes that all processes of the server take."""
    return pss(target.pids())


def median(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
