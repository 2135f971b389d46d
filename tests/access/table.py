"""The tables of "Who may do what" in docs/security.md, which the tests of this folder try cell by cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
CHAPTER = "Who may do what"
ROLES = ("stranger", "another user", "the owner", "a trusted peer", "an administrator")


class Cell(NamedTuple):
    """One attempt and what it gets."""

    request: str
    role: str
    outcome: str


def cells(section: str, roles: Sequence[str] = ROLES) -> list[Cell]:
    """What stands in the table below the heading `section`."""
    chapter = _below(DOCUMENT.read_text("utf-8"), f"## {CHAPTER}", "\n## ")
    lines = [it for it in _below(chapter, f"### {section}", "\n### ").splitlines() if it.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert head[1:] == list(roles), f"{section}: the columns are {head[1:]}"
    return [
        Cell(request, role, outcome)
        for request, *outcomes in rows
        for role, outcome in zip(roles, outcomes, strict=True)
    ]


def parametrised(section: str, roles: Sequence[str] = ROLES) -> pytest.MarkDecorator:
    """For a test of one cell each."""
    found = cells(section, roles)
    return pytest.mark.parametrize("cell", found, ids=[f"{it.request}-{it.role}" for it in found])


def check_complete(section: str, tried: Collection[str], roles: Sequence[str] = ROLES) -> None:
    """Every row is tried, and nothing is tried that stands in no row."""
    named = [it.request for it in cells(section, roles) if it.role == roles[0]]
    assert len(named) == len(set(named)), "a row stands twice"
    assert set(named) == set(tried)


def _below(text: str, heading: str, end: str) -> str:
    _, found, rest = text.partition(f"{heading}\n")
    assert found, f"docs/security.md has no {heading!r}"
    return rest.partition(end)[0]
