"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench_lib import builds, kamailio, machine, report, sipp
from bench_lib.errors import BenchError
from bench_lib.measure import Bench, Options, Result
from bench_lib.operations import LISTS, OPERATIONS, SLOW_SIZE
from bench_lib.progress import Progress, clock
from bench_lib.summary import main_table, more_table, ratio_table, rows
from bench_lib.targets import Presentity, Target

QUICK = Options(
    count=300,
    longest=2.0,
    step=0.5,
    settle=0.3,
    quiet=0.5,
    users=20_000,
    presentities=60,
    sizes=(100, 500),
    watchers=200,
    apart=0.5,
)
QUICK_PART = 0.2  # of the usual time
SPARE = 4  # users for each operation of a closed loop, beside what is there for the sizes


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the server: CPU for each operation, rates, latency, memory.",
        epilog="operations:\n"
        + "\n".join(
            f"  {name:16} {it.text}{'' if it.usual else ' (only if named)'}"
            for name, it in OPERATIONS.items()
        )
        + "\n\nThe server runs compiled if scripts/compile has been used, and on the Python of .venv"
        "\n(PRESENTITY_PYTHON=FILE PRESENTITY_VENV=FOLDER scripts/bench: on another one)."
        "\nHow to read what comes out: docs/benchmarks/README.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("operations", nargs="*", metavar="OPERATION", help="which (default: all); see below")
    made.add_argument(
        "--peer", choices=("kamailio",), help="measure this server too, one operation of each by turns"
    )
    made.add_argument(
        "--variants",
        default=",".join(kamailio.VARIANTS),
        help="ways to run the peer, of %(default)s (default: all)",
    )
    made.add_argument("--without-ours", action="store_true", help="the peer alone")
    made.add_argument("--rounds", type=int, help="how often each; medians count (default: 3, with --quick 1)")
    made.add_argument("--driver", choices=("own", "sipp"), default="own", help="who makes single requests")
    made.add_argument(
        "--quick", action="store_true", help="a few hundred operations each: does it work at all"
    )
    made.add_argument("--no-ladder", action="store_true", help="CPU only, do not look for the highest rate")
    made.add_argument("--count", type=int, help="most operations in a closed loop (default: 10000)")
    made.add_argument("--window", type=int, help="operations under way at a time (default: 20)")
    made.add_argument(
        "--settle", type=float, metavar="S", help="seconds that count after a closed loop (default: 6)"
    )
    made.add_argument(
        "--sizes", metavar="N,N...", help="for scale, memory, start (default: 1000,10000,100000)"
    )
    made.add_argument("--watchers", type=int, help="for large-fanout (default: 10000)")
    made.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of our server"
    )
    made.add_argument("--name", help="of the files that are written (default: the date)")
    made.add_argument(
        "--out",
        type=Path,
        default=machine.ROOT / "docs" / "benchmarks",
        help="folder for them (default: %(default)s)",
    )
    made.add_argument("--no-report", action="store_true", help="print the tables, write no file")
    made.add_argument(
        "--work",
        type=Path,
        default=machine.ROOT / "build" / "bench",
        help="folder for databases; on a disk, not in memory (default: %(default)s)",
    )
    return made


def options_of(chosen: argparse.Namespace) -> Options:
    """How thoroughly. Raises BenchError for what cannot be."""
    options = QUICK if chosen.quick else Options()
    if chosen.no_ladder:
        options = replace(options, ladder=False)
    for name in ("count", "window", "settle", "watchers"):
        value = getattr(chosen, name)
        if value is not None:
            if value < (0 if name == "settle" else 1):
                raise BenchError(f"--{name} {value} is too little")
            options = replace(options, **{name: value})
    if chosen.sizes:
        try:
            sizes = tuple(sorted(int(it) for it in chosen.sizes.split(",")))
        except ValueError:
            raise BenchError(f"--sizes {chosen.sizes!r} is not a list of numbers") from None
        if sizes[0] < 1:
            raise BenchError(f"--sizes {chosen.sizes!r}: each has to be at least 1")
        options = replace(options, sizes=sizes)
    return options


def users_for(options: Options, names: Sequence[str]) -> int:
    """How many users have to be there."""
    if {"scale", "memory", "start"}.intersection(names):
        return max(options.users, options.sizes[-1] + SPARE * options.count)
    return options.users


def servers(chosen: argparse.Namespace, work: Path, users: int, names: Sequence[str]) -> list[Target]:
    """What is to be measured, ours first. Raises BenchError."""
    found: list[Target] = []
    settings = [part for setting in chosen.set for part in ("--set", setting)]
    contacts = LISTS if any(OPERATIONS[name].needs_lists for name in names) else {}
    if not chosen.without_ours:
        found.append(Presentity(work, users, contacts, settings))
    if chosen.peer:
        for variant in chosen.variants.split(","):
            if variant not in kamailio.VARIANTS:
                raise BenchError(f"--variants: there is no {variant!r}, only {', '.join(kamailio.VARIANTS)}")
            found.append(kamailio.Kamailio(work, variant))
    if not found:
        raise BenchError("--without-ours needs a --peer")
    return found


