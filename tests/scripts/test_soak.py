"""scripts/soak on a real server: the load, and what is said of it, with little of both."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_lib import soak
from bench_lib.connecting import Reconnecting
from bench_lib.driver import Driver
from bench_lib.errors import BenchError
from bench_lib.soak import Mark, Soak
from bench_lib.targets import Presentity, free_port


def test_a_round_ends_as_it_has_to_and_leaves_a_server_whose_memory_is_read(tmp_path: Path) -> None:
    target = Presentity(tmp_path, 20, options=["--set", "overload_wait=0"])
    target.start()
    try:
        with Driver(target.address, patience=30.0) as driver:
            load = Soak(target, driver, users=20, quiet=0.1)
            mark = load.until(100)
    finally:
        target.stop()
    assert load.failed == 0
    assert mark.requests >= 100
    assert mark.notifies > 100
    assert mark.total > 20e6


def test_clients_that_come_and_go_over_tcp_and_tls_are_part_of_it(tmp_path: Path) -> None:
    tls = ("127.0.0.1", free_port())
    target = Presentity(
        tmp_path, 20, options=["--set", "overload_wait=0", "--listen", f"tls:{tls[0]}:{tls[1]}"]
    )
    target.start()
    try:
        with Driver(target.address, patience=30.0) as driver:
            connecting = Reconnecting({"TCP": target.address, "TLS": tls}, driver.number, users=20)
            connecting.wait()
            load = Soak(target, driver, 20, 0.1, connecting, clients=4)
            mark = load.until(1)
    finally:
        target.stop()
    assert load.failed == 0
    # Each signs on over one connection, and off over another.
    assert mark.connections == 4 * 2 * 2
    assert "16 connections" in mark.line()


def test_who_is_not_answered_is_counted() -> None:
    nobody = Reconnecting({"TCP": ("127.0.0.1", free_port())}, iter(range(1, 100)).__next__, users=20)
    assert nobody.round(3) == (0, 6)
    with pytest.raises(BenchError, match="does not listen on TCP"):
        nobody.wait(0.1)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [(1_000_000, [10_000, 100_000, 1_000_000]), (15_000, [10_000, 15_000]), (500, [500])],
)
def test_memory_is_read_at_ten_thousand_and_at_the_end(requests: int, expected: list[int]) -> None:
    assert soak.marks(requests) == expected


def test_a_mark_is_one_line() -> None:
    line = Mark(10_000, 12_000, 7.0, {"server": 100_000_000, "writer": 40_000_000}).line()
    assert line == "    10000 requests     12000 NOTIFYs      7 s   140.0 MB (server 100.0, writer 40.0)"
