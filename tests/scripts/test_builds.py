"""What a report says of the Python and of the form of the server."""

from __future__ import annotations

import py_compile
import sysconfig
from pathlib import Path

import pytest
from bench_lib import builds, machine, targets


@pytest.mark.parametrize(
    ("arguments", "schemes", "said"),
    [
        ("'--enable-shared' '--enable-optimizations'", ("venv",), "built with --enable-optimizations"),
        ("'--prefix=/usr'", ("venv", "deb_system"), "built by Debian, optimized"),
        ("'--enable-shared'", ("venv",), "built WITHOUT --enable-optimizations"),
        (None, ("venv",), "built WITHOUT --enable-optimizations"),
    ],
)
def test_how_well_python_was_built(
    arguments: str | None, schemes: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": arguments}.get)
    monkeypatch.setattr(sysconfig, "get_scheme_names", lambda: schemes)
    assert builds.optimized() == said


def test_the_source_runs_where_nothing_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert builds.form() == "Python source"


def test_the_compiled_form_runs_where_it_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "compiled" / "sip"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    # A module that has no source: as good as one in C.
    py_compile.compile(str(package / "__init__.py"), cfile=str(package / "core.pyc"))
    monkeypatch.setattr(targets, "COMPILED", str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    assert builds.form() == "compiled by mypyc"


def test_the_speed_of_python_is_some_nanoseconds() -> None:
    assert 1 < builds.step_nanoseconds() < 100_000


def test_how_fast_memory_is_given_is_measured() -> None:
    assert 1 < machine.fresh_memory() < 1_000_000
