"""The single requests with SIPp in place of the project's own driver: another hand, the same operations.

SIPp (Debian package sip-tester) makes some thousands of calls a second at most, and tells neither
percentiles nor what a rate above its own would do; CPU for each operation it shows as well as anything.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_lib.driver import Outcome
from bench_lib.errors import BenchError
from bench_lib.machine import ROOT
from bench_lib.measure import Bench, Measured, Result, fill
from bench_lib.targets import free_port
from bench_lib.traffic import Traffic
from bench_lib.wire import DOMAIN

SCENARIOS = ("register", "publish", "publish-modify", "subscribe", "message")
FOLDER = ROOT / "scripts" / "bench.d"
_FASTER = 100_000  # calls a second: as fast as the window lets it
_WAIT = 10_000  # milliseconds for each message
_PILOT = 200


def program() -> str:
    """Where it is. Raises BenchError."""
    found = shutil.which("sipp")
    if found is None:
        raise BenchError("SIPp is not there (Debian and Ubuntu: apt install sip-tester)")
    return found


def measure(bench: Bench, traffic: Traffic, name: str, result: Result) -> None:
    """A closed loop of SIPp, into `result`."""
    pilot = run(traffic, name, min(_PILOT, bench.options.count), bench.options.window)
    count = int(max(20, min(bench.options.count, pilot.rate * bench.options.longest)))
    bench.say(f"{count} by SIPp")
    measured = Measured(bench.target)
    outcome = run(traffic, name, count, bench.options.window)
    traffic.driver.idle(bench.options.settle)
    measured.stop()
    fill(result, outcome, measured)
    # SIPp tells none.
    result.p50 = result.p99 = None
    result.bound = "SIPp"


def run(traffic: Traffic, name: str, count: int, window: int) -> Outcome:
    """So many calls. Raises BenchError if SIPp does not run."""
    host, port = traffic.driver.server
    missing = count - len(traffic.published)
    if name == "publish-modify" and missing > 0:
        # Each call takes one, and gives it back at the end only.
        traffic.publish_many(missing)
    with tempfile.TemporaryDirectory(prefix="bench-sipp-") as made:
        folder = Path(made)
        (folder / "fields").write_text("\n".join(["SEQUENTIAL", *_rows(traffic, name, count)]) + "\n")
        command = [
            *(
                program(),
                f"{host}:{port}",
                "-sf",
                str(FOLDER / f"{name}.xml"),
                "-inf",
                str(folder / "fields"),
            ),
            *("-i", "127.0.0.1", "-p", str(free_port()), "-t", "u1", "-nostdin", "-buff_size", "4194304"),
            *("-m", str(count), "-l", str(window), "-r", str(_FASTER), "-recv_timeout", str(_WAIT)),
            *(
                "-trace_stat",
                "-stf",
                str(folder / "stat"),
                "-fd",
                "1",
                "-trace_logs",
                "-log_file",
                str(folder / "log"),
            ),
            *("-trace_err", "-error_file", str(folder / "err")),
        ]
        with subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            # The driver goes on answering meanwhile: MESSAGEs arrive at it.
            while process.poll() is None:
                traffic.driver.idle(0.05)
        outcome = _read(folder)
        for line in _lines(folder / "log"):
            user, _, etag = line.strip().partition(";")
            if etag:
                traffic.published.append((user, etag))
    return outcome


def _rows(traffic: Traffic, name: str, count: int) -> Iterator[str]:
    """user;domain;more, where more is the entity-tag of a publication or a watcher."""
    for _ in range(count):
        if name == "publish-modify":
            user, etag = traffic.published.popleft()
            yield f"{user};{DOMAIN};{etag}"
        elif name == "subscribe":
            user, _ = traffic.published[0]
            traffic.published.rotate()
            yield f"{user};{DOMAIN};{traffic.watcher()}"
        elif name == "message":
            yield f"{traffic.registered()};{DOMAIN};{traffic.watcher()}"
        else:
            yield f"{traffic.take()};{DOMAIN};"


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _read(folder: Path) -> Outcome:
    table = folder / "stat"
    if not table.exists():
        raise BenchError("SIPp did not run: " + "\n".join(_lines(folder / "err")[-5:]))
    rows = list(csv.reader(_lines(table), delimiter=";"))
    last = dict(zip(rows[0], rows[-1], strict=False))
    seconds = float(last["CurrentTime"].split()[-1]) - float(last["StartTime"].split()[-1])
    return Outcome(
        good=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        sent_again=int(last["Retransmissions(C)"]),
        seconds=max(seconds, 1e-3),
    )
