"""scripts/bench and scripts/profile on a real server: every operation with a few dozen requests."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bench_lib import cli, machine, report
from bench_lib.driver import Driver
from bench_lib.errors import BenchError
from bench_lib.measure import BAD, Bench, Options, Result, Rung
from bench_lib.operations import OPERATIONS, Operation, lists
from bench_lib.progress import Progress
from bench_lib.targets import Presentity, server_environment
from bench_lib.traffic import Traffic

BRIEF = Options(
    count=30,
    longest=1.0,
    window=5,
    step=0.1,
    settle=0.05,
    quiet=0.05,
    ladder=False,
    users=30_000,
    presentities=20,
    sizes=(20, 40),
    watchers=50,
    apart=0.3,
)
CONTACTS = {20: 6}
EACH = 500  # users of one operation


class Shared(Bench):
    """All operations on one running server, each with users of its own: a start takes longer than they do."""

    first = 0

    def __init__(self, target: Presentity, options: Options = BRIEF, driver: str = "own") -> None:
        super().__init__(target, options, Progress(1.0, 1, io.StringIO()), driver)

    @contextmanager
    def fresh(self) -> Iterator[Traffic]:
        Shared.first += EACH
        with Driver(self.target.address) as driver:
            yield Traffic(driver, Shared.first + EACH, Shared.first)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Presentity]:
    target = Presentity(tmp_path_factory.mktemp("bench"), BRIEF.users, CONTACTS)
    try:
        target.start()
        yield target
    finally:
        target.stop()


EXPECTED = {
    "large-fanout": ["large-fanout"],
    "mixed": ["mixed-sign-on", "mixed-steady", "mixed-sign-off"],
    "memory": ["memory-publication", "memory-subscription", "memory-binding"],
    "scale": ["scale-change-20", "scale-subscribe-20", "scale-change-40", "scale-subscribe-40"],
}


ALIKE = {"register", "publish-refresh", "fanout-100", "fanout-1000", "list-20", "list-500"}
"""What differs from another operation in figures only, or has a test of its own below."""


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ALIKE])
def test_every_operation_succeeds_and_costs_something(name, target):
    measured = OPERATIONS[name].measure(Shared(target))
    assert [it.operation for it in measured] == EXPECTED.get(name, [name])
    for result in measured:
        assert (result.failed, result.refusals) == (0, {}), result
        assert result.count > 0
        if name not in {"memory", "start"}:
            assert result.cpu is not None
            # What the other requests cost is taken off a large fan-out; of so few NOTIFYs little is left.
            assert result.cpu > 0 or name == "large-fanout"
            assert result.by_process.keys() == {"server", "writer"}


def test_a_list_is_told_of_changed_members(target, monkeypatch):
    monkeypatch.setattr(Shared, "first", -EACH)  # the members are the first users of all
    asked, told = lists(20, 6)(Shared(target))
    assert (asked.count, asked.failed) == (6, 0)
    assert told.count == 20 * 11  # each member changed once, in each of the lists that were asked for
    assert told.more["notifies"] >= 11


def test_rates_are_climbed_until_one_is_too_much(target):
    (result,) = OPERATIONS["register"].measure(Shared(target, replace(BRIEF, ladder=True)))
    assert result.rungs
    good = [rung.rate for rung in result.rungs if rung.bad <= BAD]
    assert result.rate == (max(good) if good else None)
    assert [rung.asked for rung in result.rungs] == sorted(rung.asked for rung in result.rungs)


def test_a_rate_that_needs_more_users_than_there_are_is_a_shorter_rung(target):
    minutes = replace(BRIEF, ladder=True, step=60.0)
    (result,) = OPERATIONS["register"].measure(Shared(target, minutes))
    assert [rung for rung in result.rungs if rung.rate]


@pytest.mark.sipp
@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is missing (Debian package sip-tester)")
@pytest.mark.parametrize("name", ["publish-modify", "subscribe"])
def test_sipp_makes_the_same_requests(name, target):
    (result,) = OPERATIONS[name].measure(Shared(target, driver="sipp"))
    assert (result.count, result.failed, result.bound) == (30, 0, "SIPp")


def test_a_profile_shows_both_processes(tmp_path):
    command = [
        sys.executable,
        "-m",
        "bench_lib.profiling",
        "publish",
        "--count",
        "20",
        "--work",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=server_environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    assert "## server: " in done.stdout
    assert "## writer: " in done.stdout
    assert "sip/message/parser.py" in done.stdout
    assert "presence/storage/journal/writer.py" in done.stdout


def test_what_is_written_holds_the_raw_results_and_the_machine(tmp_path):
    results = [
        Result("register", "presentity", cpu=50.0, count=7, rungs=[Rung(100.0, 99.0, 0.0, 1.0, 2.0, 0.1)])
    ]
    files = report.write(tmp_path, "now", machine.facts(), results, "presentity")
    raw = json.loads((tmp_path / "now.json").read_text())
    assert raw["results"][0]["count"] == 7
    assert raw["facts"]["sqlite"] == machine.facts()["sqlite"]
    page = (tmp_path / "now.md").read_text()
    assert "| register  | presentity | 50.0" in page
    assert (tmp_path / "now-latency.svg" in files) == (importlib.util.find_spec("matplotlib") is not None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance"], "there is no operation 'dance'"),
        (["--sizes", "many"], "--sizes 'many' is not a list of numbers"),
        (["--count", "0"], "--count 0 is too little"),
        (["--without-ours"], "--without-ours needs a --peer"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(arguments, said, tmp_path, capsys):
    assert cli.main([*arguments, "--work", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bench", "profile"])
def test_the_shell_can_read_the_script(name):
    script = machine.ROOT / "scripts" / name
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)


def test_the_rest_is_estimated_from_what_was_done():
    out = io.StringIO()
    progress = Progress(100.0, 2, out)
    progress.begin("register")
    assert "about 1:40 in all" in out.getvalue()
    assert progress.left() is None
    progress.end(100.0)
    assert progress.left() == 0.0


def test_servers_take_turns_and_what_was_measured_survives_a_fault_and_an_interruption(
    monkeypatch,
):
    done: list[str] = []

    def measure(bench: Bench) -> list[Result]:
        done.append(f"{bench.target.name} {bench.round}")
        if done[-1] == "b 1":
            raise BenchError("it fell over")
        if done[-1] == "a 2":
            raise OSError("connection refused")
        if done[-1] == "b 2":
            raise KeyboardInterrupt
        return [bench.result("dance")]

    monkeypatch.setitem(OPERATIONS, "dance", Operation("", measure, (1, 1)))
    targets = [Presentity(Path("/nowhere"), 0, name=name) for name in ("a", "b")]
    results, faults = cli.measure_all(
        targets, ["dance"], BRIEF, 3, Progress(1.0, 1, io.StringIO(), quiet=True), "own"
    )
    assert done == ["a 1", "b 1", "a 2", "b 2"]
    assert [(it.server, it.round) for it in results] == [("a", 1)]
    assert faults == [
        "dance, b, round 1: it fell over",
        "dance, a, round 2: connection refused",
        "dance, b, round 2: interrupted; the rest too",
    ]


@pytest.mark.parametrize(
    ("slow", "sizes", "measured"),
    [(True, (1000, 100_000), False), (True, (1000, 10_000), True), (False, (1000, 100_000), True)],
)
def test_what_fills_a_slow_server_for_many_minutes_is_left_out(
    slow: bool, sizes: tuple[int, ...], measured: bool
):
    target = Presentity(Path("/nowhere"), 0)
    target.slow = slow
    options = replace(BRIEF, sizes=sizes)
    found = [name for name, _ in cli.to_measure([target], ["register", "scale"], options)]
    assert found == (["register", "scale"] if measured else ["register"])
