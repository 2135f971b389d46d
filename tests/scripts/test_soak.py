"""scripts/soak on a real server: the load, and what is said of it, with little of both."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_lib import soak
from bench_lib.driver import Driver
from bench_lib.soak import Mark, Soak
from bench_lib.targets import Presentity


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


@pytest.mark.parametrize(
    ("requests", "expected"),
    [(1_000_000, [10_000, 100_000, 1_000_000]), (15_000, [10_000, 15_000]), (500, [500])],
)
def test_memory_is_read_at_ten_thousand_and_at_the_end(requests: int, expected: list[int]) -> None:
    assert soak.marks(requests) == expected


def test_a_mark_is_one_line() -> None:
    line = Mark(10_000, 12_000, 7.0, {"server": 100_000_000, "writer": 40_000_000}).line()
    assert line == "    10000 requests     12000 NOTIFYs      7 s   140.0 MB (server 100.0, writer 40.0)"
