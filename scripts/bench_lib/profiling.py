"""The command line of `scripts/profile`: where the CPU goes in an operation, for each process of the server.

cProfile makes every call dearer, so its seconds are shares: the table scales them to the CPU that the same
number of operations took in that process without it.  Calls for each operation are exact.
"""

from __future__ import annotations

import argparse
import itertools
import marshal
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench_lib import builds, machine
from bench_lib.driver import Driver
from bench_lib.errors import BenchError
from bench_lib.operations import LISTS
from bench_lib.processes import name as process_name
from bench_lib.processes import usage
from bench_lib.summary import number, table
from bench_lib.targets import Presentity, tail
from bench_lib.traffic import Maker, Traffic

HOOK = Path(__file__).resolve().parent / "hook"
PRESENTITIES = 500
CALLGRIND_COUNT = 200
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Work:
    """What is profiled: the operation, how many may be under way, how many units each is."""

    make: Maker
    window: int
    each: int = 1


def _subscribing(traffic: Traffic) -> Work:
    return Work(traffic.subscriber(itertools.cycle(traffic.publish_many(PRESENTITIES))), 20)


def _modifying(traffic: Traffic) -> Work:
    traffic.publish_many(PRESENTITIES)
    return Work(traffic.modify, 20)


def _refreshing(traffic: Traffic) -> Work:
    traffic.publish_many(PRESENTITIES)
    return Work(traffic.refresh, 20)


def _messaging(traffic: Traffic) -> Work:
    traffic.register_many(PRESENTITIES)
    return Work(traffic.message, 20)


def _fanout(watchers: int) -> Callable[[Traffic], Work]:
    def prepare(traffic: Traffic) -> Work:
        groups = traffic.publish_many(1)
        traffic.watch_many(groups, watchers)
        return Work(traffic.changer(groups, watchers), 1, watchers)

    return prepare


def _listing(members: int) -> Callable[[Traffic], Work]:
    def prepare(traffic: Traffic) -> Work:
        traffic.publish_many(members)
        return Work(traffic.list_subscriber(members, LISTS[members]), 20 if LISTS[members] > 1 else 1)

    return prepare


OPERATIONS: dict[str, tuple[Callable[[Traffic], Work], int]] = {
    "register": (lambda traffic: Work(traffic.register, 20), 3000),
    "publish": (lambda traffic: Work(traffic.publish, 20), 3000),
    "publish-modify": (_modifying, 3000),
    "publish-refresh": (_refreshing, 3000),
    "subscribe": (_subscribing, 3000),
    "message": (_messaging, 3000),
    "fanout-10": (_fanout(10), 1000),
    "fanout-100": (_fanout(100), 150),
    "fanout-1000": (_fanout(1000), 20),
    "list-20": (_listing(20), 400),
    "list-500": (_listing(500), 20),
}
"""How each is prepared, and how many are profiled."""


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="scripts/profile",
        description="Show where the CPU goes in an operation, by module and function, in both processes.",
        epilog="operations: " + ", ".join(OPERATIONS),
    )
    made.add_argument("operation", choices=OPERATIONS, metavar="OPERATION")
    made.add_argument(
        "--method",
        choices=("cprofile", "perf", "callgrind"),
        default="cprofile",
        help="cprofile: Python functions; perf: what of it is interpreter, kernel, libraries (needs perf);"
        " callgrind: instructions for each operation (needs valgrind, slow)",
    )
    made.add_argument("--count", type=int, help="operations that are profiled")
    made.add_argument("--lines", type=int, default=40, help="functions that are shown (default: 40)")
    made.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the profiles here (for pstats, callgrind_annotate)"
    )
    made.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the server"
    )
    made.add_argument(
        "--work", type=Path, default=machine.ROOT / "build" / "bench", help="folder for databases"
    )
    return made