def measure_all(
    targets: Sequence[Target],
    names: Sequence[str],
    options: Options,
    rounds: int,
    progress: Progress,
    driver: str,
) -> tuple[list[Result], list[str]]:
    """Every operation on every server by turns, `rounds` times; also what could not be measured, and why."""
    results: list[Result] = []
    faults: list[str] = []
    for number in range(1, rounds + 1):
        for name, target in to_measure(targets, names, options):
            progress.begin(f"{name}, {target.name}, round {number}")
            try:
                results += OPERATIONS[name].measure(Bench(target, options, progress, driver, number))
            except (BenchError, OSError) as error:
                # One thing that fails does not take with it what was measured in an hour.
                faults.append(f"{name}, {target.name}, round {number}: {error}")
            except KeyboardInterrupt:
                # What was measured in an hour is not thrown away.
                return results, [
                    *faults,
                    f"{name}, {target.name}, round {number}: interrupted; the rest too",
                ]
            progress.end(weight(name, options))
    return results, faults


def to_measure(
    targets: Sequence[Target], names: Sequence[str], options: Options
) -> Iterator[tuple[str, Target]]:
    """Each operation with each server that can do it, in the order in which they are measured."""
    for name in names:
        for target in targets:
            operation = OPERATIONS[name]
            if operation.fits(target) and not operation.takes_too_long(target, options):
                yield name, target


def weight(name: str, options: Options) -> float:
    """About how many seconds an operation takes on one server."""
    seconds = OPERATIONS[name].seconds[0 if options.ladder else 1]
    return seconds * (QUICK_PART if options.longest == QUICK.longest else 1.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 1 if something could not be measured, 2 if nothing could be begun."""
    chosen = parser().parse_args(arguments)
    try:
        names = chosen.operations or [name for name, it in OPERATIONS.items() if it.usual]
        unknown = [name for name in names if name not in OPERATIONS]
        if unknown:
            raise BenchError(f"there is no operation {unknown[0]!r}; --help lists them")
        if chosen.driver == "sipp":
            sipp.program()
        options = options_of(chosen)
        options = replace(options, users=users_for(options, names))
        chosen.work.mkdir(parents=True, exist_ok=True)
        targets = servers(chosen, chosen.work.resolve(), options.users, names)
    except BenchError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 2
    return _run(chosen, targets, names, options)


def _run(
    chosen: argparse.Namespace, targets: Sequence[Target], names: Sequence[str], options: Options
) -> int:
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    pairs = list(to_measure(targets, names, options))
    left_out = sorted(
        f"{name} on {it.name}"
        for name in names
        for it in targets
        if OPERATIONS[name].takes_too_long(it, options)
    )
    if left_out:
        print(
            f"left out, for filling them takes many minutes (with --sizes 1000,{SLOW_SIZE} it does not): "
            + ", ".join(left_out),
            file=sys.stderr,
        )
    total = rounds * sum(weight(name, options) for name, _ in pairs)
    progress = Progress(total, rounds * len(pairs))
    begun = time.monotonic()
    facts = {
        "date": time.strftime("%Y-%m-%d %H:%M %z"),
        "command": shlex.join(["scripts/bench", *sys.argv[1:]]),
        **machine.facts(),
        **(build := builds.facts()),
        "load of the machine before": str(machine.load()),
    }
    if chosen.peer:
        facts["peer"] = kamailio.version()
    if left_out:
        facts["left out"] = ", ".join(left_out)
    with _interruptible():
        results, faults = measure_all(targets, names, options, rounds, progress, chosen.driver)
    facts["taken"] = clock(time.monotonic() - begun)
    print("\n".join(f"{key}: {value}" for key, value in build.items()) + "\n")
    measured = rows(results)
    parts = (main_table(measured), ratio_table(measured, "presentity"), more_table(measured))
    print("\n".join(part for part in parts if part))
    if results and not chosen.no_report:
        name = chosen.name or time.strftime("%Y-%m-%d")
        for file in report.write(chosen.out, name, facts, results, "presentity"):
            print(f"written: {file}")
        if not report.has_plots():
            print(f"no plots: matplotlib is not there ({report.HINT})", file=sys.stderr)
    for fault in faults:
        print(f"scripts/bench: not measured: {fault}", file=sys.stderr)
    return 1 if faults else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM interrupt, and what was measured is kept.

    A shell has what it starts in the background ignore the former.
    """
    before = {it: signal.signal(it, signal.default_int_handler) for it in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
