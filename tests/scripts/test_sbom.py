"""The bill of materials that goes with a release: whole, of what really runs, and CycloneDX."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytest.importorskip("cyclonedx", reason="the extra sbom is not installed")
from release_lib import parts, sbom
from release_lib.parts import MissingPart, Part, licence_of, project, server_parts


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the command writes."""
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    done = subprocess.run(
        [sys.executable, "-m", "release_lib.sbom", str(file)],
        cwd=parts.ROOT / "scripts",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(file.read_text())
    return found


def names(bill: Mapping[str, Any]) -> dict[str, Any]:
    return {it["name"]: it for it in bill["components"]}


def test_it_is_cyclonedx_and_names_the_server(bill: Mapping[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    about = bill["metadata"]["component"]
    assert (about["name"], about["version"]) == ("presentity", project()["version"])


def test_every_package_that_the_server_asks_for_is_in_it_as_installed(bill: Mapping[str, Any]) -> None:
    told = project()
    extras = told["optional-dependencies"]
    for text in [*told["dependencies"], *extras["tls"], *extras["postgres"]]:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        name = canonicalize_name(requirement.name)
        version = metadata.version(name)
        assert names(bill)[name]["purl"] == f"pkg:pypi/{name}@{version}"
        assert version in requirement.specifier


def test_so_is_what_these_need_and_nothing_that_only_tests_need(bill: Mapping[str, Any]) -> None:
    found = names(bill)
    assert {"mako", "zope-interface", "pydantic-core", "psycopg-binary", "cffi"} <= set(found)
    assert not {"pytest", "ruff", "mypy", "trustme", "cyclonedx-python-lib"} & set(found)


def test_libraries_in_c_that_come_along_have_names_of_their_own(bill: Mapping[str, Any]) -> None:
    found = names(bill)
    for name in ("libxml2", "OpenSSL", "libpq", "SQLite", "CPython"):
        assert found[name]["version"][0].isdigit()
        assert "purl" not in found[name]


def test_every_part_has_a_licence_and_is_needed_by_something(bill: Mapping[str, Any]) -> None:
    # That of Python 3.13 says nothing.
    assert {name for name, it in names(bill).items() if not it.get("licenses")} <= {"legacy-cgi"}
    needed = {ref for it in bill["dependencies"] for ref in it.get("dependsOn", ())}
    assert needed == {it["bom-ref"] for it in bill["components"]}


def test_the_same_parts_at_the_same_time_give_the_same_bill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    written = []
    for _ in range(2):
        assert sbom.main(["--extra", "tls"]) == 0
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert '"timestamp": "2027-01-15T08:00:00+00:00"' in written[0]
    assert "psycopg" not in written[0]


def test_what_is_needed_and_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = {"name": "presentity", "version": "1", "dependencies": ["nobody-has-this>=1"]}
    monkeypatch.setattr(
        parts, "project", lambda: told | {"optional-dependencies": {"tls": [], "postgres": []}}
    )
    with pytest.raises(MissingPart):
        server_parts(())
    assert sbom.main([str(tmp_path / "never.json")]) == 2
    assert capsys.readouterr().err == "sbom: nobody-has-this is needed and not installed\n"


def test_a_part_that_says_nothing_of_its_licence_says_nothing() -> None:
    assert not sbom._component(Part("x", "1"), sbom.ComponentType.LIBRARY).licenses


# -- the list for people ----------------------------------------------------------------------------------

DOCUMENT = parts.ROOT / "docs" / "dependencies.md"


def rows() -> dict[str, list[str]]:
    """Package to bounds, licence, last release, what for, and extras."""
    found = {}
    for line in DOCUMENT.read_text("utf-8").splitlines():
        cells = [it.strip() for it in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[cells[0].strip("`")] = cells[1:]
    return found


def asked_for() -> dict[str, tuple[str, set[str]]]:
    """Package to bounds and the extras that it is in, as pyproject.toml has them."""
    told = project()
    found: dict[str, tuple[str, set[str]]] = {}
    for extra, texts in {"": told["dependencies"], **told["optional-dependencies"]}.items():
        for text in texts:
            requirement = Requirement(text)
            bounds = ", ".join(sorted(str(requirement.specifier).split(","), reverse=True))
            found.setdefault(canonicalize_name(requirement.name), (bounds, set()))[1].add(extra)
    return found


def test_the_documented_list_has_each_package_with_its_bounds_and_extras() -> None:
    told = {name: (cells[0].strip("`"), cells[1]) for name, cells in rows().items()}
    asked = asked_for()
    assert told == {
        name: (bounds, ", ".join(f"`{it}`" for it in sorted(extras) if it) or "always")
        for name, (bounds, extras) in asked.items()
    }


def test_the_documented_list_says_why_and_when_and_under_which_licence() -> None:
    assert rows()
    for name, (_, _, licence, released, why) in rows().items():
        assert re.fullmatch(r"20\d\d-[01]\d", released), name
        assert why, name
        assert licence, name


FAMILIES = ("MIT", "BSD", "APACHE", "MPL", "LGPL", "GPL", "PSF", "PYTHON SOFTWARE FOUNDATION")


def families(licence: str) -> set[str]:
    """Of which kind it is, however it is written: releases differ in that."""
    return {it.replace("PYTHON SOFTWARE FOUNDATION", "PSF") for it in FAMILIES if it in licence.upper()}


def test_the_documented_licence_is_what_the_package_says() -> None:
    said = {}
    for name in asked_for():
        with suppress(metadata.PackageNotFoundError):
            said[name] = families(licence_of(name))
    known = {name: it for name, it in said.items() if it}
    assert len(known) > 20
    assert {name: families(rows()[name][2]) for name in known} == known
