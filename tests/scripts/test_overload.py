"""scripts/overload on a real server for a few seconds: three times what it can do, and then little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_lib.overload import MEMBERS, Plan, Report, faults, one_processor, run
from bench_lib.targets import Presentity

BRIEF = Plan(users=2000, dialogs=200, owners=50, search=0.4, flood=2.5, calm=1.0, rounds=1)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Presentity]:
    target = Presentity(tmp_path, BRIEF.users, {MEMBERS: BRIEF.owners})
    with one_processor():
        target.start()
    yield target
    target.stop()


def test_beyond_its_capacity_the_server_refuses_what_is_new_and_serves_what_it_can(
    target: Presentity,
) -> None:
    [report] = run(target, BRIEF)
    told = "\n".join((*report.lines(), target.printed()))
    # What is more than refusing it can be done for is dropped, and comes again.
    assert set(report.refusals) <= {"503 Server is overloaded", "no answer"}, told
    assert report.refusals["503 Server is overloaded"] > 0.5 * report.capacity * BRIEF.flood, told
    # A bound that other load on this machine does not break; scripts/overload holds four fifths.
    assert report.goodput > 0.3 * report.capacity, told
    assert report.going_on > 100, told
    assert report.going_on_failed == 0, told
    # With the machine to itself it is a third of a second.
    assert report.going_on_p50 < 2.5, told
    assert report.normal_after < 10.0, told


def test_what_counts_as_failed_is_said() -> None:
    report = Report(
        capacity=1000.0, offered=3000.0, goodput=790.0, new_p50=0.1, going_on=100, going_on_failed=1,
        going_on_p50=0.1, going_on_p99=0.2, refusals=Counter(), sent_again=0, normal_after=3.1, driver=0.2,
    )  # fmt: skip
    assert faults([report]) == [
        "goodput is 79% of the capacity",
        "1 requests failed that go on with something",
        "normal only after 3.1 s",
    ]
