"""No change makes the busiest exchanges a fifth dearer unseen.

What they cost is counted, not timed (`tests.support.costs` says how), and compared with `costs.toml` there.
Whoever makes one dearer for a reason, or cheaper, records the new figures: `scripts/costs --record`.
"""

from __future__ import annotations

import json
import os
import posixpath
import subprocess
import sys
from pathlib import Path

import pytest

from sip.core import SipCore
from sip.transport.flow import Flow
from tests.support import costs
from tests.support.costs import OPERATIONS, PYTHON, ROOT, Cost, Counter, Known, complaints, measure

TOO_LONG = 120.0  # seconds; usually it takes two
PATH = "/a/b"

pytestmark = pytest.mark.skipif(not costs.interpreted(), reason="the compiled form has no bytecode to count")


@pytest.fixture(scope="module")
def known() -> Known:
    known = costs.recorded()
    if not known:
        pytest.skip(f"no figures for Python {PYTHON} are recorded (scripts/costs --record)")
    return known


@pytest.fixture(scope="module")
def present() -> Known:
    """Counted in a process of its own: here the caches know already what other tests have used."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.costs", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=TOO_LONG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: Cost(**figures) for name, figures in json.loads(done.stdout).items()}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_costs_what_is_recorded(operation: str, known: Known, present: Known) -> None:
    assert complaints(operation, known.get(operation), present[operation]) == []


def test_all_that_is_recorded_is_counted(known: Known) -> None:
    assert known.keys() == OPERATIONS.keys()


# -- that it can fail -----------------------------------------------------------------------------------


def measured_again(operation: str) -> Cost:
    """What it costs when the caches know already what it uses, as they do the next time."""
    measure(operation)
    return measure(operation)


def busier(monkeypatch: pytest.MonkeyPatch, instructions: float) -> None:
    """Every message that comes in takes so many instructions more."""
    with Counter() as one:
        posixpath.basename(PATH)
    assert one.instructions > 0
    times = round(instructions / one.instructions)
    receive = SipCore.receive

    def receive_busily(self: SipCore, data: bytes, flow: Flow) -> None:
        for _ in range(times):
            posixpath.basename(PATH)
        receive(self, data, flow)

    monkeypatch.setattr(SipCore, "receive", receive_busily)


def test_a_quarter_more_work_for_each_message_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = measured_again("register")
    busier(monkeypatch, usual.instructions * 0.25)
    found = complaints("register", usual, measure("register"))
    assert f"instructions, recorded are {usual.instructions:g} (+2" in found[0]
    assert found[0].startswith("register: ")
    assert found[0].endswith("scripts/costs --record register")


def test_a_little_more_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = measured_again("register")
    busier(monkeypatch, usual.instructions * 0.05)
    dearer = measure("register")
    assert dearer.instructions > usual.instructions
    assert complaints("register", usual, dearer) == []


@pytest.mark.parametrize("dearer", [Cost(1210, 100, 1), Cost(1000, 121, 1), Cost(1000, 100, 2)])
def test_each_figure_is_guarded(dearer: Cost) -> None:
    (complaint,) = complaints("publish", Cost(1000, 100, 1), dearer)
    assert "make it cheaper" in complaint


def test_what_became_much_cheaper_is_to_be_recorded_or_the_guard_grows_dull() -> None:
    (complaint,) = complaints("publish", Cost(1000, 100, 1), Cost(700, 100, 1))
    assert "700 instructions, recorded are 1000 (-30%); so that it stays cheap" in complaint


def test_what_wrote_nothing_and_writes_now_is_seen() -> None:
    (complaint,) = complaints("message", Cost(1000, 100, 0), Cost(1000, 100, 1))
    assert "1 records, recorded are 0" in complaint


def test_what_is_not_recorded_is_told() -> None:
    assert complaints("publish", None, Cost(1, 1, 1)) == [
        "publish: nothing is recorded; scripts/costs --record publish"
    ]


def test_an_exchange_that_goes_wrong_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "publish", costs.Kind(lambda traffic: lambda time: None, 1))
    with pytest.raises(ValueError, match=r"0 messages were sent, not 10"):
        measure("publish")


def test_two_counts_are_alike() -> None:
    measure("fanout-100")  # fills the caches
    assert measure("fanout-100") == measure("fanout-100")


# -- recording ------------------------------------------------------------------------------------------


def test_recording_keeps_the_words_the_other_versions_and_the_other_operations(tmp_path: Path) -> None:
    file = tmp_path / "costs.toml"
    file.write_text('# why\n# and how\n\n["3.9"]\npublish = { instructions = 5, calls = 4, records = 3 }\n')
    costs.record({"register": Cost(30, 20, 0.01)}, "3.11", file)
    costs.record({"publish": Cost(300, 200, 1)}, "3.11", file)
    costs.record({"register": Cost(31, 21, 0.01)}, "3.11", file)
    assert file.read_text() == (
        "# why\n# and how\n"
        '\n["3.9"]\npublish         = { instructions = 5, calls = 4, records = 3 }\n'
        '\n["3.11"]\nregister        = { instructions = 31, calls = 21, records = 0.01 }\n'
        "publish         = { instructions = 300, calls = 200, records = 1 }\n"
    )
    assert costs.recorded("3.11", file)["publish"] == Cost(300, 200, 1)
    assert costs.recorded("3.12", file) == {}


def test_the_command_tells_by_its_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    file = tmp_path / "costs.toml"
    file.write_text("# why\n")
    monkeypatch.setattr(costs, "measure", lambda name: Cost(1000, 100, 1))
    monkeypatch.setattr(costs, "recorded", lambda: {"register": Cost(700, 100, 1)})
    assert costs.main(["register"]) == 1
    out, err = capsys.readouterr()
    assert "1000 (+42.9%)" in out
    assert err.startswith("register: 1000 instructions, recorded are 700 (+43%)")
    monkeypatch.setattr(costs, "recorded", lambda: {"register": Cost(1000, 100, 1)})
    assert costs.main(["register"]) == 0
