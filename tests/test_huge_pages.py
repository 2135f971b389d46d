"""Memory for small objects comes from huge pages where the server is compiled (decision 0019)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from presence.huge_pages import use_huge_pages
from tests.support.extensions import built

SYSTEM = Path("/sys/kernel/mm/transparent_hugepage/enabled")

BEGIN = """
import gc, sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("presence._arenas", sys.argv[1])
arenas = module_from_spec(spec)
spec.loader.exec_module(arenas)
arenas.install()

def memory(name):
    # kB, of the whole process
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith(name + ":"):
            return int(line.split()[1])

def many(count):
    return [(number, str(number)) for number in range(count)]
"""


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not sys.platform.startswith("linux"):
        pytest.skip("huge pages are asked for on Linux only")
    return built("presence._arenas", tmp_path_factory.mktemp("arenas"))


def run(extension: Path, code: str) -> str:
    command = [sys.executable, "-I", "-c", BEGIN + code, str(extension)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_new_objects_lie_in_huge_pages(extension: Path) -> None:
    if not SYSTEM.exists() or "[never]" in SYSTEM.read_text():
        pytest.skip("this system gives no huge pages")
    before, after = map(
        int,
        run(
            extension, "a = memory('AnonHugePages'); x = many(500_000); print(a, memory('AnonHugePages'))"
        ).split(),
    )
    assert after - before > 40_000


def test_what_is_let_go_goes_back_to_the_system(extension: Path) -> None:
    held, freed = map(
        int,
        run(
            extension, "x = many(500_000); a = memory('Rss'); del x; gc.collect(); print(a, memory('Rss'))"
        ).split(),
    )
    assert held - freed > 40_000


def test_what_went_back_is_taken_again(extension: Path) -> None:
    code = """
sizes = []
for turn in range(6):
    kept = many(300_000)
    assert kept[-1] == (299_999, "299999")
    sizes.append(memory("Rss"))
    del kept
print(max(sizes) - sizes[0])
"""
    assert int(run(extension, code)) < 20_000


def test_stacks_of_the_interpreter_and_arenas_are_not_taken_for_each_other(extension: Path) -> None:
    # A deep recursion takes stacks where arenas are taken, and gives them back; then each turn needs more
    # arenas than were given back before it.
    code = """
sys.setrecursionlimit(10_000)

def deep(levels):
    return deep(levels - 1) if levels else "back"

print(deep(3000))
for turn in range(4):
    kept = [[number, str(number)] for number in range(300_000 + 150_000 * turn)]
    assert all(text == str(number) for number, text in kept)
    del kept
print(deep(3000))
"""
    assert run(extension, code).split() == ["back", "back"]


def test_objects_that_were_there_before_may_go_afterwards(extension: Path) -> None:
    code = """
print("kept" if early[-1] == "199999" else "lost")
del early
gc.collect()
later = many(300_000)
print(later[-1][1])
"""
    early = "early = [str(number) for number in range(200_000)]\n"
    command = [sys.executable, "-I", "-c", early + BEGIN + code, str(extension)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout.split() == ["kept", "299999"]


def test_to_ask_for_them_twice_does_nothing(extension: Path) -> None:
    assert run(extension, "arenas.install(); print(len(many(100_000)))") == "100000"


def test_the_server_runs_without_them_where_it_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    # An import of what is None in sys.modules fails.
    monkeypatch.setitem(sys.modules, "presence._arenas", None)
    assert use_huge_pages() is False