class Profiler:
    """One operation on one server."""

    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self._chosen = chosen
        self._folder = folder
        self._prepare, usual = OPERATIONS[chosen.operation]
        if chosen.method == "callgrind":
            usual = max(5, usual * CALLGRIND_COUNT // 3000)
        self.count: int = chosen.count or usual

    def target(self, prefix: Iterable[str] = (), **environment: str) -> Presentity:
        """A server under that program, with those variables."""
        chosen = self._chosen
        contacts = LISTS if chosen.operation.startswith("list") else {}
        users = 2 * PRESENTITIES + 3 * self.count + 2000
        users += -users % 1000  # so that few databases are made
        settings = [part for setting in chosen.set for part in ("--set", setting)]
        work = chosen.work.resolve()
        return Presentity(work, users, contacts, settings, environment, "profiled", list(prefix))

    def cprofile(self) -> str:
        """Both processes, with seconds scaled to what they take without the profiler."""
        paths = os.pathsep.join([str(HOOK), str(machine.ROOT), str(machine.ROOT / "scripts")])
        target = self.target(BENCH_PROFILE=str(self._folder), PYTHONPATH=paths)
        try:
            target.start()
            with Driver(target.address) as driver:
                traffic = Traffic(driver, 1 << 30)
                work = self._prepare(traffic)
                driver.closed(max(work.window, self.count // 20), work.window, work.make)
                driver.idle(1.0)
                before = usage(target.pids())
                units = driver.closed(self.count, work.window, work.make).good * work.each
                plain = usage(target.pids()).since(before)
                _signal(plain, signal.SIGUSR1)
                again = driver.closed(self.count, work.window, work.make).good * work.each
                _signal(plain, signal.SIGUSR2)
                if not units or not again:
                    raise BenchError(f"no {self._chosen.operation} succeeded")
                parts = []
                for pid, seconds in plain.items():
                    name = process_name(pid)
                    file = _appear(self._folder / f"{pid}.prof", driver)
                    file = file.rename(self._folder / f"{self._chosen.operation}-{name}.prof")
                    parts.append(profile_text(name, file, seconds / units * 1e6, again, self._chosen.lines))
        finally:
            target.stop()
        return "\n".join(parts)

    def perf(self) -> str:
        """Samples of the processor, by library and symbol."""
        program = _found("perf", "linux-perf")
        target = self.target()
        data = self._folder / "perf.data"
        try:
            target.start()
            with Driver(target.address) as driver:
                work = self._prepare(Traffic(driver, 1 << 30))
                pids = ",".join(map(str, target.pids()))
                command = [program, "record", "-q", "-F", "1999", "-o", str(data), "-p", pids]
                with subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                ) as recorder:
                    driver.idle(0.5)
                    driver.closed(self.count, work.window, work.make)
                    recorder.send_signal(signal.SIGINT)
                    _, said = recorder.communicate(timeout=PATIENCE)
        finally:
            target.stop()
        if not data.exists():
            raise BenchError(f"perf recorded nothing: {said.strip()}")
        parts = []
        for sort in ("comm,dso", "comm,dso,symbol"):
            command = [
                program,
                "report",
                "-i",
                str(data),
                "--stdio",
                "--sort",
                sort,
                "--percent-limit",
                "0.7",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            kept = [
                line.rstrip()
                for line in done.stdout.splitlines()
                if line.strip() and not line.startswith("#")
            ]
            parts.append("\n".join(kept[: self._chosen.lines]))
        return "\n\n".join(parts) + "\n"

    def callgrind(self) -> str:
        """Instructions for each operation: those of twice as many, less those of as many."""
        program = _found("valgrind", "valgrind")
        counts = [self._instructions(program, times) for times in (1, 2)]
        names = [name for name in counts[1] if name in counts[0]]
        lines = [(name, number((counts[1][name] - counts[0][name]) / self.count / 1e3)) for name in names]
        return table(
            ("process", f"thousand instructions for each exchange of {self._chosen.operation}"), lines
        )

    def _instructions(self, program: str, times: int) -> dict[str, int]:
        folder = self._folder / f"callgrind-{times}"
        folder.mkdir(exist_ok=True)
        prefix = [program, "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/%p"]
        target = self.target(prefix)
        try:
            target.start()
            with Driver(target.address, patience=120.0) as driver:
                work = self._prepare(Traffic(driver, 1 << 30))
                driver.closed(self.count * times, work.window, work.make)
                names = {pid: process_name(pid) for pid in target.pids()}
        finally:
            target.stop()
        found: dict[str, int] = {}
        for file in folder.iterdir():
            totals = [
                line
                for line in file.read_text(errors="replace").splitlines()
                if line.startswith(("totals:", "summary:"))
            ]
            known = names.get(int(file.name.partition(".")[0]))
            if known and totals:
                found["writer" if known == "writer" else "main"] = int(totals[-1].split()[1])
        return found


def profile_text(name: str, file: Path, microseconds: float, operations: int, lines: int) -> str:
    """Modules and functions of one process; `microseconds`: what an operation takes without profiler."""
    stats = marshal.loads(file.read_bytes())
    # What waits for the socket is not at work.
    own = {key: (calls, time_) for key, (_, calls, time_, _, _) in stats.items() if not _waits(key)}
    total = sum(seconds for _, seconds in own.values()) or 1e-9
    scale = microseconds / total
    modules: dict[str, tuple[int, float]] = {}
    for (path, _, _), (calls, seconds) in own.items():
        so_far = modules.get(_module(path), (0, 0.0))
        modules[_module(path)] = (so_far[0] + calls, so_far[1] + seconds)
    head = f"## {name}: {number(microseconds)} µs an operation without profiler ({operations} profiled)\n"
    by_module = [
        (module, number(seconds * scale), f"{seconds / total:.1%}", number(calls / operations))
        for module, (calls, seconds) in sorted(modules.items(), key=lambda it: -it[1][1])[:lines]
    ]
    by_function = [
        (
            f"{_module(path)}:{line} {function}" if line else function,
            number(seconds * scale),
            f"{seconds / total:.1%}",
            number(calls / operations),
        )
        for (path, line, function), (calls, seconds) in sorted(own.items(), key=lambda it: -it[1][1])[:lines]
    ]
    columns = ("own µs", "share", "calls")
    return f"{head}\n{table(('module', *columns), by_module)}\n{table(('function', *columns), by_function)}"


_WAITS = ("'poll' of 'select.epoll'", "'recv' of '_socket.socket'")


def _waits(key: tuple[str, int, str]) -> bool:
    # The writer waits in recv for its next batch; the time that it works there is small beside.
    return any(part in key[2] for part in _WAITS)


def _module(path: str) -> str:
    """The name that a file is known by."""
    if path == "~":
        return "(built in)"
    root = str(machine.ROOT) + os.sep
    if path.startswith(root) and ".venv" not in path:
        return path.removeprefix(root)
    for mark in (
        "site-packages" + os.sep,
        f"python{sys.version_info.major}.{sys.version_info.minor}" + os.sep,
    ):
        if mark in path:
            return path.rpartition(mark)[2]
    return path


def _signal(pids: Iterable[int], number_: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number_)
    time.sleep(0.3)


def _appear(file: Path, driver: Driver) -> Path:
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > deadline:
            raise BenchError(f"process {file.stem} wrote no profile")
        driver.idle(0.1)
    return file


def _found(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BenchError(f"{program} is not there (Debian and Ubuntu: apt install {package})")
    return found


def main() -> int:
    """Returns the exit status: 0, or 2 if nothing could be profiled."""
    chosen = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-profile-") as made:
        folder = chosen.keep.resolve() if chosen.keep else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        chosen.work.mkdir(parents=True, exist_ok=True)
        profiler = Profiler(chosen, folder)
        try:
            # cProfile sees no function that is compiled: it has the source run.
            form = builds.INTERPRETED if chosen.method == "cprofile" else builds.form()
            print(f"# {chosen.operation} ({form})\n\n" + getattr(profiler, chosen.method)())
        except BenchError as error:
            print(f"scripts/profile: {error}\n{tail(chosen.work / 'profiled.log')}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
