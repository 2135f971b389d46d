"""What a server is made of: the packages that it needs, those that they need, and what these bring along."""

from __future__ import annotations

import platform
import sqlite3
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


class MissingPart(Exception):
    """Something that is needed is not installed, so that nobody can say which version of it runs."""


class Part(NamedTuple):
    """One part.

    Attributes:
        name: of the package on PyPI, normalised, or of what a package has within.
        licence: an SPDX expression where the package says one, else its own words; "" if it says nothing.
        needs: names of the parts that it needs itself.
        python: whether it is a package of PyPI.
    """

    name: str
    version: str
    licence: str = ""
    needs: tuple[str, ...] = ()
    python: bool = True


def project() -> Mapping[str, Any]:
    """The table `project` of pyproject.toml."""
    found: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def server_parts(extras: Iterable[str]) -> tuple[Part, list[Part]]:
    """The server with these extras, and all its parts in the order of their names.

    Raises:
        MissingPart: something that is needed is not installed.
    """
    told = project()
    wanted = [*told["dependencies"], *(it for extra in extras for it in told["optional-dependencies"][extra])]
    direct = [it for it in map(Requirement, wanted) if it.marker is None or it.marker.evaluate()]
    parts: dict[str, Part] = {}
    waiting = list(direct)
    asked: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in asked:
            continue
        asked.add((name, frozenset(requirement.extras)))
        needs = list(_needs(name, requirement.extras))
        waiting += needs
        known = parts[name].needs if name in parts else ()
        names = sorted({*known, *(canonicalize_name(it.name) for it in needs)})
        parts[name] = Part(name, metadata.version(name), licence_of(name), tuple(names))
    for within, owner in _within():
        if owner in parts:
            parts[owner] = parts[owner]._replace(needs=(*parts[owner].needs, within.name))
            parts[within.name] = within
    python = Part("CPython", platform.python_version(), "PSF-2.0", ("SQLite",), python=False)
    sqlite = Part("SQLite", sqlite3.sqlite_version, "blessing", python=False)
    parts |= {it.name: it for it in (python, sqlite)}
    needed = sorted({*(canonicalize_name(it.name) for it in direct), python.name})
    # Not on PyPI: whatever has its name there is something else.
    server = Part(told["name"], told["version"], needs=tuple(needed), python=False)
    return server, [parts[name] for name in sorted(parts)]


def _needs(name: str, extras: Iterable[str]) -> Iterator[Requirement]:
    try:
        told = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        raise MissingPart(f"{name} is needed and not installed") from None
    for requirement in map(Requirement, told):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def licence_of(name: str) -> str:
    """What an installed package says of its licence, "" if nothing: an SPDX expression, or its own words."""
    told = metadata.metadata(name)
    classified = [
        it.rpartition(" :: ")[2] for it in told.get_all("Classifier") or [] if it.startswith("License :: ")
    ]
    if "License-Expression" in told:
        return told["License-Expression"]
    words = told["License"].strip() if "License" in told else ""
    # Some put the whole text there.
    return words if words and "\n" not in words else " AND ".join(classified)


def _within() -> Iterator[tuple[Part, str]]:
    """Libraries in C whose faults are found under their own names, and the packages that they come in."""
    try:
        from lxml import etree
    except ImportError:
        pass
    else:
        for name, version in (
            ("libxml2", etree.LIBXML_VERSION),
            ("libxslt", etree.LIBXSLT_VERSION),
        ):
            yield Part(name, ".".join(map(str, version)), "MIT", python=False), "lxml"
    try:
        from cryptography.hazmat.backends.openssl import backend
    except ImportError:
        pass
    else:
        version = backend.openssl_version_text().split()[1]
        yield Part("OpenSSL", version, "Apache-2.0", python=False), "cryptography"
    try:
        from psycopg import pq
    except ImportError:
        pass
    else:
        number = pq.version()
        version = f"{number // 10000}.{number % 10000}"
        yield Part("libpq", version, "PostgreSQL", python=False), "psycopg"
