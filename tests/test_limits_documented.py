"""docs/limits.md names settings and tests that exist, and every limit that is counted."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from presence.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


class Row(NamedTuple):
    limit: str
    setting: str
    default: str
    answer: str
    tests: list[str]


def rows() -> list[Row]:
    found = []
    for line in (ROOT / "docs" / "limits.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            found.append(Row(cells[0], cells[1].strip("`"), *cells[2:4], re.findall(r"`([^`]+)`", cells[4])))
    return found


def defined(file: Path) -> set[str]:
    """Names of the tests and of the classes of tests in a file, with `Class::test` for what is in one."""
    names = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = [it for it in node.body if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {f"{node.name}::{it.name}" for it in inner}
    return names


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.setting)
class TestRow:
    def test_the_setting_exists_with_this_default(self, row: Row) -> None:
        assert row.setting in Settings.model_fields
        assert str(Settings.model_fields[row.setting].default) == row.default

    def test_there_is_an_answer(self, row: Row) -> None:
        assert row.answer

    def test_the_tests_exist(self, row: Row) -> None:
        assert row.tests
        for test in row.tests:
            file, _, name = test.partition("::")
            assert name in defined(ROOT / file), test


def test_every_limit_that_is_counted_has_a_row() -> None:
    counted = set()
    for folder in ("sip", "presence", "soapapi"):
        for file in (ROOT / folder).rglob("*.py"):
            counted |= set(re.findall(r'limit(?:_reached)?(?:=|\(|: )"(\w+)"', file.read_text("utf-8")))
    assert counted
    assert counted <= {row.setting for row in rows()}


def test_no_setting_has_two_rows() -> None:
    settings = [row.setting for row in rows()]
    assert sorted(settings) == sorted(set(settings))


def test_every_setting_that_names_a_limit_has_a_row() -> None:
    named = {
        name
        for name in Settings.model_fields
        if re.match(r"max_|address_|auth_failures|login_attempts", name)
    }
    assert named <= {row.setting for row in rows()}
